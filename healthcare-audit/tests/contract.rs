//! The contract suite on files and in memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use healthcare_audit::{
    AuditLog, Query,
    testing::{cipher, run_contract, run_durable_contract},
};
use healthcare_core::{AuditSink, Durability};
use std::sync::{Arc, Mutex};

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
    let log = AuditLog::in_memory(cipher()).open().unwrap();
    assert_eq!(log.durability(), Durability::Volatile);
    run_contract(log).await;
}

/// The suite that core has for every audit sink; here with the keys of a boundary.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_an_audit_sink() {
    let dir = tempfile::tempdir().unwrap();
    let provider = healthcare_core::MemoryKeys::random().unwrap();
    let vault = healthcare_core::Vault::new(&provider, Arc::new(healthcare_core::MemoryScopeKeys::default()))
        .unwrap();
    let log = AuditLog::builder(dir.path(), Arc::new(vault.house_cipher())).open().unwrap();
    let sink = Noticing { log, clinic: Mutex::new(None) };
    healthcare_core::testing::audit_sink(sink, async |sink: &Noticing| {
        let clinic = sink.clinic.lock().unwrap().unwrap();
        let page = sink.log.read(&Query::new(clinic)).unwrap();
        page.entries.iter().rev().map(|entry| entry.id).collect()
    })
    .await;
}

/// The suite invents a clinic; reading back needs to know which.
#[derive(Debug)]
struct Noticing {
    log: AuditLog,
    clinic: Mutex<Option<healthcare_core::ClinicId>>,
}

impl AuditSink for Noticing {
    fn submit(&self, event: healthcare_core::AuditEvent) -> healthcare_core::Receipt {
        *self.clinic.lock().unwrap() = Some(event.clinic);
        self.log.submit(event)
    }
}
