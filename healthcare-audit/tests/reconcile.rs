//! Decisions and what came of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use healthcare_audit::{
    AuditLog, AuditReader, Query, Reconciler, Reconciliation,
    testing::{allowed, cipher, clinic, disclosed, id},
};
use healthcare_core::{Action, AuditEvent, AuditSink as _, ClinicId, Outcome};

fn with(outcome: Outcome, event: AuditEvent) -> AuditEvent {
    AuditEvent { outcome, ..event }
}

fn write(clinic: ClinicId, number: u128) -> AuditEvent {
    let mut event = allowed(clinic, number);
    event.ask.action = Action::Update;
    event
}

/// An end of the decision of this number, as event `n` of its request.
fn end(number: u128, n: u32, outcome: Outcome) -> AuditEvent {
    AuditEvent { id: id(number, n), ..with(outcome, disclosed(clinic(1), number)) }
}

fn written() -> Outcome {
    Outcome::Written { subjects: Vec::new(), counts: Vec::new(), events: 1 }
}

fn story() -> Vec<AuditEvent> {
    let c = clinic(1);
    vec![
        // 1 disclosed; 2 never ended; 3 not found; 4 abandoned; 5 denied.
        allowed(c, 1),
        disclosed(c, 1),
        allowed(c, 2),
        allowed(c, 3),
        end(3, 1, Outcome::NotFound),
        allowed(c, 4),
        end(4, 1, Outcome::Abandoned),
        with(Outcome::Denied("role".into()), allowed(c, 5)),
        // 6 written; 7 never ended; 8 unconfirmed; 9 unconfirmed, then relayed; 10 written twice.
        write(c, 6),
        end(6, 1, written()),
        write(c, 7),
        write(c, 8),
        end(8, 1, Outcome::Unconfirmed),
        write(c, 9),
        end(9, 1, Outcome::Unconfirmed),
        end(9, 2, written()),
        write(c, 10),
        end(10, 1, written()),
        end(10, 2, written()),
        // 11 is an end alone; 12 a sign-in; 13 given page by page.
        end(11, 1, written()),
        with(Outcome::Noted("signed-in".into()), allowed(c, 12)),
        allowed(c, 13),
        end(13, 1, disclosed(c, 13).outcome),
        end(13, 2, disclosed(c, 13).outcome),
    ]
}

fn expected(report: &Reconciliation) {
    assert_eq!((report.events, report.allowed, report.denied, report.noted), (24, 10, 1, 1));
    assert_eq!((report.disclosed, report.written, report.not_given), (2, 3, 2));
    assert_eq!(report.presumed_disclosed.events, [id(2, 0)]);
    assert_eq!(report.unfinished_writes.events, [id(7, 0)]);
    assert_eq!(report.unconfirmed.events, [id(8, 0)]);
    assert_eq!(report.confirmed_later, 1);
    assert_eq!(report.written_twice.events, [id(10, 0)]);
    assert_eq!(report.without_decision.events, [id(11, 0)]);
    assert!(report.complete);
    let text = report.to_string();
    assert!(text.contains("counted as disclosed") && text.contains(&id(2, 0).to_string()), "{text}");
}

#[test]
fn every_story_has_its_place_in_any_order() {
    let mut story = story();
    for _ in 0..story.len() {
        story.rotate_left(1);
        let mut reconciler = Reconciler::default();
        story.iter().for_each(|event| reconciler.add(event));
        expected(&reconciler.finish());
    }
}

#[tokio::test]
async fn a_log_is_reconciled_by_its_writer_and_by_a_reader_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::builder(dir.path(), cipher()).segment_bytes(3_000).open().unwrap();
    for event in story() {
        log.submit(event).await.unwrap();
    }
    log.submit(allowed(clinic(2), 900)).await.unwrap();
    expected(&log.reconcile(clinic(1)).unwrap());
    // The writer holds the lock; a reader needs none.
    let reader = AuditReader::directory(dir.path(), cipher()).unwrap();
    expected(&reader.reconcile(clinic(1)).unwrap());
    assert_eq!(reader.read(&Query::new(clinic(2))).unwrap().entries.len(), 1);
}

#[tokio::test]
async fn a_reader_says_that_a_segment_is_corrupt_instead_of_showing_less() {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::builder(dir.path(), cipher()).segment_bytes(2_000).open().unwrap();
    for number in 0..8 {
        log.submit(allowed(clinic(1), number)).await.unwrap();
    }
    drop(log);
    let path = dir.path().join("00000000000000000001.audit");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[112 + 8] = 0x7f;
    std::fs::write(&path, bytes).unwrap();
    let reader = AuditReader::directory(dir.path(), cipher()).unwrap();
    let refused = reader.read(&Query::new(clinic(1))).unwrap_err();
    assert!(refused.to_string().contains("00000000000000000001.audit"), "{refused}");
}
