use super::{
    Cached, Load, Loaded,
    beyond::{Answer, Errand, Want},
    entry::{Age, Entry},
    fill::{Found, Origin},
    read::{Cache, Glance, Inner},
};
use crate::{
    CachedAs,
    flight::{Boarding, Flight, Landing, LoadError, Outcome},
    node::Fence,
    report::Count,
};
use std::{
    error::Error,
    future::Future,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{
    runtime::Handle,
    time::{self, Instant},
};
use tracing::Instrument as _;

/// Who joined a load and may not have what it brought finds a younger one the second time.
pub(super) const TRIES: usize = 3;

/// When a call came, in the order of purges and in that of loads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    /// Whether the number counts what others purged, too.
    is_hearing: bool,
    number: u64,
    order: u64,
}

impl<K: CachedAs, V: Send + Sync + 'static> Cache<K, V> {
    /// What every read that may load does.
    pub(super) async fn fetch<F, Fut, E>(&self, key: &K, loader: F) -> Result<Option<Cached<V>>, LoadError>
    where
        F: FnOnce(Load<V>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Loaded<V>, E>> + Send,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let now = self.inner.node.now();
        let mut found = self.inner.glance(key, now);
        if self.inner.is_strict() {
            found = Box::pin(self.inner.confirm(key, found)).await;
        }
        self.inner.count_look(&found, now);
        // What a hit does not need is apart, or each would carry some kilobytes about.
        match found {
            Glance::Fresh(entry) => Ok(Some(Cached::new(entry, false))),
            Glance::Absent(_) => Ok(None),
            Glance::Aging(entry, age) => {
                self.refresh(key, &entry, now, loader);
                Ok(Some(Cached::new(entry, age == Age::Stale)))
            }
            Glance::Over(entry) if entry.is_paused(now) => {
                self.inner.report.count(Count::FailSafe);
                Ok(Some(Cached::new(entry, true)))
            }
            Glance::Over(entry) => Box::pin(self.load(key, Some(entry), loader)).await,
            Glance::Nothing => Box::pin(self.load(key, None, loader)).await,
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
        let arrival = inner.arrival();
        let limit = inner.patience(old.is_some());
        let end = Instant::now() + limit;
        let mut loader = Some(loader);
        for _ in 0..TRIES {
            let flight = match inner.board(key) {
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
                Ok(found) if inner.will_do(key, &flight, &found, arrival).await => {
                    return Ok(found.into_value());
                }
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
            let Ready { landing, flight, previous } = ready;
            flight.begin();
            let old = previous.clone();
            let load = Load { previous, is_refresh };
            let mut errand = Errand::new(Arc::clone(&inner), key.clone());
            let outcome = inner.bring(&key, flight.fence(), load, loader, &mut errand).await;
            if let (Err(_), Some(old)) = (&outcome, old) {
                inner.pause(&old.entry);
            }
            landing.land(outcome);
            // Nobody waits for this.
            errand.run().await;
        };
        handle.spawn(task.instrument(span));
    }
}

/// A load about to start. It lands, whatever becomes of this.
pub(super) struct Ready<K: CachedAs, V> {
    pub(super) landing: Landing<K, Found<V>>,
    pub(super) flight: Arc<Flight<Found<V>>>,
    pub(super) previous: Option<Cached<V>>,
}

impl<K: CachedAs, V: Send + Sync + 'static> Inner<K, V> {
    /// Now.
    pub(super) fn arrival(&self) -> Arrival {
        // First of all: see [`Hears`](crate::node).
        let is_hearing = self.node.hears(self.node.now());
        let number = self.node.versions().last();
        Arrival { is_hearing, number, order: self.orders.load(Ordering::Acquire) }
    }

    /// Joins a load that began after all purges of the key so far, or begins one.
    pub(super) fn board(&self, key: &K) -> Boarding<Flight<Found<V>>> {
        let versions = self.node.versions();
        let fence = self.node.fence(key);
        let is_shared = !self.policy.is_off();
        self.flights.board(
            key,
            |flight| is_shared && versions.stand(flight.fence()),
            || Flight::new(fence.at(versions.last()), self.orders.fetch_add(1, Ordering::AcqRel) + 1),
        )
    }

    /// Whether what a load brought will do for a caller: the load began after the call, or nothing that the value depends on
    /// was purged since; its tags were not known when the caller joined. A node that may not have heard of every purge goes
    /// by the first alone; one that hears now and did not when the call came heard only afterwards what was purged before it.
    /// The restricted level goes by what the shared tier says now.
    pub(super) async fn will_do(
        &self,
        key: &K,
        flight: &Flight<Found<V>>,
        found: &Found<V>,
        arrival: Arrival,
    ) -> bool {
        if flight.order() > arrival.order {
            return true;
        }
        let (fence, hears) = (found.fence(), self.node.hears(self.node.now()));
        let is_later = arrival.is_hearing && fence.seen() >= arrival.number;
        if !is_later && !self.node.versions().stand(fence) {
            return false;
        }
        if self.is_strict() { self.is_current(key, found.bond()).await } else { hears }
    }

    /// What was found in memory, if the shared tier says that it is right.
    pub(super) async fn confirm(&self, key: &K, found: Glance<V>) -> Glance<V> {
        let bond = match &found {
            Glance::Fresh(entry) | Glance::Aging(entry, _) => entry.bond.as_deref(),
            Glance::Absent(entry) => entry.bond.as_deref(),
            Glance::Over(_) | Glance::Nothing => return Glance::Nothing,
        };
        if self.is_current(key, bond).await { found } else { Glance::Nothing }
    }

    /// Begins a load in the background, unless that is going on, failed a moment ago, or would keep others from loading.
    pub(super) fn board_refresh(&self, key: &K, entry: &Entry<V>, now: Duration) -> Option<Ready<K, V>> {
        if entry.is_paused(now) || self.permits.available_permits() == 0 {
            return None;
        }
        let Boarding::Led(flight) = self.board(key) else { return None };
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
        now: Duration,
    ) -> Option<Ready<K, V>> {
        let landing = Landing::new(Arc::clone(&self.flights), key.clone(), Arc::clone(&flight));
        // What memory has of the restricted level was refused just now.
        let found = if self.is_strict() { Glance::Nothing } else { self.glance_again(key, now) };
        let previous = match found {
            Glance::Fresh(entry) => {
                landing.land(Ok(Found::fresh(entry)));
                return None;
            }
            Glance::Absent(entry) => {
                landing.land(Ok(Found::Absent(entry)));
                return None;
            }
            Glance::Aging(entry, age) => Some(Cached::new(entry, age == Age::Stale)),
            Glance::Over(entry) => Some(Cached::new(entry, true)),
            Glance::Nothing => None,
        };
        Some(Ready { landing, flight, previous })
    }

    /// Asks the shared tier, and runs the loader when it must, within the time of a load; and keeps what came.
    async fn bring<F, Fut, E>(
        &self,
        key: &K,
        fence: &Fence,
        load: Load<V>,
        loader: F,
        errand: &mut Errand<K, V>,
    ) -> Outcome<Found<V>>
    where
        F: FnOnce(Load<V>) -> Fut,
        Fut: Future<Output = Result<Loaded<V>, E>>,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let limit = self.policy.finish_within();
        let bringing = async {
            let want = if load.previous.is_some() { Want::Fresh } else { Want::Any };
            let (seen, old) = match self.ask(key, fence, want, errand).await {
                Answer::Found(found) => return Ok(found),
                Answer::Load(seen, old) => (seen, old),
            };
            let begun = self.node.now();
            let report = self.report.load();
            let previous = load.previous.or_else(|| old.clone().map(|old| Cached::new(old, true)));
            let outcome = async {
                let _permit = self.permits.acquire().await.map_err(|_| LoadError::CutOff)?;
                // It may have been purged while this waited.
                let previous = previous.filter(|old| self.is_alive(&old.entry));
                let load = Load { previous: previous.clone(), is_refresh: load.is_refresh };
                let loaded =
                    loader(load).await.map_err(|cause| LoadError::Failed(Arc::from(cause.into())))?;
                let (origin, count) = (Origin { fence: fence.clone(), seen, begun }, loaded.counted());
                let (found, put) =
                    self.fill(key, origin, loaded, previous.as_ref().map(|old| &*old.entry))?;
                Ok((found, put, count))
            }
            .await;
            let counted = outcome.as_ref().map_or_else(Count::failed, |(.., count)| *count);
            report.ended(counted, self.node.now().saturating_sub(begun));
            match (outcome, old) {
                (Ok((found, put, _)), _) => {
                    errand.keep(&found, seen, put);
                    Ok(found)
                }
                // The shared tier had an old value, which nobody knew of when the load began.
                (Err(error), Some(old)) => self.stand_in(old).ok_or(error),
                (Err(error), None) => Err(error),
            }
        };
        time::timeout(limit, bringing).await.map_err(|_| LoadError::Dropped(limit))?
    }

    /// An old value in the place of an error, if it may still be served.
    pub(super) fn stand_in(&self, old: Arc<Entry<V>>) -> Option<Found<V>> {
        if !self.is_alive(&old) {
            return None;
        }
        self.pause(&old);
        self.report.count(Count::FailSafe);
        Some(Found::Value(old, Age::Stale))
    }

    /// Whether a value that was found earlier may still be served at all.
    fn is_alive(&self, old: &Entry<V>) -> bool {
        let now = self.node.now();
        self.node.hears(now) && old.age(self.node.versions(), now, self.policy.level()) < Age::Gone
    }

    /// The old value in the place of an error, if the policy allows it and nothing of it was purged meanwhile.
    pub(super) fn fall_back(
        &self,
        key: &K,
        old: Option<Arc<Entry<V>>>,
        error: LoadError,
    ) -> Result<Option<Cached<V>>, LoadError> {
        let Some(old) = old.and_then(|old| self.stand_in(old)) else { return Err(error) };
        // The one that is kept may be another by now: what is younger is better.
        match self.glance_again(key, self.node.now()) {
            Glance::Fresh(entry) => Ok(Some(Cached::new(entry, false))),
            _ => Ok(old.into_value()),
        }
    }
}
