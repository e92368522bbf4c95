use super::{
    Cached, Loaded,
    beyond::{Answer, Errand, Want},
    entry::{Age, Entry},
    fill::{Found, Origin},
    read::{Cache, Glance, Inner},
    task::{Ready, TRIES},
};
use crate::{
    CachedAs, Seen, SharedLimits,
    flight::{Boarding, Flight, LoadError, Outcome},
    report::{Count, LoadReport},
};
use healthcare_core::ClinicId;
use std::{collections::HashMap, error::Error, future::Future, sync::Arc, time::Duration};
use tokio::{
    runtime::Handle,
    time::{self, Instant},
};
use tracing::Instrument as _;

/// What became of one key of several.
type Given<V> = Result<Option<Cached<V>>, LoadError>;

/// A key that was not answered at once.
struct Wish<V> {
    /// Its place among those that were asked for.
    place: usize,
    old: Option<Arc<Entry<V>>>,
}

/// A load that this call leads.
struct Led<K: CachedAs, V> {
    key: K,
    ready: Ready<K, V>,
    /// What the shared tier said: its fence, and an old value that it has.
    seen: Option<Seen>,
    old: Option<Arc<Entry<V>>>,
}

impl<K: CachedAs, V> Led<K, V> {
    fn new(key: &K, ready: Ready<K, V>) -> Self {
        Self { key: key.clone(), ready, seen: None, old: None }
    }

    const fn want(&self) -> Want {
        if self.ready.previous.is_some() { Want::Fresh } else { Want::Any }
    }
}

/// What is known of the keys so far.
struct Look<K: CachedAs, V> {
    answers: Vec<Option<Given<V>>>,
    wishes: Vec<Wish<V>>,
    led: Vec<Led<K, V>>,
}

impl<K: CachedAs, V: Send + Sync + 'static> Cache<K, V> {
    /// The values of several keys, each with its own outcome, in their order. What is not there is loaded by one call of
    /// `loader`, which is given all those keys that nobody else is loading already; a key that it brings nothing for does not
    /// exist, and one that it was not asked for is left. Values that are due for a refresh are loaded along with them, or by a
    /// call that nobody waits for.
    ///
    /// Each key has a load of its own in the sense of all that is said of loads: others share it, a purge overtakes it alone,
    /// and dropping this call takes nothing with it. The call of `loader` counts as one of the builder's `loads_max`. It is
    /// called again only for keys whose load was somebody else's and was overtaken by a purge. A shared tier is asked once for
    /// each clinic; it does not give turns here, so several nodes may load the same at once.
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
    pub async fn get_or_load_many<F, Fut, L, E>(&self, keys: &[K], loader: F) -> Vec<Given<V>>
    where
        F: Fn(Vec<K>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<(K, L)>, E>> + Send,
        L: Into<Loaded<V>>,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let inner = &*self.inner;
        let arrival = inner.arrival();
        let Look { mut answers, mut wishes, mut led } = inner.look(keys).await;
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
                    Ok(found) if inner.will_do(key, &flight, &found, arrival).await => {
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
    fn depart_many<F, Fut, L, E>(&self, handle: &Handle, led: Vec<Led<K, V>>, loader: &Arc<F>)
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
            for one in &led {
                one.ready.flight.begin();
            }
            let led = inner.seek_many(led).await;
            let wanted: Vec<K> = led.iter().map(|one| one.key.clone()).collect();
            if wanted.is_empty() {
                return;
            }
            let begun = inner.node.now();
            let led = led.into_iter().map(|one| (one, inner.report.load())).collect();
            let brought = inner.bring_many(wanted, &*loader).await;
            // Nobody waits for what comes after it has landed.
            for errand in land_many(&inner, led, brought, begun) {
                errand.run().await;
            }
        };
        handle.spawn(task.instrument(span));
    }
}

impl<K: CachedAs, V: Send + Sync + 'static> Inner<K, V> {
    /// What can be answered at once, and what is to be refreshed.
    async fn look(&self, keys: &[K]) -> Look<K, V> {
        let mut look = Look { answers: Vec::with_capacity(keys.len()), wishes: Vec::new(), led: Vec::new() };
        for (place, key) in keys.iter().enumerate() {
            // Anew for each: those of the restricted level wait for an answer.
            let now = self.node.now();
            let mut found = self.glance(key, now);
            if self.is_strict() {
                found = self.confirm(key, found).await;
            }
            self.count_look(&found, now);
            let answer = match found {
                Glance::Fresh(entry) => Some(Ok(Some(Cached::new(entry, false)))),
                Glance::Absent(_) => Some(Ok(None)),
                Glance::Aging(entry, age) => {
                    // A load that is led may not be dropped with this call, as it would be at the next confirmation.
                    if !self.is_strict() {
                        let ready = self.board_refresh(key, &entry, now);
                        look.led.extend(ready.map(|ready| Led::new(key, ready)));
                    }
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
    fn board_wish(&self, key: &K, led: &mut Vec<Led<K, V>>) -> Option<Arc<Flight<Found<V>>>> {
        match self.board(key) {
            Boarding::Joined(flight) => Some(flight),
            Boarding::Led(flight) => {
                let ready = self.check_in(key, Arc::clone(&flight), self.node.now());
                led.extend(ready.map(|ready| Led::new(key, ready)));
                Some(flight)
            }
            Boarding::Full => {
                self.report.count(Count::LoadRefused);
                None
            }
        }
    }

    /// Lands what the shared tier has; the rest is to be loaded.
    async fn seek_many(&self, led: Vec<Led<K, V>>) -> Vec<Led<K, V>> {
        if !self.asks() {
            return led;
        }
        let end = Instant::now() + self.policy.hard_time_out() / 2;
        let mut clinics: HashMap<ClinicId, Vec<Led<K, V>>> = HashMap::new();
        for one in led {
            clinics.entry(one.key.clinic()).or_default().push(one);
        }
        let mut rest = Vec::new();
        for mut led in clinics.into_values() {
            while !led.is_empty() {
                let others = led.split_off(led.len().min(SharedLimits::NAMED_PER_CALL));
                let asked: Vec<_> =
                    led.iter().map(|one| (&one.key, one.ready.flight.fence(), one.want())).collect();
                let answers = time::timeout_at(end, self.seek(&asked)).await.ok().flatten();
                if answers.is_none() {
                    self.report.count(Count::SharedError);
                }
                let mut answers = answers.into_iter().flatten();
                let mut landed = Vec::new();
                for mut one in led {
                    match answers.next() {
                        Some(Answer::Found(found)) => landed.push((one.ready.landing, found)),
                        Some(Answer::Load(seen, old)) => {
                            (one.seen, one.old) = (seen, old);
                            rest.push(one);
                        }
                        None => rest.push(one),
                    }
                }
                // Callers wait for the first of their keys first: the last landing wakes them, and not each.
                while let Some((landing, found)) = landed.pop() {
                    landing.land(Ok(found));
                }
                led = others;
            }
        }
        rest
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
}

/// Keeps what was brought for each, and lands it. What is left to do in the shared tier comes back.
fn land_many<K: CachedAs, V: Send + Sync + 'static>(
    inner: &Arc<Inner<K, V>>,
    led: Vec<(Led<K, V>, LoadReport)>,
    mut brought: Outcome<HashMap<K, Loaded<V>>>,
    begun: Duration,
) -> Vec<Errand<K, V>> {
    let mut errands = Vec::new();
    for (Led { key, ready: Ready { landing, flight, previous }, seen, old }, report) in led {
        let loaded = match &mut brought {
            Ok(brought) => Ok(brought.remove(&key).unwrap_or_else(Loaded::absent)),
            Err(error) => Err(error.clone()),
        };
        let previous = previous.map(|previous| previous.entry).or_else(|| old.clone());
        let origin = Origin { fence: flight.fence().clone(), seen, begun };
        let count = loaded.as_ref().map_or_else(Count::failed, Loaded::counted);
        let outcome = loaded.and_then(|loaded| inner.fill(&key, origin, loaded, previous.as_deref()));
        let counted = outcome.as_ref().map_or_else(Count::failed, |_| count);
        report.ended(counted, inner.node.now().saturating_sub(begun));
        if let (Err(_), Some(previous)) = (&outcome, previous) {
            inner.pause(&previous);
        }
        landing.land(match (outcome, old) {
            (Ok((found, put)), _) => {
                let mut errand = Errand::new(Arc::clone(inner), key);
                errand.keep(&found, seen, put);
                errands.push(errand);
                Ok(found)
            }
            (Err(error), Some(old)) => inner.stand_in(old).ok_or(error),
            (Err(error), None) => Err(error),
        });
    }
    errands
}

fn answer<V>(answers: &mut [Option<Given<V>>], place: usize, found: Given<V>) {
    if let Some(answer) = answers.get_mut(place) {
        *answer = Some(found);
    }
}
