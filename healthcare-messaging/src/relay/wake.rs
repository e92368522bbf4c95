use async_trait::async_trait;
use healthcare_core::{AccessError, Change, Committed, Guard, Record, Writer};
use std::sync::Arc;
use tokio::sync::Notify;

/// Tells a relay or a worker that there is something to do. Cheap to clone; clones wake the same one.
///
/// A signal that comes while it works is kept; many are one. It only saves waiting: who is never woken finds everything
/// at the poll interval.
#[derive(Debug, Clone, Default)]
pub struct Wake {
    notify: Arc<Notify>,
}

impl Wake {
    /// A signal for one relay or worker.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Wakes it. Never blocks.
    pub fn signal(&self) {
        self.notify.notify_one();
    }

    pub(crate) async fn signalled(&self) {
        self.notify.notified().await;
    }
}

/// A [`Writer`] that wakes a relay after each commit that may have happened.
#[derive(Debug, Clone)]
pub struct WakingWriter<W> {
    inner: W,
    wake: Wake,
}

/// Signals when dropped, so that a commit whose writer was dropped is relayed as soon as any other.
struct Signals<'w>(Option<&'w Wake>);

impl Drop for Signals<'_> {
    fn drop(&mut self) {
        if let Some(wake) = self.0 {
            wake.signal();
        }
    }
}

impl<W> WakingWriter<W> {
    /// `inner`, after whose commits `wake` is signalled.
    pub const fn new(inner: W, wake: Wake) -> Self {
        Self { inner, wake }
    }

    async fn waking(
        &self,
        commit: impl Future<Output = Result<Committed, AccessError>>,
    ) -> Result<Committed, AccessError> {
        let mut signals = Signals(Some(&self.wake));
        let result = commit.await;
        if !matches!(result, Ok(_) | Err(AccessError::CommitUnknown)) {
            signals.0 = None;
        }
        result
    }
}

#[async_trait]
impl<T: Record, W: Writer<T>> Writer<T> for WakingWriter<W> {
    async fn commit(&self, change: Change<T>) -> Result<Committed, AccessError> {
        self.waking(self.inner.commit(change)).await
    }

    async fn commit_guarded(&self, change: Change<T>, guard: &dyn Guard) -> Result<Committed, AccessError> {
        self.waking(self.inner.commit_guarded(change, guard)).await
    }
}
