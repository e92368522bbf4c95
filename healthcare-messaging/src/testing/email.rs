use crate::{ClinicName, EmailTransport, NoticeText, NoticeValues, OutgoingEmail, Template, VisitTime};
use healthcare_core::{Clinic, ClinicId, Email, Id, clinic};
use uuid::Uuid;

/// An e-mail as it came out at the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedEmail {
    /// Its `Message-ID`, without the angle brackets; of a transport that writes none, the id alone.
    pub id: String,
    /// The subject, decoded.
    pub subject: String,
    /// The text, decoded, its lines ended by `\n`.
    pub text: String,
}

/// An address that nobody else uses.
#[must_use]
#[allow(clippy::unwrap_used)]
pub fn sample_address() -> Email {
    format!("{}@patients.example", Uuid::now_v7().simple()).parse().unwrap()
}

/// An e-mail to this address, from a clinic whose name is hard to write.
#[must_use]
#[allow(clippy::unwrap_used)]
pub fn sample_email(to: Email) -> OutgoingEmail {
    OutgoingEmail { id: Uuid::now_v7(), to, text: sample_text("Your appointment at {clinic}", HARD) }
}

/// Lines that begin with a dot, one that is longer than a line of SMTP may be, letters that are not ASCII.
const HARD: &str = concat!(
    "You are expected at {clinic}\non {day} at {time} ({zone}).\n\n.\n..\n.dots — “and” Ümläute\n",
    include_str!("long_line.txt"),
);

#[allow(clippy::unwrap_used)]
fn sample_text(subject: &'static str, text: &'static str) -> NoticeText {
    let id = ClinicId::random();
    let plain = clinic::Plain {
        name: "Praxis “Zum Kai”, Köln".to_owned(),
        slug: "kai".to_owned(),
        zone: "Europe/Berlin".parse().unwrap(),
        active: true,
        plugins: "{}".to_owned(),
    };
    let record = Clinic::new(Id::from_uuid(id.as_uuid()), id, plain, clinic::Protected {});
    let starts = "2026-03-01T08:30:00Z".parse().unwrap();
    let visit = VisitTime::new(starts, &record.zone);
    Template::new(subject, text).unwrap().render(&NoticeValues { clinic: ClinicName::of(&record), visit })
}

/// Runs every case. `received` waits for what came for an address: as many e-mails as are said, and no longer than a while.
///
/// # Panics
/// When the transport breaks its contract.
pub async fn email_contract(
    transport: &dyn EmailTransport,
    received: impl AsyncFn(&Email, usize) -> Vec<ReceivedEmail>,
) {
    an_email_arrives_as_it_was_written(transport, &received).await;
    the_same_email_has_the_same_id(transport, &received).await;
    each_arrives_where_it_was_sent(transport, &received).await;
    nothing_is_shown(transport);
}

async fn an_email_arrives_as_it_was_written(
    transport: &dyn EmailTransport,
    received: &impl AsyncFn(&Email, usize) -> Vec<ReceivedEmail>,
) {
    let email = sample_email(sample_address());
    transport.send(&email).await.expect("the transport sends");
    let all = received(&email.to, 1).await;
    let [one] = all.as_slice() else { panic!("one e-mail: {all:?}") };
    assert_eq!((one.subject.as_str(), one.text.as_str()), (email.text.subject(), email.text.text()));
    assert!(one.id.starts_with(&email.id.to_string()), "{}", one.id);
}

async fn the_same_email_has_the_same_id(
    transport: &dyn EmailTransport,
    received: &impl AsyncFn(&Email, usize) -> Vec<ReceivedEmail>,
) {
    let email = sample_email(sample_address());
    transport.send(&email).await.expect("the transport sends");
    transport.send(&email).await.expect("the transport sends");
    let all = received(&email.to, 2).await;
    let [first, second] = all.as_slice() else { panic!("two e-mails: {all:?}") };
    assert_eq!(first.id, second.id, "by which a mailbox can tell that it has it");
}

async fn each_arrives_where_it_was_sent(
    transport: &dyn EmailTransport,
    received: &impl AsyncFn(&Email, usize) -> Vec<ReceivedEmail>,
) {
    let emails: Vec<_> = (0..8).map(|_| sample_email(sample_address())).collect();
    let sent = futures_util::future::join_all(emails.iter().map(|email| transport.send(email))).await;
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    for email in &emails {
        let all = received(&email.to, 1).await;
        assert!(all.len() == 1 && all.iter().all(|one| one.id.starts_with(&email.id.to_string())), "{all:?}");
    }
}

fn nothing_is_shown(transport: &dyn EmailTransport) {
    let email = sample_email(sample_address());
    let shown = format!("{transport:?} {email:?}");
    assert!(!shown.contains(email.to.as_str()) && !shown.contains("expected"), "{shown}");
}
