//! What every log promises. Panics where a log does not keep it.
#![allow(clippy::expect_used, clippy::panic, clippy::missing_panics_doc, clippy::indexing_slicing)]

use super::{allowed, clinic, disclosed, patient};
use crate::{AuditLog, Page, Query};
use healthcare_core::{AuditSink as _, NotDurable};
use std::{collections::HashSet, sync::Arc};

/// Opens the same log again, after the one before was dropped.
pub type Reopen<'a> = &'a dyn Fn() -> AuditLog;

async fn on_blocking_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("the reader does not panic")
}

async fn read(log: &AuditLog, query: Query) -> Page {
    let log = log.clone();
    on_blocking_thread(move || log.read(&query)).await.expect("the log can be read")
}

async fn close(log: &AuditLog) {
    let log = log.clone();
    on_blocking_thread(move || log.close()).await.expect("the log closes in order");
}

/// What any log keeps, also one in memory. Needs a log without events and a tokio runtime.
pub async fn run_contract(log: AuditLog) {
    let log = Arc::new(log);
    acknowledged_events_are_read_back_in_order(&log).await;
    the_same_event_is_stored_once(&log).await;
    clinics_do_not_see_each_other(&log).await;
    a_dropped_receipt_takes_nothing_back(&log).await;
    many_producers_lose_nothing(&log).await;
    pages_follow_each_other(&log).await;
    let before = log.head();
    close(&log).await;
    assert!(log.head().entries > before.entries, "closing is recorded");
    assert_eq!(
        log.submit(allowed(clinic(9), 1)).await,
        Err(NotDurable::Closed),
        "a closed log takes nothing"
    );
}

async fn acknowledged_events_are_read_back_in_order(log: &AuditLog) {
    for number in 0..3 {
        log.submit(allowed(clinic(1), number)).await.expect("durable");
        log.submit(disclosed(clinic(1), number)).await.expect("durable");
    }
    let page = read(log, Query::new(clinic(1)).limit(6)).await;
    let events: Vec<_> = page.entries.iter().rev().filter_map(|entry| entry.event.clone()).collect();
    let expected: Vec<_> =
        (0..3).flat_map(|number| [allowed(clinic(1), number), disclosed(clinic(1), number)]).collect();
    assert_eq!(events, expected, "what was submitted is read back, in the order of submission");
    let about = read(log, Query::new(clinic(1)).subject(patient(1))).await;
    assert_eq!(about.entries.len(), 2, "by person");
}

async fn the_same_event_is_stored_once(log: &AuditLog) {
    let event = allowed(clinic(2), 100);
    for _ in 0..3 {
        log.submit(event.clone()).await.expect("acknowledged each time");
    }
    let (one, two) = (log.submit(disclosed(clinic(2), 100)), log.submit(disclosed(clinic(2), 100)));
    one.await.expect("acknowledged");
    two.await.expect("acknowledged");
    assert_eq!(read(log, Query::new(clinic(2))).await.entries.len(), 2, "stored once each");
    // The same id with other contents is another access: hiding it would be a way around the log.
    let mut other = event.clone();
    other.ask.target = Some(patient(7));
    log.submit(other).await.expect("durable");
    assert_eq!(
        read(log, Query::new(clinic(2))).await.entries.len(),
        3,
        "an id that was used again hides nothing"
    );
}

async fn clinics_do_not_see_each_other(log: &AuditLog) {
    log.submit(allowed(clinic(3), 200)).await.expect("durable");
    log.submit(allowed(clinic(4), 201)).await.expect("durable");
    for (number, request) in [(3, 200), (4, 201)] {
        let page = read(log, Query::new(clinic(number))).await;
        let [entry] = page.entries.as_slice() else { panic!("one entry") };
        assert_eq!(entry.id, super::id(request, 0));
    }
    assert!(read(log, Query::new(clinic(5))).await.entries.is_empty());
}

async fn a_dropped_receipt_takes_nothing_back(log: &AuditLog) {
    drop(log.submit(allowed(clinic(6), 300)));
    log.submit(allowed(clinic(6), 301)).await.expect("durable");
    assert_eq!(read(log, Query::new(clinic(6))).await.entries.len(), 2);
}

async fn many_producers_lose_nothing(log: &Arc<AuditLog>) {
    let (producers, each) = (16, 25);
    let tasks: Vec<_> = (0..producers)
        .map(|producer| {
            let log = Arc::clone(log);
            tokio::spawn(async move {
                for number in 0..each {
                    log.submit(allowed(clinic(7), 1_000 + producer * each + number)).await.expect("durable");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no producer panics");
    }
    let page = read(log, Query::new(clinic(7)).limit(1_000)).await;
    let ids: HashSet<_> = page.entries.iter().map(|entry| entry.id).collect();
    assert_eq!((page.entries.len(), ids.len()), (400, 400), "each once");
}

async fn pages_follow_each_other(log: &AuditLog) {
    let (mut before, mut seen) = (u64::MAX, Vec::new());
    loop {
        let page = read(log, Query::new(clinic(7)).limit(150).before(before)).await;
        seen.extend(page.entries.iter().map(|entry| entry.sequence));
        let Some(next) = page.next else { break };
        before = next;
    }
    assert_eq!(seen.len(), 400, "pages neither skip nor repeat");
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "newest first");
}

/// What a log keeps through being opened again. Needs a log without events and a tokio runtime.
pub async fn run_durable_contract(reopen: Reopen<'_>) {
    let log = reopen();
    let receipts: Vec<_> = (0..50).map(|number| log.submit(allowed(clinic(1), number))).collect();
    for receipt in receipts {
        receipt.await.expect("durable");
    }
    let head = log.head();
    on_blocking_thread(move || drop(log)).await;

    let log = reopen();
    assert!(!log.recovery().created, "the log was there");
    assert!(log.recovery().entries > head.entries, "the orderly end is an entry");
    assert_eq!(log.recovery().dropped_bytes, 0);
    assert!(log.head().epoch > head.epoch, "every opening begins an epoch");
    assert_eq!(log.head().log, head.log);
    log.submit(allowed(clinic(1), 49)).await.expect("acknowledged again");
    log.submit(allowed(clinic(1), 50)).await.expect("durable");
    let page = read(&log, Query::new(clinic(1)).limit(100)).await;
    assert_eq!(
        page.entries.len(),
        51,
        "nothing is lost, and what is delivered again after a restart is stored once"
    );
    close(&log).await;
    on_blocking_thread(move || drop(log)).await;
}
