use super::{
    Cached, Loaded,
    entry::{Age, Entry},
    fill::Found,
    read::{Cache, Glance, Inner},
    task::{Ready, TRIES},
};
use crate::{
    CachedAs,
    flight::{Boarding, Flight, LoadError, Outcome},
    report::Count,
};
use std::{collections::HashMap, error::Error, future::Future, sync::Arc};
use tokio::{
    runtime::Handle,
    time::{self, Instant},
};
use tracing::Instrument as _;

/// What became of one key of several.
type Answer<V> = Result<Option<Cached<V>>, LoadError>;

/// A key that was not answered at once.
struct Wish<V> {
    /// Its place among those that were asked for.
    place: usize,
    old: Option<Arc<Entry<V>>>,
}

/// What is known of the keys so far.
struct Look<K: CachedAs, V> {
    answers: Vec<Option<Answer<V>>>,
    wishes: Vec<Wish<V>>,
    /// Loads that this call leads.
    led: Vec<(K, Ready<K, V>)>,
}

impl<K: CachedAs, V: Send + Sync + 'static> Cache<K, V> {
    /// The values of several keys, each with its own outcome, in their order. What is not there is loaded by one call of
    /// `loader`, which is given all those keys that nobody else is loading already; a key that it brings nothing for does not
    /// exist, and one that it was not asked for is left. Values that are due for a refresh are loaded along with them, or by a
    /// call that nobody waits for.
    ///
    /// Each key has a load of its own in the sense of all that is said of loads: others share it, a purge overtakes it alone,
    /// and dropping this call takes nothing with it. The call of `loader` counts as one of the builder's `loads_max`. It is
    /// called again only for keys whose load was somebody else's and was overtaken by a purge.
    ///
    /// # Errors
    /// [`LoadError`] in the place of each key whose value could not be had.
    ///
    /// ```
    /// # use healthcare_cache::{Cache, CacheKey, CachePolicy, CachedAs, KeyWriter, TtlClass};
    /// # use healthcare_core::ClinicId;
    /// # use uuid::Uuid;
    /// # #[derive(Clone, PartialEq, Eq, Hash, Debug)]
    /// # struct BedKey { clinic: ClinicId, patient: Uuid }
    /// # impl CacheKey for BedKey {
    /// #     fn clinic(&self) -> ClinicId { self.clinic }
    /// #     fn subject(&self) -> Option<Uuid> { Some(self.patient) }
    /// # }
    /// # impl CachedAs for BedKey {
    /// #     const KIND: &'static str = "bed";
    /// #     fn write(&self, out: &mut KeyWriter) { out.id(self.patient); }
    /// # }
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    /// # runtime.block_on(async {
    /// let beds: Cache<BedKey, u32> = Cache::builder(CachePolicy::of(TtlClass::Patient).build()?).build()?;
    /// let clinic = ClinicId::random();
    /// let keys: Vec<BedKey> = (0..3).map(|_| BedKey { clinic, patient: Uuid::now_v7() }).collect();
    /// let found = beds
    ///     .get_or_load_many(&keys, |wanted: Vec<BedKey>| async move {
    ///         // One query for all of them; the last patient has no bed.
    ///         Ok::<_, std::io::Error>(wanted.into_iter().zip([12, 14]).collect())
    ///     })
    ///     .await;
    /// let found: Vec<Option<u32>> = found.into_iter().map(|bed| Ok(bed?.map(|bed| *bed))).collect::<Result<_, healthcare_cache::LoadError>>()?;
    /// assert_eq!(found, [Some(12), Some(14), None]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn get_or_load_many<F, Fut, L, E>(&self, keys: &[K], loader: F) -> Vec<Answer<V>>
    where
        F: Fn(Vec<K>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<(K, L)>, E>> + Send,
        L: Into<Loaded<V>>,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let inner = &*self.inner;
        let arrival = inner.node.versions().last();
        let Look { mut answers, mut wishes, mut led } = inner.look(keys);
        let Ok(handle) = Handle::try_current() else {
            return answers.into_iter().map(|answer| answer.unwrap_or(Err(LoadError::NoRuntime))).collect();
        };
        let loader = Arc::new(loader);
        let begun = Instant::now();
        for _ in 0..TRIES {
            if wishes.is_empty() && led.is_empty() {
                break;
            }
            let mut waits = Vec::with_capacity(wishes.len());
            for wish in wishes.drain(..) {
                let Some(key) = keys.get(wish.place) else { continue };
                match inner.board_wish(key, &mut led) {
                    Some(flight) => waits.push((wish, flight)),
                    None => {
                        answer(&mut answers, wish.place, inner.fall_back(key, wish.old, LoadError::TooMany))
                    }
                }
            }
            self.depart_many(&handle, std::mem::take(&mut led), &loader);
            for (wish, flight) in waits {
                let Some(key) = keys.get(wish.place) else { continue };
                let limit = inner.patience(wish.old.is_some());
                match flight.wait(begun + limit, limit).await {
                    Ok(found) if found.will_do(arrival, inner.node.versions()) => {
                        answer(&mut answers, wish.place, Ok(found.into_value()));
                    }
                    Ok(_) => wishes.push(wish),
                    Err(error) => answer(&mut answers, wish.place, inner.fall_back(key, wish.old, error)),
                }
            }
        }
        for Wish { place, old } in wishes {
            if let Some(key) = keys.get(place) {
                answer(&mut answers, place, inner.fall_back(key, old, LoadError::TooMany));
            }
        }
        answers.into_iter().map(|answer| answer.unwrap_or(Err(LoadError::CutOff))).collect()
    }

    /// Starts the task of the loads that this call leads.
    fn depart_many<F, Fut, L, E>(&self, handle: &Handle, led: Vec<(K, Ready<K, V>)>, loader: &Arc<F>)
    where
        F: Fn(Vec<K>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<(K, L)>, E>> + Send,
        L: Into<Loaded<V>>,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        if led.is_empty() {
            return;
        }
        let (inner, loader) = (Arc::clone(&self.inner), Arc::clone(loader));
        let span = inner.report.span(false);
        let task = async move {
            for (_, ready) in &led {
                ready.flight.begin();
            }
            let wanted: Vec<K> = led.iter().map(|(key, _)| key.clone()).collect();
            let brought = inner.bring_many(wanted, &*loader).await;
            inner.land_many(led, brought);
        };
        handle.spawn(task.instrument(span));
    }
}

impl<K: CachedAs, V: Send + Sync + 'static> Inner<K, V> {
    /// What can be answered at once, and what is to be refreshed.
    fn look(&self, keys: &[K]) -> Look<K, V> {
        let now = self.node.now();
        let mut look = Look { answers: Vec::with_capacity(keys.len()), wishes: Vec::new(), led: Vec::new() };
        for (place, key) in keys.iter().enumerate() {
            let found = self.glance(key, now);
            self.report.count(found.counted());
            let answer = match found {
                Glance::Fresh(entry) => Some(Ok(Some(Cached::new(entry, false)))),
                Glance::Absent => Some(Ok(None)),
                Glance::Aging(entry, age) => {
                    look.led.extend(self.board_refresh(key, &entry, now).map(|ready| (key.clone(), ready)));
                    Some(Ok(Some(Cached::new(entry, age == Age::Stale))))
                }
                Glance::Over(entry) if entry.is_paused(now) => {
                    self.report.count(Count::FailSafe);
                    Some(Ok(Some(Cached::new(entry, true))))
                }
                Glance::Over(entry) => {
                    look.wishes.push(Wish { place, old: Some(entry) });
                    None
                }
                Glance::Nothing => {
                    look.wishes.push(Wish { place, old: None });
                    None
                }
            };
            look.answers.push(answer);
        }
        look
    }

    /// Joins a load of the key, or leads one. `None` when there are too many.
    fn board_wish(&self, key: &K, led: &mut Vec<(K, Ready<K, V>)>) -> Option<Arc<Flight<Found<V>>>> {
        match self.board(key, self.node.fence(key)) {
            Boarding::Joined(flight) => Some(flight),
            Boarding::Led(flight) => {
                let ready = self.check_in(key, Arc::clone(&flight), self.node.now());
                led.extend(ready.map(|ready| (key.clone(), ready)));
                Some(flight)
            }
            Boarding::Full => {
                self.report.count(Count::LoadRefused);
                None
            }
        }
    }

    /// Runs the loader within its time.
    async fn bring_many<F, Fut, L, E>(&self, wanted: Vec<K>, loader: &F) -> Outcome<HashMap<K, Loaded<V>>>
    where
        F: Fn(Vec<K>) -> Fut,
        Fut: Future<Output = Result<Vec<(K, L)>, E>>,
        L: Into<Loaded<V>>,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let limit = self.policy.finish_within();
        let loading = async {
            let _permit = self.permits.acquire().await.map_err(|_| LoadError::CutOff)?;
            loader(wanted).await.map_err(|cause| LoadError::Failed(Arc::from(cause.into())))
        };
        let brought = time::timeout(limit, loading).await.map_err(|_| LoadError::Dropped(limit))??;
        Ok(brought.into_iter().map(|(key, loaded)| (key, loaded.into())).collect())
    }

    /// Keeps what was brought for each, and lands it.
    fn land_many(&self, led: Vec<(K, Ready<K, V>)>, mut brought: Outcome<HashMap<K, Loaded<V>>>) {
        for (key, ready) in led {
            let loaded = match &mut brought {
                Ok(brought) => Ok(brought.remove(&key).unwrap_or_else(Loaded::absent)),
                Err(error) => Err(error.clone()),
            };
            let Ready { landing, flight, begun, previous, report } = ready;
            let old = previous.as_ref().map(|old| &*old.entry);
            let outcome = loaded.and_then(|loaded| {
                self.fill(&key, flight.fence().clone(), begun, loaded, old).map(|(found, _)| found)
            });
            if let (Err(_), Some(old)) = (&outcome, old) {
                self.pause(old);
            }
            let counted = outcome.as_ref().map_or_else(Count::failed, Found::counted);
            report.ended(counted, self.node.now().saturating_sub(begun));
            landing.land(outcome);
        }
    }
}

fn answer<V>(answers: &mut [Option<Answer<V>>], place: usize, found: Answer<V>) {
    if let Some(answer) = answers.get_mut(place) {
        *answer = Some(found);
    }
}
