use super::hear::{Hearing, NoticeMishap};
use crate::{
    Mark, ScopeMark,
    shared::{
        error::SharedError,
        tier::{Listener, SharedTier},
        types::{
            Fetched, Filled, Forget, Lease, LeaseToken, Leased, NewEntry, Seen, SharedBar, Sought, Verb,
            Verdict,
        },
    },
};
use async_trait::async_trait;
use std::{
    collections::VecDeque,
    future::Future,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// What is to go wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mishap {
    /// Nothing.
    None,
    /// It fails before anything happened.
    Fail,
    /// It never answers, and nothing happened.
    Hang,
    /// It happens, and fails all the same.
    LoseReply,
    /// It happens, and never answers.
    HangAfter,
}

/// A shared tier in which things go wrong on command: to find out what a program does then.
///
/// ```
/// use healthcare_cache::{ChaosShared, Mark, MemoryServer, Mishap, ScopeMark, SharedTier as _};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let tier = ChaosShared::new(MemoryServer::new().node());
/// tier.next([Mishap::Fail]);
/// let (clinic, key) = (ScopeMark([1; 16]), Mark([2; 16]));
/// assert!(tier.fetch(clinic, key).await.is_err());
/// assert!(tier.fetch(clinic, key).await.is_ok());
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ChaosShared<T> {
    inner: T,
    plan: Arc<Mutex<Plan>>,
    hearing: Arc<Hearing>,
}

#[derive(Debug)]
struct Plan {
    next: VecDeque<Mishap>,
    then: Mishap,
}

impl<T: SharedTier> ChaosShared<T> {
    /// Nothing goes wrong until it is told to.
    pub fn new(inner: T) -> Self {
        let plan = Plan { next: VecDeque::new(), then: Mishap::None };
        Self { inner, plan: Arc::new(Mutex::new(plan)), hearing: Arc::new(Hearing::new()) }
    }

    /// What happens to the next calls, one each, before [`always`](Self::always) counts again.
    pub fn next(&self, mishaps: impl IntoIterator<Item = Mishap>) {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner).next.extend(mishaps);
    }

    /// What happens to every call that [`next`](Self::next) says nothing of.
    pub fn always(&self, mishap: Mishap) {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner).then = mishap;
    }

    /// What happens to the next notices that this node's listeners hear, one each, before
    /// [`always_hear`](Self::always_hear) counts again.
    pub fn next_hear(&self, mishaps: impl IntoIterator<Item = NoticeMishap>) {
        self.hearing.next(mishaps);
    }

    /// What happens to every notice that [`next_hear`](Self::next_hear) says nothing of.
    pub fn always_hear(&self, mishap: NoticeMishap) {
        self.hearing.always(mishap);
    }

    /// Makes this node's listeners deaf, or hear again: over a link that is dead without being closed nothing is heard,
    /// and what was told meanwhile is lost. Calls go on.
    pub fn deafen(&self, is_deaf: bool) {
        self.hearing.deafen(is_deaf);
    }

    /// Cuts the links of this node's listeners: they fail, and new ones hear.
    pub fn cut(&self) {
        self.hearing.cut();
    }

    /// The tier behind it.
    pub const fn inner(&self) -> &T {
        &self.inner
    }

    fn draw(&self) -> Mishap {
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        plan.next.pop_front().unwrap_or(plan.then)
    }

    async fn through<O>(&self, call: impl Future<Output = Result<O, SharedError>>) -> Result<O, SharedError> {
        match self.draw() {
            Mishap::None => call.await,
            Mishap::Fail => Err(broken()),
            Mishap::Hang => std::future::pending().await,
            Mishap::LoseReply => {
                call.await?;
                Err(broken())
            }
            Mishap::HangAfter => {
                call.await?;
                std::future::pending().await
            }
        }
    }
}

pub(super) fn broken() -> SharedError {
    SharedError::Away(Box::new(io::Error::other("broken on command")))
}

#[async_trait]
impl<T: SharedTier> SharedTier for ChaosShared<T> {
    async fn fetch_many(&self, scope: ScopeMark, sought: &[Sought<'_>]) -> Result<Vec<Fetched>, SharedError> {
        self.through(self.inner.fetch_many(scope, sought)).await
    }

    async fn fetch_or_lease(
        &self,
        scope: ScopeMark,
        sought: Sought<'_>,
        lease: Lease,
    ) -> Result<Leased, SharedError> {
        self.through(self.inner.fetch_or_lease(scope, sought, lease)).await
    }

    async fn release(&self, scope: ScopeMark, key: Mark, token: LeaseToken) -> Result<(), SharedError> {
        self.through(self.inner.release(scope, key, token)).await
    }

    async fn fill(&self, scope: ScopeMark, entry: NewEntry<'_>) -> Result<Filled, SharedError> {
        self.through(self.inner.fill(scope, entry)).await
    }

    async fn check(&self, scope: ScopeMark, marks: &[Mark], seen: Seen) -> Result<Verdict, SharedError> {
        self.through(self.inner.check(scope, marks, seen)).await
    }

    async fn forget(&self, scope: ScopeMark, forget: Forget<'_>, notice: &[u8]) -> Result<Seen, SharedError> {
        self.through(self.inner.forget(scope, forget, notice)).await
    }

    async fn forget_clinic(&self, scope: ScopeMark, verb: Verb, notice: &[u8]) -> Result<Seen, SharedError> {
        self.through(self.inner.forget_clinic(scope, verb, notice)).await
    }

    async fn purge_all(&self, notice: &[u8]) -> Result<u64, SharedError> {
        self.through(self.inner.purge_all(notice)).await
    }

    async fn generation(&self) -> Result<u64, SharedError> {
        self.through(self.inner.generation()).await
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
        self.through(self.inner.bar(scope, marks, longest, notice)).await
    }

    async fn lift(&self, bar: &SharedBar, notice: &[u8]) -> Result<Seen, SharedError> {
        self.through(self.inner.lift(bar, notice)).await
    }

    async fn say(&self, notice: &[u8]) -> Result<(), SharedError> {
        self.through(self.inner.say(notice)).await
    }

    async fn listen(&self) -> Result<Box<dyn Listener>, SharedError> {
        let inner = self.through(self.inner.listen()).await?;
        Ok(Box::new(self.hearing.ear(inner)))
    }
}
