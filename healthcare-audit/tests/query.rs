//! Looking for entries: what was done, with what, how it came out, when.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use healthcare_audit::{
    AuditLog, OutcomeClass, Query,
    testing::{allowed, cipher, clinic},
};
use healthcare_core::{Action, AuditEvent, AuditSink as _, Clock as _, ManualClock, Outcome};
use std::{future::Future, sync::Arc, time::Duration};

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn outcomes() -> [(Outcome, OutcomeClass); 7] {
    [
        (Outcome::Allowed, OutcomeClass::Given),
        (Outcome::Disclosed { subjects: Vec::new(), counts: Vec::new() }, OutcomeClass::Given),
        (Outcome::Denied("role".into()), OutcomeClass::Refused),
        (Outcome::Withheld, OutcomeClass::Refused),
        (Outcome::Noted("sign-in-failed".into()), OutcomeClass::Refused),
        (Outcome::Noted("signed-out".into()), OutcomeClass::Other),
        (Outcome::NotFound, OutcomeClass::Other),
    ]
}

#[test]
fn entries_are_found_by_action_kind_and_outcome() {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::builder(dir.path(), cipher()).open().unwrap();
    for (number, (outcome, class)) in outcomes().into_iter().enumerate() {
        assert_eq!(OutcomeClass::of(&outcome), class, "{outcome:?}");
        let mut event = AuditEvent { outcome, ..allowed(clinic(1), u128::try_from(number).unwrap()) };
        event.ask.action = if number % 2 == 0 { Action::Search } else { Action::Read };
        event.ask.kind = if number < 3 { "appointment".into() } else { "patient".into() };
        wait(log.submit(event)).unwrap();
    }
    let found = |query: Query| log.read(&query).unwrap().entries.len();
    let query = || Query::new(clinic(1));
    assert_eq!(found(query()), 7);
    assert_eq!(found(query().action(Action::Search)), 4);
    assert_eq!(found(query().kind("appointment")), 3);
    assert_eq!(found(query().kind("appointment").action(Action::Read)), 1);
    assert_eq!(found(query().outcome(OutcomeClass::Given)), 2);
    assert_eq!(found(query().outcome(OutcomeClass::Refused)), 3);
    assert_eq!(found(query().outcome(OutcomeClass::Other).kind("patient")), 2);
    assert_eq!(found(query().kind("clinic")), 0);
}

#[test]
fn a_period_ends_the_search_where_it_began() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at("2026-03-09T10:00:00Z".parse().unwrap()));
    let log = AuditLog::builder(dir.path(), cipher()).clock(Arc::clone(&clock) as _).open().unwrap();
    for number in 0..10 {
        let event = AuditEvent { at: clock.now(), ..allowed(clinic(1), number) };
        wait(log.submit(event)).unwrap();
        clock.advance(Duration::from_secs(60));
    }
    let minute = |minute: u32| format!("2026-03-09T10:{minute:02}:00Z").parse().unwrap();
    let page = log.read(&Query::new(clinic(1)).from(minute(3)).to(minute(6))).unwrap();
    assert_eq!(page.entries.len(), 3, "the beginning belongs to it, the end does not");
    assert_eq!(page.next, None, "before the period there is nothing to look at");
    let page = log.read(&Query::new(clinic(1)).from(minute(3)).limit(2)).unwrap();
    let rest = log.read(&Query::new(clinic(1)).from(minute(3)).before(page.next.unwrap())).unwrap();
    assert_eq!((page.entries.len(), rest.entries.len(), rest.next), (2, 5, None));
}

#[test]
fn a_clock_that_is_set_back_hides_nothing_of_a_period() {
    let dir = tempfile::tempdir().unwrap();
    let noon = "2026-03-09T12:00:00Z".parse().unwrap();
    let clock = Arc::new(ManualClock::at(noon));
    let log = AuditLog::builder(dir.path(), cipher()).clock(Arc::clone(&clock) as _).open().unwrap();
    let write = |number| {
        let event = AuditEvent { at: clock.now(), ..allowed(clinic(1), number) };
        wait(log.submit(event)).unwrap();
    };
    write(1);
    clock.set_wall("2026-03-09T10:00:00Z".parse().unwrap());
    write(2);
    let from = "2026-03-09T11:00:00Z".parse().unwrap();
    let page = log.read(&Query::new(clinic(1)).from(from)).unwrap();
    assert_eq!(page.entries.iter().map(|entry| entry.written).collect::<Vec<_>>(), [noon]);
}
