//! Limits, closing, clocks, secrecy.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use healthcare_audit::{
    AuditLog, BodyCipher, CipherError, OpenError, Query,
    testing::{allowed, cipher, clinic, patient},
    verify::{Verdict, Verifier},
};
use healthcare_core::{AuditEvent, AuditSink as _, ClinicId, ManualClock, NotDurable};
use std::{
    future::Future,
    sync::{Arc, Condvar, Mutex, mpsc},
    task::{Context, Poll, Waker},
    time::Duration,
};

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// A cipher without a key.
#[derive(Debug)]
struct Refusing;

impl BodyCipher for Refusing {
    fn seal(&self, _: ClinicId, _: &[u8], _: &[u8]) -> Result<Vec<u8>, CipherError> {
        Err(CipherError::NoKey)
    }
    fn open(&self, _: ClinicId, _: &[u8], _: &[u8]) -> Result<Vec<u8>, CipherError> {
        Err(CipherError::NoKey)
    }
}

#[test]
fn without_a_key_nothing_is_acknowledged_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::builder(dir.path(), Arc::new(Refusing)).open().unwrap();
    let before = log.head().entries;
    assert_eq!(wait(log.submit(allowed(clinic(1), 1))), Err(NotDurable::Failed));
    assert_eq!(log.head().entries, before);
}

#[test]
fn an_event_that_is_too_large_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::builder(dir.path(), cipher()).max_event(600).open().unwrap();
    wait(log.submit(allowed(clinic(1), 1))).unwrap();
    let large = AuditEvent { rule: Some("r".repeat(600).into()), ..allowed(clinic(1), 2) };
    assert_eq!(wait(log.submit(large)), Err(NotDurable::TooLarge));
}

/// A clock that stands in the writer's way: the writer asks it for the time of each batch.
#[derive(Debug, Default)]
struct Turnstile {
    open: Mutex<bool>,
    turned: Condvar,
}

impl Turnstile {
    fn let_through(&self) {
        *self.open.lock().unwrap() = true;
        self.turned.notify_all();
    }
    fn shut(&self) {
        *self.open.lock().unwrap() = false;
    }
}

impl healthcare_core::Clock for Turnstile {
    fn now(&self) -> jiff::Timestamp {
        let mut open = self.open.lock().unwrap();
        while !*open {
            open = self.turned.wait(open).unwrap();
        }
        jiff::Timestamp::UNIX_EPOCH
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

#[test]
fn a_full_queue_fails_closed_at_once_and_the_log_says_how_many_it_refused() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(Turnstile::default());
    clock.let_through();
    let log = AuditLog::builder(dir.path(), cipher()).queue(8, 1 << 20).clock(clock.clone()).open().unwrap();
    clock.shut();
    // The writer takes the first ones and stands still; the queue fills behind it.
    let mut receipts: Vec<_> = (0..200).map(|number| log.submit(allowed(clinic(1), number))).collect();
    let mut refused = 0_u64;
    let mut cx = Context::from_waker(Waker::noop());
    receipts.retain_mut(|receipt| match std::pin::Pin::new(receipt).poll(&mut cx) {
        Poll::Ready(Err(NotDurable::Full)) => {
            refused += 1;
            false
        }
        Poll::Ready(other) => panic!("nothing is durable yet: {other:?}"),
        Poll::Pending => true,
    });
    assert!(refused >= 200 - 8 - 8, "bounded: {refused} refused");
    clock.let_through();
    for receipt in receipts {
        wait(receipt).unwrap();
    }
    // Room again.
    wait(log.submit(allowed(clinic(1), 900))).unwrap();
    log.close().unwrap();
    let report = Verifier::directory(dir.path()).run().unwrap();
    assert_eq!(
        (report.refused, report.events, report.verdict()),
        (refused, 201 - refused, Verdict::Sound),
        "{report}"
    );
}

#[test]
fn the_queue_is_bounded_by_bytes_too() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(Turnstile::default());
    clock.let_through();
    let builder = AuditLog::builder(dir.path(), cipher()).max_event(4_000).queue(1_000_000, 10_000);
    let log = builder.clock(clock.clone()).open().unwrap();
    clock.shut();
    let results: Vec<_> = (0..100)
        .map(|number| {
            let mut receipt = log.submit(allowed(clinic(1), number));
            std::pin::Pin::new(&mut receipt).poll(&mut Context::from_waker(Waker::noop()))
        })
        .collect();
    let full = results.iter().filter(|result| **result == Poll::Ready(Err(NotDurable::Full))).count();
    assert!(full >= 60, "{full} refused");
    clock.let_through();
}

#[test]
fn a_clock_that_goes_back_reorders_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at("2026-03-01T09:00:00Z".parse().unwrap()));
    let log = AuditLog::builder(dir.path(), cipher()).clock(clock.clone()).open().unwrap();
    for number in 0..5 {
        wait(log.submit(allowed(clinic(1), number))).unwrap();
        let back = "2026-03-01T09:00:00Z".parse::<jiff::Timestamp>().unwrap();
        clock.set_wall(
            back.checked_sub(jiff::SignedDuration::from_hours(i64::try_from(number).unwrap() + 1)).unwrap(),
        );
    }
    let entries = log.read(&Query::new(clinic(1))).unwrap().entries;
    let numbers: Vec<_> =
        entries.iter().rev().map(|entry| entry.event.as_ref().unwrap().ask.target).collect();
    assert_eq!(numbers, (0..5).map(|number| Some(patient(number))).collect::<Vec<_>>());
    assert!(entries.windows(2).all(|pair| pair[0].written <= pair[1].written), "the times do go back");
    log.close().unwrap();
    assert_eq!(Verifier::directory(dir.path()).run().unwrap().verdict(), Verdict::Sound);
}

#[test]
fn closing_writes_what_is_queued_and_so_does_dropping() {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::builder(dir.path(), cipher()).open().unwrap();
    let receipts: Vec<_> = (0..500).map(|number| log.submit(allowed(clinic(1), number))).collect();
    log.close().unwrap();
    for receipt in receipts {
        wait(receipt).unwrap();
    }
    assert_eq!(wait(log.submit(allowed(clinic(1), 501))), Err(NotDurable::Closed));
    log.close().unwrap();
    drop(log);

    let log = AuditLog::builder(dir.path(), cipher()).open().unwrap();
    let receipts: Vec<_> = (1_000..1_500).map(|number| log.submit(allowed(clinic(1), number))).collect();
    drop(log);
    for receipt in receipts {
        wait(receipt).unwrap();
    }
    assert_eq!(Verifier::directory(dir.path()).run().unwrap().events, 1_000);
}

#[test]
fn it_works_without_a_runtime_and_outlives_one() {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::builder(dir.path(), cipher()).open().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let entered = runtime.enter();
    let receipt = log.submit(allowed(clinic(1), 1));
    drop(entered);
    runtime.shutdown_background();
    // No runtime is left; the receipt still comes, to whatever polls it.
    let (done, answer) = mpsc::channel();
    std::thread::spawn(move || done.send(wait(receipt)).unwrap());
    assert_eq!(answer.recv_timeout(Duration::from_secs(60)).unwrap(), Ok(()));
}

#[test]
fn a_panic_in_the_writer_fails_those_who_wait() {
    #[derive(Debug)]
    struct Bomb(ManualClock, Mutex<bool>);
    impl healthcare_core::Clock for Bomb {
        fn now(&self) -> jiff::Timestamp {
            assert!(!*self.1.lock().unwrap(), "the clock is broken on purpose");
            self.0.now()
        }
        fn monotonic(&self) -> Duration {
            self.0.monotonic()
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(Bomb(ManualClock::at(jiff::Timestamp::UNIX_EPOCH), Mutex::new(false)));
    let log = AuditLog::builder(dir.path(), cipher()).clock(clock.clone()).open().unwrap();
    wait(log.submit(allowed(clinic(1), 1))).unwrap();
    *clock.1.lock().unwrap() = true;
    let receipts: Vec<_> = (2..20).map(|number| log.submit(allowed(clinic(1), number))).collect();
    for receipt in receipts {
        assert_eq!(wait(receipt), Err(NotDurable::Failed));
    }
    assert!(matches!(log.fault(), Some(healthcare_audit::Fault::Panicked)));
    drop(log);
    let log = AuditLog::builder(dir.path(), cipher()).open().unwrap();
    assert_eq!(log.recent(clinic(1), 10).unwrap().entries.len(), 1);
}

#[test]
fn a_canary_stands_in_no_file_and_no_debug_text() {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::builder(dir.path(), cipher()).spill(dir.path().join("spill")).open().unwrap();
    let canary = "Zbigniew-Canary-4711";
    let event = AuditEvent { rule: Some(canary.into()), emergency: true, ..allowed(clinic(1), 77) };
    let subject = event.ask.target.unwrap();
    wait(log.submit(event)).unwrap();
    let page = log.read(&Query::new(clinic(1)).subject(subject)).unwrap();
    assert_eq!(page.entries[0].event.as_ref().unwrap().rule.as_deref(), Some(canary), "it is there, sealed");
    let said = format!("{log:?} {:?} {:?}", log.head(), log.recovery());
    log.close().unwrap();
    let mut looked = 0;
    let mut folders = vec![dir.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let contains = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
            assert!(!contains(canary.as_bytes()) && !contains(subject.as_bytes()), "{}", path.display());
            assert!(!contains(subject.to_string().as_bytes()), "{}", path.display());
            looked += 1;
        }
    }
    assert!(looked >= 4, "two logs and their locks");
    assert!(!said.contains(canary) && !said.contains(&subject.to_string()));
}

#[test]
fn limits_that_make_no_sense_are_refused() {
    let builder = || AuditLog::builder("/nonexistent", cipher());
    for (wrong, name) in [
        (builder().queue(0, 1 << 20), "queue"),
        (builder().queue(10, 10), "queue"),
        (builder().batch_bytes(0), "batch_bytes"),
        (builder().segment_bytes(2 << 30), "segment_bytes"),
        (builder().max_event(1 << 21).queue(10, 1 << 30), "max_event"),
    ] {
        assert!(matches!(wrong.open(), Err(OpenError::Option(option)) if option == name), "{name}");
    }
}

#[test]
fn a_reader_with_little_budget_goes_on_where_it_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::builder(dir.path(), cipher()).segment_bytes(4_000).open().unwrap();
    for number in 0..60 {
        wait(log.submit(allowed(clinic(number % 2), number))).unwrap();
    }
    log.close().unwrap();
    drop(log);
    // Opened again, the index holds the last segment alone: the rest is read from the files.
    let log = AuditLog::builder(dir.path(), cipher()).segment_bytes(4_000).open().unwrap();
    let (mut before, mut pages, mut seen) = (u64::MAX, 0, Vec::new());
    loop {
        let page = log.read(&Query::new(clinic(1)).budget(1).before(before)).unwrap();
        seen.extend(page.entries.iter().map(|entry| entry.sequence));
        pages += 1;
        let Some(next) = page.next else { break };
        before = next;
    }
    assert_eq!(seen.len(), 30);
    assert!(pages > 3 && seen.windows(2).all(|pair| pair[0] > pair[1]));
    assert_eq!(log.read(&Query::new(clinic(1)).subject(patient(3))).unwrap().entries.len(), 1);
    assert!(log.read(&Query::new(clinic(0)).subject(patient(3))).unwrap().entries.is_empty());
}
