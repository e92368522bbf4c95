//! Storage in memory keeps the contracts.
#![cfg(all(feature = "testing", feature = "appointment", feature = "clinical"))]

use healthcare_core::{MemoryAudit, MemoryStore, StorageDoor, testing};

#[tokio::test]
async fn records_in_memory() {
    testing::records(|door: StorageDoor| async { testing::charting(MemoryStore::new(door)) }).await;
}

#[tokio::test]
async fn booking_in_memory() {
    testing::booking(|door: StorageDoor| async { MemoryStore::new(door) }).await;
}

#[tokio::test]
async fn emergency_access_in_memory() {
    testing::emergency_access(|door: StorageDoor| async { MemoryStore::new(door) }).await;
}

#[tokio::test]
async fn audit_in_memory() {
    let stored = async |sink: &MemoryAudit| sink.events().iter().map(|event| event.id).collect();
    testing::audit_sink(MemoryAudit::default(), stored).await;
}
