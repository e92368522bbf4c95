use crate::{Bar, Purge};
use async_trait::async_trait;
use healthcare_core::{AccessError, Change, Committed, Guard, Record, Writer};
use std::{fmt, sync::Arc, time::Duration};

/// Longer than a commit takes on any database that is set up with a statement time-out.
const LONGEST_COMMIT: Duration = Duration::from_secs(120);

/// A [`Writer`] that makes caches forget what its changes are about.
///
/// Before the commit begins it bars the change's subject from every cache it was given: what was known is forgotten, and
/// nothing is remembered while the commit is under way. When the outcome is known, the bar is lifted before the call
/// returns. When it is not ([`AccessError::CommitUnknown`], or this future was dropped) the bar stays for the longest
/// time a commit can take, so whatever comes of the commit, no cache of this process holds the state before it.
///
/// A cache that cannot be barred stops the write, with [`AccessError::Unavailable`] and nothing done.
#[derive(Clone)]
pub struct PurgingWriter<W> {
    inner: W,
    caches: Vec<Arc<dyn Purge>>,
    longest_commit: Duration,
}

impl<W> PurgingWriter<W> {
    /// `inner`, whose changes these caches are to forget.
    pub fn new(inner: W, caches: impl IntoIterator<Item = Arc<dyn Purge>>) -> Self {
        Self { inner, caches: caches.into_iter().collect(), longest_commit: LONGEST_COMMIT }
    }

    /// The longest time after which a commit that was sent can still take effect: beyond the database's statement and
    /// transaction time-outs. Two minutes when never called.
    #[must_use]
    pub const fn longest_commit(mut self, longest: Duration) -> Self {
        self.longest_commit = longest;
        self
    }

    async fn barred<T: Record>(
        &self,
        change: Change<T>,
        commit: impl AsyncFnOnce(Change<T>) -> Result<Committed, AccessError>,
    ) -> Result<Committed, AccessError> {
        let mut bars = Vec::with_capacity(self.caches.len());
        if let Some(subject) = change.subject() {
            for cache in &self.caches {
                let bar = cache.bar(change.clinic(), subject, self.longest_commit).await;
                bars.push((cache, bar.map_err(|error| AccessError::Unavailable(error.into()))?));
            }
        }
        let result = commit(change).await;
        if !matches!(result, Err(AccessError::CommitUnknown)) {
            for (cache, bar) in bars {
                lift(&**cache, bar).await;
            }
        }
        result
    }
}

/// A bar that cannot be lifted runs out by itself, and until then keeps more from being remembered than it must.
async fn lift(cache: &dyn Purge, bar: Bar) {
    let _ = cache.lift(bar).await;
}

#[async_trait]
impl<T: Record, W: Writer<T>> Writer<T> for PurgingWriter<W> {
    async fn commit(&self, change: Change<T>) -> Result<Committed, AccessError> {
        self.barred(change, async |change| self.inner.commit(change).await).await
    }

    async fn commit_guarded(&self, change: Change<T>, guard: &dyn Guard) -> Result<Committed, AccessError> {
        self.barred(change, async |change| self.inner.commit_guarded(change, guard).await).await
    }
}

impl<W: fmt::Debug> fmt::Debug for PurgingWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PurgingWriter")
            .field("inner", &self.inner)
            .field("caches", &self.caches.len())
            .finish_non_exhaustive()
    }
}
