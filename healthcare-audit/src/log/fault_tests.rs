//! Every file operation is made to fail, in every way the model knows; what was acknowledged is there afterwards.

use super::AuditLog;
use crate::{
    Fault, OpenError, Query,
    storage::{
        Storage as _,
        model::{ModelDisk, Trick},
    },
    testing::{allowed, cipher, clinic},
    verify::Verdict,
};
use healthcare_core::{AuditSink as _, NotDurable};
use std::{collections::HashSet, future::Future, io::ErrorKind, path::Path, sync::Arc};

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn open(disk: &ModelDisk) -> Result<AuditLog, OpenError> {
    AuditLog::builder("model", cipher()).segment_bytes(2_500).open_on(
        Arc::new(disk.clone()),
        Path::new("model"),
        None,
    )
}

/// Submits requests in groups, and gives those that were acknowledged.
fn submit(log: &AuditLog, requests: std::ops::Range<u128>) -> Vec<u128> {
    let mut acknowledged = Vec::new();
    for group in requests.collect::<Vec<_>>().chunks(3) {
        let receipts: Vec<_> = group.iter().map(|request| log.submit(allowed(clinic(0), *request))).collect();
        for (request, receipt) in group.iter().zip(receipts) {
            if wait(receipt).is_ok() {
                acknowledged.push(*request);
            }
        }
    }
    acknowledged
}

/// What stands in the log, oldest first, by request.
fn stored(log: &AuditLog) -> Vec<u128> {
    let page = log.read(&Query::new(clinic(0)).limit(1_000)).unwrap();
    page.entries.iter().rev().map(|entry| entry.id.correlation.as_uuid().as_u128() - 0xc0_0000).collect()
}

fn check(log: &AuditLog, acknowledged: &[u128], case: &str) {
    let stored = stored(log);
    assert_eq!(stored.iter().collect::<HashSet<_>>().len(), stored.len(), "{case}: something is there twice");
    let kept: Vec<u128> = stored.iter().copied().filter(|request| acknowledged.contains(request)).collect();
    assert_eq!(kept, acknowledged, "{case}: acknowledged and lost, or out of order");
}

fn verify(disk: &ModelDisk, case: &str) {
    let report = disk.verifier().run().unwrap();
    assert_eq!(report.verdict(), Verdict::Sound, "{case}: {report}");
}

/// One life of a log with a fault in it, and the lives after it.
fn live(at: u64, trick: Trick, power: bool, seed: u64) {
    let case = format!("operation {at}, {trick:?}, power lost: {power}, seed {seed}");
    let disk = ModelDisk::new(seed);
    // A first life in peace, so that recovery meets faults too.
    let log = open(&disk).unwrap();
    let mut acknowledged = submit(&log, 0..4);
    drop(log);

    disk.trick(at, trick);
    if let Ok(log) = open(&disk) {
        acknowledged.extend(submit(&log, 4..19));
    }
    if power {
        disk.lose_power();
    } else {
        disk.reboot();
        // What a killed process leaves is whole or unfinished. (A lost sector looks like a changed one until the log is opened.)
        let report = disk.verifier().run().unwrap();
        assert_ne!(report.verdict(), Verdict::Broken, "{case}: {report}");
    }

    let log = open(&disk).unwrap_or_else(|error| panic!("{case}: {error:?}"));
    check(&log, &acknowledged, &case);
    // What was read back may have been in the cache alone: it must be on disk before anything follows it.
    let later = submit(&log, 100..103);
    assert_eq!(later.len(), 3, "{case}");
    acknowledged.extend(later);
    disk.trick(1, Trick::Stop);
    drop(log);
    disk.lose_power();
    let log = open(&disk).unwrap_or_else(|error| panic!("{case}, after the second loss: {error:?}"));
    check(&log, &acknowledged, &format!("{case}, after the second loss"));
    drop(log);
    verify(&disk, &case);
}

#[test]
fn whatever_operation_fails_nothing_acknowledged_is_lost() {
    let disk = ModelDisk::new(1);
    drop(open(&disk).map(|log| submit(&log, 0..4)).unwrap());
    let before = disk.operations();
    drop(open(&disk).map(|log| submit(&log, 4..19)).unwrap());
    // How events fall into batches varies a little, so a few more.
    let operations = disk.operations() - before + 10;
    assert!(operations > 30, "{operations} operations");
    let seeds = if std::env::var_os("HEALTHCARE_TEST_DEEP").is_some() { 40 } else { 4 };
    let tricks = [Trick::Fail(ErrorKind::Other), Trick::Fail(ErrorKind::StorageFull), Trick::Stop];
    for at in 1..=operations {
        for trick in tricks {
            for power in [false, true] {
                (0..seeds).for_each(|seed| live(at, trick, power, seed));
            }
        }
    }
}

#[test]
fn a_full_disk_is_told_as_such_and_stops_the_log() {
    let disk = ModelDisk::new(1);
    let log = open(&disk).unwrap();
    disk.trick(1, Trick::Fail(ErrorKind::StorageFull));
    assert_eq!(wait(log.submit(allowed(clinic(0), 1))), Err(NotDurable::Failed));
    assert_eq!(wait(log.submit(allowed(clinic(0), 2))), Err(NotDurable::Failed), "nothing is tried again");
    assert!(matches!(log.fault(), Some(Fault::DiskFull(_))), "{:?}", log.fault());
    assert!(matches!(log.close(), Err(Fault::DiskFull(_))));
}

#[test]
fn a_failed_flush_is_not_tried_again_and_believed() {
    let disk = ModelDisk::new(1);
    let log = open(&disk).unwrap();
    // The write, then the flush.
    disk.trick(2, Trick::Fail(ErrorKind::Other));
    assert_eq!(wait(log.submit(allowed(clinic(0), 1))), Err(NotDurable::Failed));
    let operations = disk.operations();
    assert_eq!(wait(log.submit(allowed(clinic(0), 2))), Err(NotDurable::Failed));
    drop(log);
    assert_eq!(disk.operations(), operations, "the disk is left alone");
}

#[test]
fn a_file_deleted_under_the_writer_acknowledges_nothing() {
    let disk = ModelDisk::new(1);
    let log = open(&disk).unwrap();
    disk.unlink("00000000000000000001.audit");
    assert_eq!(wait(log.submit(allowed(clinic(0), 1))), Err(NotDurable::Failed));
    assert!(matches!(log.fault(), Some(Fault::Unlinked)));
}

#[test]
fn the_lock_is_given_back_and_refused_meanwhile() {
    let disk = ModelDisk::new(1);
    let log = open(&disk).unwrap();
    assert!(matches!(open(&disk), Err(OpenError::Locked(_))));
    drop(log);
    drop(open(&disk).unwrap());
}

fn open_with_spill(disk: &ModelDisk, spill: &ModelDisk, queue: usize) -> AuditLog {
    let builder = AuditLog::builder("model", cipher()).queue(queue, 1 << 20);
    let second = builder.open_second(Arc::new(spill.clone()), Path::new("spill")).unwrap();
    builder.open_on(Arc::new(disk.clone()), Path::new("model"), Some(second)).unwrap()
}

fn emergency(request: u128) -> healthcare_core::AuditEvent {
    healthcare_core::AuditEvent { emergency: true, ..allowed(clinic(0), request) }
}

#[test]
fn an_emergency_goes_to_the_second_place_when_the_first_fails() {
    let (disk, spill) = (ModelDisk::new(1), ModelDisk::new(2));
    let log = open_with_spill(&disk, &spill, 100);
    disk.trick(1, Trick::Fail(ErrorKind::Other));
    // In flight when the disk fails, and after it.
    wait(log.submit(emergency(1))).unwrap();
    wait(log.submit(emergency(2))).unwrap();
    assert_eq!(wait(log.submit(allowed(clinic(0), 3))), Err(NotDurable::Failed), "anything else is refused");
    assert!(stored(&log).is_empty());
    let page = log.read_spilled(&Query::new(clinic(0))).unwrap();
    assert_eq!(page.entries.len(), 2);
    assert!(page.entries.iter().all(|entry| entry.event.as_ref().unwrap().emergency));
    assert!(log.close().is_err());
    verify(&spill, "the second place");

    let log = open_with_spill(&disk, &spill, 100);
    spill.trick(1, Trick::Fail(ErrorKind::Other));
    disk.trick(2, Trick::Fail(ErrorKind::Other));
    assert_eq!(wait(log.submit(emergency(4))), Err(NotDurable::Failed), "both places failed");
}
