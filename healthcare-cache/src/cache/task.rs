use super::{
    Cached, Load, Loaded,
    entry::{Age, Entry},
    fill::Found,
    read::{Cache, Glance, Inner},
};
use crate::{
    CachedAs,
    flight::{Boarding, Flight, Landing, LoadError, Outcome},
    node::Fence,
    report::{Count, LoadReport},
};
use std::{error::Error, future::Future, sync::Arc, time::Duration};
use tokio::{
    runtime::Handle,
    time::{self, Instant},
};
use tracing::Instrument as _;

/// Who joined a load and may not have what it brought finds a younger one the second time.
pub(super) const TRIES: usize = 3;

impl<K: CachedAs, V: Send + Sync + 'static> Cache<K, V> {
    /// What every read that may load does.
    pub(super) async fn fetch<F, Fut, E>(&self, key: &K, loader: F) -> Result<Option<Cached<V>>, LoadError>
    where
        F: FnOnce(Load<V>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Loaded<V>, E>> + Send,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let now = self.inner.node.now();
        let found = self.inner.glance(key, now);
        self.inner.report.count(found.counted());
        match found {
            Glance::Fresh(entry) => Ok(Some(Cached::new(entry, false))),
            Glance::Absent => Ok(None),
            Glance::Aging(entry, age) => {
                self.refresh(key, &entry, now, loader);
                Ok(Some(Cached::new(entry, age == Age::Stale)))
            }
            Glance::Over(entry) if entry.is_paused(now) => {
                self.inner.report.count(Count::FailSafe);
                Ok(Some(Cached::new(entry, true)))
            }
            Glance::Over(entry) => self.load(key, Some(entry), loader).await,
            Glance::Nothing => self.load(key, None, loader).await,
        }
    }

    /// Loads in the background, if that is due.
    fn refresh<F, Fut, E>(&self, key: &K, entry: &Entry<V>, now: Duration, loader: F)
    where
        F: FnOnce(Load<V>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Loaded<V>, E>> + Send,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let Ok(handle) = Handle::try_current() else { return };
        if let Some(ready) = self.inner.board_refresh(key, entry, now) {
            self.depart(&handle, key, ready, true, loader);
        }
    }

    /// Loads, or waits for the load under way.
    async fn load<F, Fut, E>(
        &self,
        key: &K,
        old: Option<Arc<Entry<V>>>,
        loader: F,
    ) -> Result<Option<Cached<V>>, LoadError>
    where
        F: FnOnce(Load<V>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Loaded<V>, E>> + Send,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let inner = &*self.inner;
        let handle = Handle::try_current().map_err(|_| LoadError::NoRuntime)?;
        let arrival = inner.node.versions().last();
        let limit = inner.patience(old.is_some());
        let end = Instant::now() + limit;
        let fence = inner.node.fence(key);
        let mut loader = Some(loader);
        for _ in 0..TRIES {
            let flight = match inner.board(key, fence.clone()) {
                Boarding::Joined(flight) => flight,
                Boarding::Led(flight) => {
                    if let Some(ready) = inner.check_in(key, Arc::clone(&flight), inner.node.now()) {
                        // Only a load uses up the loader, and what the caller's own load brings will do.
                        let Some(loader) = loader.take() else { break };
                        self.depart(&handle, key, ready, false, loader);
                    }
                    flight
                }
                Boarding::Full => {
                    inner.report.count(Count::LoadRefused);
                    return inner.fall_back(key, old, LoadError::TooMany);
                }
            };
            match flight.wait(end, limit).await {
                Ok(found) if found.will_do(arrival, inner.node.versions()) => return Ok(found.into_value()),
                Ok(_) => {}
                Err(error) => return inner.fall_back(key, old, error),
            }
        }
        inner.fall_back(key, old, LoadError::TooMany)
    }

    /// Starts the task of a load.
    fn depart<F, Fut, E>(&self, handle: &Handle, key: &K, ready: Ready<K, V>, is_refresh: bool, loader: F)
    where
        F: FnOnce(Load<V>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Loaded<V>, E>> + Send,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let (inner, key) = (Arc::clone(&self.inner), key.clone());
        let span = inner.report.span(is_refresh);
        let task = async move {
            let Ready { landing, flight, begun, previous, report } = ready;
            flight.begin();
            let old = previous.clone();
            let load = Load { previous, is_refresh };
            let outcome = inner.bring(&key, flight.fence().clone(), begun, load, loader).await;
            if let (Err(_), Some(old)) = (&outcome, old) {
                inner.pause(&old.entry);
            }
            let counted = outcome.as_ref().map_or_else(Count::failed, Found::counted);
            report.ended(counted, inner.node.now().saturating_sub(begun));
            landing.land(outcome);
        };
        handle.spawn(task.instrument(span));
    }
}

/// A load about to start. It lands, whatever becomes of this.
pub(super) struct Ready<K: CachedAs, V> {
    pub(super) landing: Landing<K, Found<V>>,
    pub(super) flight: Arc<Flight<Found<V>>>,
    pub(super) begun: Duration,
    pub(super) previous: Option<Cached<V>>,
    pub(super) report: LoadReport,
}

impl<K: CachedAs, V: Send + Sync + 'static> Inner<K, V> {
    /// Joins a load that began after all purges of the key so far, or begins one under this fence.
    pub(super) fn board(&self, key: &K, fence: Fence) -> Boarding<Flight<Found<V>>> {
        let versions = self.node.versions();
        let is_shared = !self.policy.is_off();
        self.flights.board(
            key,
            |flight| is_shared && versions.stand(flight.fence()),
            || Flight::new(fence.at(versions.last())),
        )
    }

    /// Begins a load in the background, unless that is going on, failed a moment ago, or would keep others from loading.
    pub(super) fn board_refresh(&self, key: &K, entry: &Entry<V>, now: Duration) -> Option<Ready<K, V>> {
        if entry.is_paused(now) || self.permits.available_permits() == 0 {
            return None;
        }
        let Boarding::Led(flight) = self.board(key, self.node.fence(key)) else { return None };
        self.check_in(key, flight, now)
    }

    /// How long a caller waits.
    pub(super) fn patience(&self, has_old: bool) -> Duration {
        let soft = self.policy.soft_time_out().filter(|_| has_old);
        soft.unwrap_or(self.policy.hard_time_out())
    }

    /// After a failed load.
    pub(super) fn pause(&self, old: &Entry<V>) {
        old.pause(self.node.now().saturating_add(self.policy.throttle()));
    }

    /// Lands at once when somebody else landed between the look-up and the boarding.
    pub(super) fn check_in(
        &self,
        key: &K,
        flight: Arc<Flight<Found<V>>>,
        begun: Duration,
    ) -> Option<Ready<K, V>> {
        let landing = Landing::new(Arc::clone(&self.flights), key.clone(), Arc::clone(&flight));
        let previous = match self.glance(key, begun) {
            Glance::Fresh(entry) => {
                landing.land(Ok(Found::Value(entry)));
                return None;
            }
            Glance::Absent => {
                landing.land(Ok(Found::Absent(flight.fence().clone())));
                return None;
            }
            Glance::Aging(entry, age) => Some(Cached::new(entry, age == Age::Stale)),
            Glance::Over(entry) => Some(Cached::new(entry, true)),
            Glance::Nothing => None,
        };
        Some(Ready { landing, flight, begun, previous, report: self.report.load() })
    }

    /// Runs the loader within its time, and keeps what it brings.
    async fn bring<F, Fut, E>(
        &self,
        key: &K,
        fence: Fence,
        begun: Duration,
        load: Load<V>,
        loader: F,
    ) -> Outcome<Found<V>>
    where
        F: FnOnce(Load<V>) -> Fut,
        Fut: Future<Output = Result<Loaded<V>, E>>,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let limit = self.policy.finish_within();
        let previous = load.previous.clone();
        let loading = async {
            let _permit = self.permits.acquire().await.map_err(|_| LoadError::CutOff)?;
            loader(load).await.map_err(|cause| LoadError::Failed(Arc::from(cause.into())))
        };
        let loaded = time::timeout(limit, loading).await.map_err(|_| LoadError::Dropped(limit))??;
        self.fill(key, fence, begun, loaded, previous.as_ref().map(|old| &*old.entry)).map(|(found, _)| found)
    }

    /// The old value in the place of an error, if the policy allows it and nothing of it was purged meanwhile.
    pub(super) fn fall_back(
        &self,
        key: &K,
        old: Option<Arc<Entry<V>>>,
        error: LoadError,
    ) -> Result<Option<Cached<V>>, LoadError> {
        let now = self.node.now();
        let may_serve =
            |entry: &Arc<Entry<V>>| entry.age(self.node.versions(), now, self.policy.level()) < Age::Gone;
        let Some(entry) = old.filter(may_serve) else { return Err(error) };
        self.pause(&entry);
        self.report.count(Count::FailSafe);
        // The one that is kept may be another by now: what is younger is better.
        match self.glance(key, now) {
            Glance::Fresh(entry) => Ok(Some(Cached::new(entry, false))),
            _ => Ok(Some(Cached::new(entry, true))),
        }
    }
}
