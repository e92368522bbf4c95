#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use async_trait::async_trait;
use healthcare_core::{ClinicId, Outbox, OutboxEntry, OutboxError, OutboxMessage};
use healthcare_messaging::{
    EventBus, InProcessBus, MemoryOutbox,
    testing::{OutboxRig, bus_contract, event, outbox_contract, outcome},
};
use jiff::Timestamp;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use uuid::Uuid;

#[tokio::test]
async fn the_in_process_bus_keeps_the_contract() {
    bus_contract(async || InProcessBus::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_in_process_bus_keeps_the_contract_on_threads() {
    bus_contract(async || InProcessBus::new()).await;
}

struct InMemory<O> {
    outbox: O,
    memory: MemoryOutbox,
    clinic: ClinicId,
}

impl<O: Outbox> OutboxRig for InMemory<O> {
    fn outbox(&self) -> &dyn Outbox {
        &self.outbox
    }
    async fn commit(&self, aggregate: u32, kinds: &[&'static str]) {
        let id = Uuid::from_u128(u128::from(aggregate));
        let events = kinds.iter().map(|kind| OutboxMessage::Event(event(self.clinic, kind, id, 1)));
        self.memory.append(events.chain([OutboxMessage::Outcome(outcome(self.clinic, id))]));
    }
    async fn roll_back(&self, _: u32, _: &[&'static str]) {}
}

fn rig<O>(wrap: impl Fn(MemoryOutbox) -> O) -> InMemory<O> {
    let memory = MemoryOutbox::new();
    InMemory { outbox: wrap(memory.clone()), memory, clinic: ClinicId::random() }
}

#[tokio::test]
async fn the_memory_outbox_keeps_the_contract() {
    outbox_contract(async || rig(|memory| memory)).await;
}

/// Forgets that a lease has a token.
#[derive(Debug)]
struct Unfenced(MemoryOutbox, Mutex<Vec<OutboxEntry>>);

impl Unfenced {
    fn latest(&self, entry: &OutboxEntry) -> OutboxEntry {
        let leased = self.1.lock().unwrap();
        leased.iter().rfind(|leased| leased.id == entry.id).unwrap().clone()
    }
}

#[async_trait]
impl Outbox for Unfenced {
    async fn lease(
        &self,
        limit: u32,
        lease: Duration,
        now: Timestamp,
    ) -> Result<Vec<OutboxEntry>, OutboxError> {
        let entries = self.0.lease(limit, lease, now).await?;
        self.1.lock().unwrap().extend(entries.clone());
        Ok(entries)
    }
    async fn delivered(&self, entry: &OutboxEntry, now: Timestamp) -> Result<bool, OutboxError> {
        self.0.delivered(&self.latest(entry), now).await
    }
    async fn retry(&self, entry: &OutboxEntry, retry_at: Timestamp) -> Result<bool, OutboxError> {
        self.0.retry(&self.latest(entry), retry_at).await
    }
}

#[tokio::test]
#[should_panic(expected = "an old lease marked an entry delivered")]
async fn the_suite_finds_a_lease_without_a_fence() {
    outbox_contract(async || rig(|memory| Unfenced(memory, Mutex::default()))).await;
}

#[test]
fn the_seams_are_object_safe() {
    let _: Arc<dyn EventBus> = Arc::new(InProcessBus::new());
    let _: Arc<dyn Outbox> = Arc::new(MemoryOutbox::new());
}
