//! What each end of a conversation means: nothing that may have been accepted is ever said to be sent again.

use crate::scripted::{Fault, Scripted};
use healthcare_messaging::{
    EmailFailure, EmailTransport, InvalidSender, InvalidSmtpUrl, MailSender, SmtpConfigError, SmtpEmail,
    SmtpUrl,
    testing::{sample_address, sample_email},
};
use healthcare_resilience::BreakerState;
use std::time::Duration;

fn sender() -> MailSender {
    "Quay Practice <post@quay.example>".parse().unwrap()
}

fn transport(port: u16, rest: &str) -> SmtpEmail {
    let url = format!("smtp://localhost:{port}{rest}").parse().unwrap();
    SmtpEmail::builder(url, sender()).build().unwrap()
}

async fn send(transport: &SmtpEmail) -> Result<(), EmailFailure> {
    transport.send(&sample_email(sample_address())).await
}

#[tokio::test]
async fn each_end_says_what_is_certain() {
    use EmailFailure::{Refused, TryLater, Unknown};
    use Fault::{Closes, Says};
    for (at, fault, meant) in [
        ("greeting", Closes, TryLater("smtp.unreachable")),
        ("greeting", Says("554 not here"), TryLater("smtp.unreachable")),
        ("EHLO", Says("502 no"), TryLater("smtp.unreachable")),
        ("MAIL", Says("550 not from you"), TryLater("smtp.sender")),
        ("MAIL", Says("451 not now"), TryLater("smtp.sender")),
        ("MAIL", Closes, TryLater("smtp.broken-off")),
        ("RCPT", Says("550 nobody of this name"), Refused("smtp.recipient")),
        ("RCPT", Says("554 5.7.1 relay access denied"), TryLater("smtp.sender")),
        ("RCPT", Says("530 authentication required"), TryLater("smtp.sender")),
        ("RCPT", Says("450 greylisted"), TryLater("smtp.later")),
        ("RCPT", Says("421 closing"), TryLater("smtp.broken-off")),
        ("RCPT", Says("what?"), TryLater("smtp.broken-off")),
        ("RCPT", Closes, TryLater("smtp.broken-off")),
        ("DATA", Says("554 no"), Refused("smtp.message")),
        ("DATA", Closes, TryLater("smtp.broken-off")),
        (".", Says("554 spam"), Refused("smtp.message")),
        (".", Says("452 full"), TryLater("smtp.later")),
        (".", Says("what?"), Unknown("smtp.unknown")),
        (".", Closes, Unknown("smtp.unknown")),
    ] {
        let server = Scripted::start(Some((at, fault))).await;
        let failed = send(&transport(server.port, "")).await;
        assert_eq!(failed, Err(meant), "{at} {fault:?}");
        assert!(server.messages() <= 1, "{at} {fault:?}: handed over more than once");
    }
}

#[tokio::test]
async fn what_takes_too_long_is_certain_before_the_message_alone() {
    let server = Scripted::start(Some((".", Fault::Hangs))).await;
    let url: SmtpUrl = format!("smtp://127.0.0.1:{}", server.port).parse().unwrap();
    let hasty = SmtpEmail::builder(url, sender()).data_time_max(Duration::from_millis(50));
    assert_eq!(send(&hasty.build().unwrap()).await, Err(EmailFailure::Unknown("smtp.unknown")));

    let server = Scripted::start(Some(("RCPT", Fault::Hangs))).await;
    let url: SmtpUrl = format!("smtp://127.0.0.1:{}", server.port).parse().unwrap();
    let hasty = SmtpEmail::builder(url, sender()).answer_time_max(Duration::from_millis(200));
    let failed = send(&hasty.build().unwrap()).await;
    assert!(matches!(failed, Err(EmailFailure::TryLater(_))), "{failed:?}");
    assert_eq!(server.messages(), 0);
}

#[tokio::test]
async fn a_good_end_is_one_message() {
    let mut server = Scripted::start(None).await;
    assert_eq!(send(&transport(server.port, "")).await, Ok(()));
    assert_eq!(server.words(), ["EHLO", "MAIL", "RCPT", "DATA", ".", "QUIT"]);
    server.until_closed().await;
}

#[tokio::test]
async fn a_dropped_send_leaves_no_connection() {
    let mut server = Scripted::start(Some((".", Fault::Hangs))).await;
    let transport = transport(server.port, "");
    let sending = tokio::spawn({
        let transport = transport.clone();
        async move { send(&transport).await }
    });
    server.until_heard(".").await;
    sending.abort();
    assert!(sending.await.unwrap_err().is_cancelled());
    server.until_closed().await;
    assert_eq!(transport.breaker().state(), BreakerState::Closed, "nobody waited for its end");
}

#[tokio::test]
async fn a_server_that_is_away_is_left_alone() {
    let server = Scripted::start(Some(("greeting", Fault::Closes))).await;
    let away = transport(server.port, "");
    for _ in 0..5 {
        assert_eq!(send(&away).await, Err(EmailFailure::TryLater("smtp.unreachable")));
    }
    let left_alone = send(&away).await;
    assert!(
        matches!(left_alone, Err(EmailFailure::NotTried(wait)) if wait > Duration::from_secs(30)),
        "{left_alone:?}"
    );
}

#[tokio::test]
async fn refused_addresses_are_not_the_servers_fault() {
    for says in ["550 nobody of this name", "450 greylisted"] {
        let server = Scripted::start(Some(("RCPT", Fault::Says(says)))).await;
        let transport = transport(server.port, "");
        for _ in 0..10 {
            assert!(!matches!(send(&transport).await, Ok(()) | Err(EmailFailure::NotTried(_))), "{says}");
        }
        assert_eq!(transport.breaker().state(), BreakerState::Closed, "{says}");
    }
}

#[tokio::test]
async fn without_the_tls_that_is_asked_for_nothing_is_said() {
    let server = Scripted::start(None).await;
    let failed = send(&transport(server.port, "?tls=starttls")).await;
    assert_eq!(failed, Err(EmailFailure::TryLater("smtp.tls")));
    assert!(server.words().iter().all(|word| word == "EHLO" || word == "QUIT"), "{:?}", server.words());
}

#[tokio::test]
async fn a_sign_in_that_is_not_offered_waits() {
    let server = Scripted::start(None).await;
    let url = format!("smtp://user:secret@127.0.0.1:{}", server.port).parse().unwrap();
    let transport = SmtpEmail::builder(url, sender()).build().unwrap();
    assert_eq!(send(&transport).await, Err(EmailFailure::TryLater("smtp.sign-in")));
    assert!(!format!("{transport:?}").contains("secret"));
}

#[test]
fn what_is_set_wrongly_is_refused_when_it_is_built() {
    let url: SmtpUrl = "smtp://mail.example".parse().unwrap();
    for from in ["", "nobody", "Quay <post@quay.example", "a@b.example\r\nBcc: c@d.example"] {
        assert_eq!(from.parse::<MailSender>(), Err(InvalidSender), "{from}");
    }
    let endless = SmtpEmail::builder(url, sender()).answer_time_max(Duration::from_secs(601));
    assert!(matches!(endless.build(), Err(SmtpConfigError::Time)));
    assert_eq!("smtp://mail.example?tls=none".parse::<SmtpUrl>(), Err(InvalidSmtpUrl::InClear));
}
