//! The contract suite on files and in memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use healthcare_audit::{
    AuditLog,
    testing::{cipher, run_contract, run_durable_contract},
};
use healthcare_core::{AuditSink, Durability};

#[tokio::test(flavor = "multi_thread")]
async fn the_log_on_files_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::builder(dir.path(), cipher()).open().unwrap();
    assert_eq!(log.durability(), Durability::Durable);
    run_contract(log).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_on_many_small_files_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    run_contract(
        AuditLog::builder(dir.path(), cipher()).segment_bytes(2_000).batch_bytes(3_000).open().unwrap(),
    )
    .await;
    assert!(std::fs::read_dir(dir.path()).unwrap().count() > 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_on_files_keeps_it_through_restarts() {
    let dir = tempfile::tempdir().unwrap();
    run_durable_contract(&|| AuditLog::builder(dir.path(), cipher()).open().unwrap()).await;
    let dir = tempfile::tempdir().unwrap();
    run_durable_contract(&|| AuditLog::builder(dir.path(), cipher()).segment_bytes(10_000).open().unwrap())
        .await;
}

#[tokio::test]
async fn the_log_in_memory_keeps_the_contract_and_says_that_it_is_volatile() {
    let log = AuditLog::builder("", cipher()).in_memory().unwrap();
    assert_eq!(log.durability(), Durability::Volatile);
    run_contract(log).await;
}
