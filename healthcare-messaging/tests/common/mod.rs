//! Parts of a relay that yield at every step, and can be made to fail.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use async_trait::async_trait;
use healthcare_core::{
    AuditEvent, AuditSink, ClinicId, Clock as _, DomainEvent, ManualClock, MemoryAudit, NotDurable, Outbox,
    OutboxEntry, OutboxError, OutboxMessage, Receipt,
};
use healthcare_messaging::{
    EventBus, Handler, MemoryOutbox, PublishError, Relay, RelayBuilder, SubscribeError, Subscribed,
    Subscription, Undelivered, Why,
    testing::{event, outcome},
};
use jiff::Timestamp;
use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};
use uuid::Uuid;

pub const LEASE: Duration = Duration::from_secs(60);

pub fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// An outbox behind which every call takes a step before and one after it is done.
#[derive(Debug, Default)]
pub struct SteppingOutbox {
    pub memory: MemoryOutbox,
    pub leases: AtomicUsize,
    pub is_down: AtomicBool,
    pub is_down_for_settling: AtomicBool,
}

impl SteppingOutbox {
    async fn step(&self, is_down: &AtomicBool) -> Result<(), OutboxError> {
        tokio::task::yield_now().await;
        if is_down.load(Ordering::SeqCst) { Err(OutboxError("down".into())) } else { Ok(()) }
    }
}

#[async_trait]
impl Outbox for SteppingOutbox {
    async fn lease(
        &self,
        limit: u32,
        lease: Duration,
        now: Timestamp,
    ) -> Result<Vec<OutboxEntry>, OutboxError> {
        self.leases.fetch_add(1, Ordering::SeqCst);
        self.step(&self.is_down).await?;
        let leased = self.memory.lease(limit, lease, now).await;
        tokio::task::yield_now().await;
        leased
    }
    async fn delivered(&self, entry: &OutboxEntry, now: Timestamp) -> Result<bool, OutboxError> {
        self.step(&self.is_down_for_settling).await?;
        let held = self.memory.delivered(entry, now).await;
        tokio::task::yield_now().await;
        held
    }
    async fn retry(&self, entry: &OutboxEntry, retry_at: Timestamp) -> Result<bool, OutboxError> {
        self.step(&self.is_down_for_settling).await?;
        let held = self.memory.retry(entry, retry_at).await;
        tokio::task::yield_now().await;
        held
    }
}

/// What a publish does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Take,
    Refuse,
    Panic,
    Hang,
}

/// A bus that remembers what was published.
#[derive(Debug, Default)]
pub struct SteppingBus {
    pub published: Mutex<Vec<DomainEvent>>,
    pub answers: Mutex<HashMap<Uuid, Answer>>,
    pub tried: AtomicUsize,
}

impl SteppingBus {
    /// What it does with events of this aggregate from now on.
    pub fn answer(&self, aggregate: Uuid, answer: Answer) {
        self.answers.lock().unwrap().insert(aggregate, answer);
    }
    pub fn ids(&self) -> Vec<Uuid> {
        self.published.lock().unwrap().iter().map(|event| event.id).collect()
    }
}

#[async_trait]
impl EventBus for SteppingBus {
    async fn publish(&self, event: Arc<DomainEvent>) -> Result<(), PublishError> {
        self.tried.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        let answer = self.answers.lock().unwrap().get(&event.aggregate_id).copied().unwrap_or(Answer::Take);
        match answer {
            Answer::Take => self.published.lock().unwrap().push((*event).clone()),
            Answer::Refuse => {
                return Err(PublishError::Undelivered(vec![Undelivered::new("somebody", Why::Failed)]));
            }
            Answer::Panic => panic!("a bus with a bug"),
            Answer::Hang => std::future::pending().await,
        }
        tokio::task::yield_now().await;
        Ok(())
    }
    async fn subscribe(&self, _: Subscription, _: Arc<dyn Handler>) -> Result<Subscribed, SubscribeError> {
        Err(SubscribeError::TooMany { max: 0 })
    }
}

/// A log that stores an id once, and acknowledges when it is allowed to.
#[derive(Debug, Default)]
pub struct SteppingAudit {
    pub memory: MemoryAudit,
    pub submitted: AtomicUsize,
    pub is_full: AtomicBool,
}

impl AuditSink for SteppingAudit {
    fn submit(&self, event: AuditEvent) -> Receipt {
        self.submitted.fetch_add(1, Ordering::SeqCst);
        if self.is_full.load(Ordering::SeqCst) {
            Receipt::ready(Err(NotDurable::Full))
        } else {
            self.memory.submit(event)
        }
    }
}

/// A relay's surroundings.
pub struct World {
    pub outbox: Arc<SteppingOutbox>,
    pub bus: Arc<SteppingBus>,
    pub audit: Arc<SteppingAudit>,
    pub clock: Arc<ManualClock>,
    pub clinic: ClinicId,
}

impl World {
    pub fn new() -> Self {
        Self {
            outbox: Arc::default(),
            bus: Arc::default(),
            audit: Arc::default(),
            clock: Arc::new(ManualClock::at("2026-03-02T12:00:00Z".parse().unwrap())),
            clinic: ClinicId::random(),
        }
    }

    pub fn builder(&self) -> RelayBuilder {
        Relay::builder(self.outbox.clone(), self.bus.clone(), self.audit.clone())
            .clock(self.clock.clone())
            .lease(LEASE)
            .backoff(Duration::from_secs(1), Duration::from_secs(60))
    }

    pub fn relay(&self) -> Relay {
        self.builder().build().unwrap()
    }

    /// Commits a change with one event; returns it and its outcome record.
    pub fn commit(&self, aggregate: Uuid, version: i64) -> (DomainEvent, AuditEvent) {
        let (event, outcome) =
            (event(self.clinic, "sample.done", aggregate, version), outcome(self.clinic, aggregate));
        self.outbox
            .memory
            .append([OutboxMessage::Event(event.clone()), OutboxMessage::Outcome(outcome.clone())]);
        (event, outcome)
    }

    /// Lets relays work until nothing is left, as time goes by.
    pub async fn settle(&self) {
        let relay = self.relay();
        for _ in 0..1_000 {
            while relay.pass().await.is_ok_and(|pass| pass.delivered > 0) {}
            if self.outbox.memory.is_empty() {
                return;
            }
            self.clock.advance(LEASE);
        }
        panic!("{:?} is never empty", self.outbox.memory);
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
