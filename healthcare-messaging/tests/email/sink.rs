//! A real server of another make, which keeps what it is given: started by `cargo xtask test`.

use healthcare_core::Email;
use healthcare_messaging::{
    EmailFailure, EmailTransport, SmtpEmail,
    testing::{ReceivedEmail, email_contract, sample_address, sample_email},
};
use serde::Deserialize;
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

/// The sink's directory: its ports and its certificate, and a file for each message.
struct Sink(PathBuf);

#[derive(Deserialize)]
struct Ports {
    plain: u16,
    starttls: u16,
    smtps: u16,
}

#[derive(Deserialize)]
struct Kept {
    to: Vec<String>,
    #[serde(flatten)]
    email: Decoded,
    tls: bool,
    user: Option<String>,
    automatic: Option<String>,
    from: String,
}

#[derive(Deserialize, Clone)]
struct Decoded {
    id: String,
    subject: String,
    text: String,
}

impl Sink {
    fn find() -> Self {
        let url = std::env::var("HEALTHCARE_TEST_SMTP_SINK").expect("cargo xtask services up");
        let at = url.strip_prefix("smtp://").unwrap();
        Self(at[at.find('/').unwrap()..].into())
    }

    fn ports(&self) -> Ports {
        serde_json::from_slice(&std::fs::read(self.0.join("ports.json")).unwrap()).unwrap()
    }

    fn ca(&self) -> Vec<u8> {
        std::fs::read(self.0.join("ca.pem")).unwrap()
    }

    fn kept(&self, to: &Email) -> Vec<Kept> {
        let mut files: Vec<_> = std::fs::read_dir(self.0.join("mail"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
            .collect();
        files.sort();
        let read = files.iter().map(|path| std::fs::read(path).unwrap());
        let kept = read.map(|bytes| serde_json::from_slice::<Kept>(&bytes).unwrap());
        kept.filter(|kept| kept.to == [to.as_str()]).collect()
    }

    /// Waits for as many, and no longer than half a minute.
    async fn until(&self, to: &Email, count: usize) -> Vec<Kept> {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let kept = self.kept(to);
            if kept.len() >= count || Instant::now() > deadline {
                return kept;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn received(&self, to: &Email, count: usize) -> Vec<ReceivedEmail> {
        let kept = self.until(to, count).await.into_iter().map(|kept| kept.email);
        kept.map(|Decoded { id, subject, text }| ReceivedEmail { id, subject, text }).collect()
    }

    fn transport(&self, url: &str) -> SmtpEmail {
        let builder =
            SmtpEmail::builder(url.parse().unwrap(), "Quay Practice <post@quay.example>".parse().unwrap());
        builder.root(self.ca()).data_time_max(Duration::from_secs(2)).build().unwrap()
    }
}

/// An address on which the sink does something wrong.
fn wrong(what: &str) -> Email {
    let address = sample_address();
    format!("{what}-{}", address.as_str()).parse().unwrap()
}

#[tokio::test]
#[ignore = "needs an SMTP sink: cargo xtask test"]
async fn smtp_keeps_the_contract() {
    let sink = Sink::find();
    let Ports { plain, starttls, smtps } = sink.ports();
    for url in [
        format!("smtp://127.0.0.1:{plain}"),
        format!("smtp://user:secret@localhost:{starttls}?tls=starttls"),
        format!("smtps://user:secret@localhost:{smtps}"),
    ] {
        let transport = sink.transport(&url);
        email_contract(&transport, async |to, count| sink.received(to, count).await).await;
    }
}

#[tokio::test]
#[ignore = "needs an SMTP sink: cargo xtask test"]
async fn what_is_sent_is_encrypted_signed_in_and_marked_as_automatic() {
    let sink = Sink::find();
    let Ports { starttls, smtps, .. } = sink.ports();
    for url in [
        format!("smtp://user:secret@localhost:{starttls}?tls=starttls"),
        format!("smtps://user:secret@localhost:{smtps}"),
    ] {
        let email = sample_email(sample_address());
        sink.transport(&url).send(&email).await.unwrap();
        let kept = sink.until(&email.to, 1).await;
        let [kept] = kept.as_slice() else { panic!("one message") };
        assert!(kept.tls, "{url}");
        assert_eq!(kept.user.as_deref(), Some("user"));
        assert_eq!(kept.automatic.as_deref(), Some("auto-generated"));
        assert_eq!(kept.from, "post@quay.example");
        assert!(kept.email.id.ends_with("@quay.example"), "{}", kept.email.id);
    }
}

#[tokio::test]
#[ignore = "needs an SMTP sink: cargo xtask test"]
async fn a_certificate_that_is_not_trusted_ends_it() {
    let sink = Sink::find();
    let Ports { starttls, smtps, .. } = sink.ports();
    let to = sample_address();
    for (url, class) in [
        (format!("smtp://user:secret@localhost:{starttls}?tls=starttls"), "smtp.tls"),
        (format!("smtps://user:secret@localhost:{smtps}"), "smtp.tls"),
    ] {
        let stranger =
            SmtpEmail::builder(url.parse().unwrap(), "post@quay.example".parse().unwrap()).build().unwrap();
        let failed = stranger.send(&sample_email(to.clone())).await;
        assert_eq!(failed, Err(EmailFailure::TryLater(class)), "{url}");
        // Another name than the certificate's.
        let url = url.replace("localhost", "127.0.0.1");
        let failed = sink.transport(&url).send(&sample_email(to.clone())).await;
        assert_eq!(failed, Err(EmailFailure::TryLater(class)), "{url}");
    }
    let wrong_password = sink.transport(&format!("smtps://user:wrong@localhost:{smtps}"));
    let failed = wrong_password.send(&sample_email(to.clone())).await;
    assert_eq!(failed, Err(EmailFailure::TryLater("smtp.sign-in")));
    assert!(sink.kept(&to).is_empty());
}

#[tokio::test]
#[ignore = "needs an SMTP sink: cargo xtask test"]
async fn a_real_servers_answers_mean_what_they_say() {
    use EmailFailure::{Refused, TryLater, Unknown};
    let sink = Sink::find();
    let transport = sink.transport(&format!("smtp://127.0.0.1:{}", sink.ports().plain));
    for (what, meant, kept) in [
        ("nobody", Refused("smtp.recipient"), 0),
        ("busy", TryLater("smtp.later"), 0),
        ("spam", Refused("smtp.message"), 0),
        ("full", TryLater("smtp.later"), 0),
        // It has it, and nobody can know.
        ("cut", Unknown("smtp.unknown"), 1),
        ("mute", Unknown("smtp.unknown"), 1),
    ] {
        let email = sample_email(wrong(what));
        assert_eq!(transport.send(&email).await, Err(meant), "{what}");
        assert_eq!(sink.until(&email.to, kept).await.len(), kept, "{what}");
    }
}
