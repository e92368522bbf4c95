//! A shared tier whose answers can be held back: what it was asked has happened there, and the asker does not know yet.

use async_trait::async_trait;
use healthcare_cache::{
    Fetched, Filled, Forget, Lease, LeaseToken, Leased, Listener, Mark, NewEntry, ScopeMark, Seen, SharedBar,
    SharedError, SharedTier, Sought, Verb, Verdict,
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Semaphore, watch};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// It has not happened yet.
    Before,
    /// It has happened.
    After,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Fetch,
    Fill,
}

#[derive(Debug, Clone)]
pub(crate) struct Held<T> {
    inner: T,
    next: Arc<Mutex<Option<(Call, Side)>>>,
    waiting: watch::Sender<bool>,
    go: Arc<Semaphore>,
    fetches: Arc<AtomicUsize>,
}

impl<T> Held<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self {
            inner,
            next: Arc::default(),
            waiting: watch::Sender::new(false),
            go: Arc::new(Semaphore::new(0)),
            fetches: Arc::default(),
        }
    }

    /// How often it was asked for values since this was last called.
    pub(crate) fn fetches(&self) -> usize {
        self.fetches.swap(0, Ordering::SeqCst)
    }

    /// The next call of this kind waits.
    pub(crate) fn hold(&self, call: Call, side: Side) {
        *self.next.lock().unwrap() = Some((call, side));
        self.waiting.send_replace(false);
    }

    pub(crate) async fn is_held(&self) {
        self.waiting.subscribe().wait_for(|waiting| *waiting).await.unwrap();
    }

    pub(crate) fn release(&self) {
        self.go.add_permits(1);
    }

    async fn at(&self, call: Call, side: Side) {
        if (call, side) == (Call::Fetch, Side::Before) {
            self.fetches.fetch_add(1, Ordering::SeqCst);
        }
        let is_meant = {
            let mut next = self.next.lock().unwrap();
            next.take_if(|next| *next == (call, side)).is_some()
        };
        if is_meant {
            self.waiting.send_replace(true);
            self.go.acquire().await.unwrap().forget();
        }
    }
}

#[async_trait]
impl<T: SharedTier> SharedTier for Held<T> {
    async fn fetch_many(&self, scope: ScopeMark, sought: &[Sought<'_>]) -> Result<Vec<Fetched>, SharedError> {
        self.at(Call::Fetch, Side::Before).await;
        let found = self.inner.fetch_many(scope, sought).await;
        self.at(Call::Fetch, Side::After).await;
        found
    }
    async fn fetch_or_lease(
        &self,
        scope: ScopeMark,
        sought: Sought<'_>,
        lease: Lease,
    ) -> Result<Leased, SharedError> {
        self.at(Call::Fetch, Side::Before).await;
        let found = self.inner.fetch_or_lease(scope, sought, lease).await;
        self.at(Call::Fetch, Side::After).await;
        found
    }
    async fn release(&self, scope: ScopeMark, key: Mark, token: LeaseToken) -> Result<(), SharedError> {
        self.inner.release(scope, key, token).await
    }
    async fn fill(&self, scope: ScopeMark, entry: NewEntry<'_>) -> Result<Filled, SharedError> {
        self.at(Call::Fill, Side::Before).await;
        let filled = self.inner.fill(scope, entry).await;
        self.at(Call::Fill, Side::After).await;
        filled
    }
    async fn check(&self, scope: ScopeMark, marks: &[Mark], seen: Seen) -> Result<Verdict, SharedError> {
        self.inner.check(scope, marks, seen).await
    }
    async fn forget(&self, scope: ScopeMark, forget: Forget<'_>, notice: &[u8]) -> Result<Seen, SharedError> {
        self.inner.forget(scope, forget, notice).await
    }
    async fn forget_clinic(&self, scope: ScopeMark, verb: Verb, notice: &[u8]) -> Result<Seen, SharedError> {
        self.inner.forget_clinic(scope, verb, notice).await
    }
    async fn purge_all(&self, notice: &[u8]) -> Result<u64, SharedError> {
        self.inner.purge_all(notice).await
    }
    async fn generation(&self) -> Result<u64, SharedError> {
        self.inner.generation().await
    }
    fn hear(&self, generation: u64) {
        self.inner.hear(generation);
    }
    async fn bar(
        &self,
        scope: ScopeMark,
        marks: &[Mark],
        longest: Duration,
        notice: &[u8],
    ) -> Result<SharedBar, SharedError> {
        self.inner.bar(scope, marks, longest, notice).await
    }
    async fn lift(&self, bar: &SharedBar, notice: &[u8]) -> Result<Seen, SharedError> {
        self.inner.lift(bar, notice).await
    }
    async fn say(&self, notice: &[u8]) -> Result<(), SharedError> {
        self.inner.say(notice).await
    }
    async fn listen(&self) -> Result<Box<dyn Listener>, SharedError> {
        self.inner.listen().await
    }
}
