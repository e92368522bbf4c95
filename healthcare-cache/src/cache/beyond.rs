use super::{
    entry::{Age, Bond, Draft, Entry, Times},
    fill::Found,
    read::Inner,
};
use crate::{
    CacheLevel, CacheNode, CachedAs, Fetched, Filled, Lease, LeaseToken, Leased, Mark, NewEntry, Put, Seen,
    SharedEntry, SharedLimits, Sought, Verdict,
    node::{Fence, Names},
    report::Count,
    wire::Wire,
};
use std::{sync::Arc, time::Duration};
use tokio::{
    runtime::Handle,
    time::{self, Instant},
};

/// The pauses between two looks while another node loads: the first, and the longest.
const PAUSE_FIRST: Duration = Duration::from_millis(4);
const PAUSE_LAST: Duration = Duration::from_millis(100);
/// While another node refreshes a value, this one does not ask for it again.
const PEER_PAUSE: Duration = Duration::from_millis(250);

/// What the shared tier said before a load.
pub(super) enum Answer<V> {
    /// It has the value.
    Found(Found<V>),
    /// Load, and keep it there with this fence. There may be an old value in the meantime.
    Load(Option<Seen>, Option<Arc<Entry<V>>>),
}

impl<V> Answer<V> {
    /// It is not asked, or does not answer.
    pub(super) const fn away() -> Self {
        Self::Load(None, None)
    }
}

/// What a load wants of the shared tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// Whatever may be served.
    Any,
    /// Something that need not be refreshed.
    Fresh,
}

/// What is to be done in the shared tier when a load has landed: keep its value there, or let the next node have its turn.
/// Dropped without that, as after a panic, it gives the turn back.
pub(super) struct Errand<K: CachedAs, V: Send + Sync + 'static> {
    inner: Arc<Inner<K, V>>,
    key: K,
    token: Option<LeaseToken>,
    fill: Option<(Arc<Entry<V>>, Seen)>,
}

impl<K: CachedAs, V: Send + Sync + 'static> Errand<K, V> {
    pub(super) const fn new(inner: Arc<Inner<K, V>>, key: K) -> Self {
        Self { inner, key, token: None, fill: None }
    }

    /// The value that was loaded under this fence is to be kept, unless it is forgotten already.
    pub(super) fn keep(&mut self, found: &Found<V>, seen: Option<Seen>, put: Put) {
        if let (Found::Value(entry, _), Some(seen)) = (found, seen)
            && self.inner.may_share(&self.key, entry, put)
        {
            self.fill = Some((Arc::clone(entry), seen));
        }
    }

    /// Whether there is anything to do.
    pub(super) const fn is_due(&self) -> bool {
        self.token.is_some() || self.fill.is_some()
    }

    /// Runs it.
    pub(super) async fn run(mut self) {
        if let Some((entry, seen)) = self.fill.take() {
            // When it is not certain that it was done, the turn is given back as well.
            let is_done = self.inner.share(&self.key, &entry, seen, self.token).await.is_some();
            self.token = self.token.filter(|_| !is_done);
        }
        if let Some(token) = self.token.take() {
            self.inner.release(&self.key, token).await;
        }
    }
}

impl<K: CachedAs, V: Send + Sync + 'static> Drop for Errand<K, V> {
    fn drop(&mut self) {
        if let (Some(token), Ok(handle)) = (self.token.take(), Handle::try_current()) {
            let (inner, key) = (Arc::clone(&self.inner), self.key.clone());
            handle.spawn(async move { inner.release(&key, token).await });
        }
    }
}

impl<K: CachedAs, V: Send + Sync + 'static> Inner<K, V> {
    /// Whether an entry is served only when the shared tier says so.
    pub(super) fn is_strict(&self) -> bool {
        self.policy.level() == CacheLevel::Restricted && self.node.is_joined()
    }

    /// Whether somebody will ask what an entry depends on by names that other nodes know.
    pub(super) fn is_bound(&self) -> bool {
        self.wire.is_some() || self.is_strict()
    }

    /// The shared tier and what seals for it, if this cache keeps values there.
    fn wire(&self) -> Option<&Wire<V>> {
        let is_kept = self.policy.level() < CacheLevel::Restricted && !self.policy.is_off();
        self.wire.as_ref().filter(|_| is_kept)
    }

    /// Whether a load asks the shared tier for something before it begins.
    pub(super) fn asks(&self) -> bool {
        self.is_strict() || self.wire().is_some()
    }

    /// Asks the shared tier before a load; the fence was taken earlier. Waits for a while when another node loads.
    pub(super) async fn ask(
        &self,
        key: &K,
        fence: &Fence,
        want: Want,
        errand: &mut Errand<K, V>,
    ) -> Answer<V> {
        if self.is_strict() {
            return Answer::Load(self.seen(key).await, None);
        }
        let Some(wire) = self.wire() else { return Answer::away() };
        let Names { scope, key: mark, subject } = self.node.names(key);
        let sought = Sought { key: mark, likely: subject.as_slice() };
        let lease = Lease {
            token: LeaseToken::random(),
            longest: self.policy.finish_within(),
            renew: if want == Want::Fresh {
                self.policy.life().saturating_sub(self.aging_after())
            } else {
                Duration::ZERO
            },
        };
        let give_up = Instant::now() + self.policy.hard_time_out() / 2;
        let mut pause = PAUSE_FIRST;
        loop {
            let asked = self.node.now();
            let Some(guard) = self.node.shared() else {
                self.report.count(Count::SharedError);
                return Answer::away();
            };
            let Ok(leased) = guard.call(guard.tier().fetch_or_lease(scope, sought, lease)).await else {
                self.report.count(Count::SharedError);
                // It may have been given.
                errand.token = Some(lease.token);
                return Answer::away();
            };
            let seen = match leased {
                Leased::Yours(seen) => {
                    self.report.count(Count::SharedMiss);
                    errand.token = Some(lease.token);
                    return Answer::Load(Some(seen), None);
                }
                Leased::Theirs(seen) => seen,
                Leased::Hit { entry, is_leased } => {
                    if is_leased {
                        errand.token = Some(lease.token);
                    }
                    let seen = entry.now;
                    match self.weigh_up(wire, key, fence, asked, entry, want, is_leased).await {
                        Some(answer) => return answer,
                        None => seen,
                    }
                }
            };
            if Instant::now() + pause > give_up {
                return Answer::Load(Some(seen), None);
            }
            if pause == PAUSE_FIRST {
                self.report.count(Count::SharedWait);
            }
            time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
            pause = (pause * 2).min(PAUSE_LAST);
        }
    }

    /// What a value of the shared tier is good for. `None` when another node is loading a better one, and this will not do.
    #[allow(clippy::too_many_arguments, reason = "all of it belongs to one look")]
    async fn weigh_up(
        &self,
        wire: &Wire<V>,
        key: &K,
        fence: &Fence,
        asked: Duration,
        entry: SharedEntry,
        want: Want,
        is_leased: bool,
    ) -> Option<Answer<V>> {
        let (now, is_over) = (entry.now, entry.is_over);
        let Some(draft) = self.open(wire, key, fence, asked, entry).await else {
            return Some(Answer::Load(Some(now), None));
        };
        let (draft, age) = self.aged(draft);
        let is_good = if want == Want::Fresh { age == Age::Fresh } else { age < Age::Over };
        if is_good {
            self.report.count(Count::SharedHit);
            return Some(Answer::Found(self.adopt(key, draft, age)));
        }
        match age {
            // Somebody else refreshes it; whoever reads it here meanwhile has this one.
            Age::Eager | Age::Stale if !is_leased => {
                let found = self.adopt(key, draft, age);
                if let Found::Value(entry, _) = &found {
                    entry.pause(self.node.now().saturating_add(PEER_PAUSE));
                }
                Some(Answer::Found(found))
            }
            Age::Gone if is_over && !is_leased => None,
            // Old values that are served when the load fails are in memory, for all who ask meanwhile.
            Age::Over => {
                let Found::Value(old, _) = self.adopt(key, draft, age) else { return None };
                Some(Answer::Load(Some(now), Some(old)))
            }
            _ => {
                self.report.count(Count::SharedMiss);
                Some(Answer::Load(Some(now), None))
            }
        }
    }

    /// Looks for several values of one clinic, without leases. In their order; nothing when the tier does not answer.
    pub(super) async fn seek(&self, keys: &[(&K, &Fence, Want)]) -> Option<Vec<Answer<V>>> {
        let guard = self.node.shared()?;
        let names: Vec<Names> = keys.iter().map(|(key, ..)| self.node.names(*key)).collect();
        let scope = names.first()?.scope;
        let sought: Vec<Sought<'_>> =
            names.iter().map(|names| Sought { key: names.key, likely: names.subject.as_slice() }).collect();
        let asked = self.node.now();
        let fetched = guard.call(guard.tier().fetch_many(scope, &sought)).await.ok()?;
        let mut answers = Vec::with_capacity(keys.len());
        for ((key, fence, want), fetched) in keys.iter().zip(fetched) {
            let answer = match (fetched, self.wire()) {
                (Fetched::Hit(entry), Some(wire)) => {
                    let seen = entry.now;
                    let answer = self.weigh_up(wire, key, fence, asked, entry, *want, true).await;
                    answer.unwrap_or(Answer::Load(Some(seen), None))
                }
                (Fetched::Hit(entry), None) => Answer::Load(Some(entry.now), None),
                (Fetched::Miss(seen), _) => {
                    self.report.count(Count::SharedMiss);
                    Answer::Load(Some(seen), None)
                }
            };
            answers.push(answer);
        }
        Some(answers)
    }

    /// The fence of the shared tier, for what is not kept there.
    async fn seen(&self, key: &K) -> Option<Seen> {
        let Names { scope, key: mark, .. } = self.node.names(key);
        let fetched = match self.node.shared() {
            Some(guard) => guard.call(guard.tier().fetch(scope, mark)).await.ok(),
            None => None,
        };
        match fetched {
            Some(Fetched::Hit(entry)) => Some(entry.now),
            Some(Fetched::Miss(seen)) => Some(seen),
            None => {
                self.report.count(Count::SharedError);
                None
            }
        }
    }

    /// Whether the shared tier says, now, that nothing an entry depends on was forgotten since its load began.
    pub(super) async fn is_current(&self, key: &K, bond: Option<&Bond>) -> bool {
        let (Some(guard), Some(bond)) = (self.node.shared(), bond) else { return false };
        let Some(seen) = bond.seen else { return false };
        let Names { scope, key: mark, .. } = self.node.names(key);
        let marks: Vec<Mark> = bond.marks.iter().copied().chain([mark]).collect();
        // A purge of everything is a number beside those of the clinic, which may not have reached it yet.
        let (verdict, generation) = tokio::join!(
            guard.call(guard.tier().check(scope, &marks, seen)),
            guard.call(guard.tier().generation()),
        );
        matches!(verdict, Ok(Verdict::Current)) && generation.is_ok_and(|now| now <= seen.generation)
    }

    /// Whether a value may be put into the shared tier, and is worth it.
    pub(super) fn may_share(&self, key: &K, entry: &Entry<V>, put: Put) -> bool {
        self.wire().is_some()
            && put != Put::TooLarge
            && entry.marks().len() <= SharedLimits::MARKS_PER_ENTRY
            && !self.is_barred(key, entry.bond.as_deref())
            && self.node.versions().stand(&entry.fence)
    }

    /// Puts a value into the shared tier. `None` when it is not certain what became of it.
    pub(super) async fn share(
        &self,
        key: &K,
        entry: &Entry<V>,
        seen: Seen,
        lease: Option<LeaseToken>,
    ) -> Option<Filled> {
        let wire = self.wire()?;
        let _permit = self.writes.try_acquire().ok()?;
        let Names { scope, key: mark, .. } = self.node.names(key);
        // Whoever keeps the clinics' keys may never answer, and the permit is not his.
        let packing = wire.pack(key.clinic(), mark, entry.times.life(), &entry.value);
        let bytes = time::timeout(self.policy.finish_within(), packing).await.ok().flatten()?;
        let life = entry.times.until_over(self.node.now());
        let new = NewEntry { key: mark, seen, marks: entry.marks(), bytes: &bytes, life, lease };
        let guard = self.node.shared()?;
        let filled = guard.call(guard.tier().fill(scope, new)).await.ok()?;
        if matches!(filled, Filled::Stale | Filled::Barred) {
            // Somebody purges it or writes about it: sooner known than heard.
            self.values.remove(key);
        }
        self.report.count(match filled {
            Filled::Stored => Count::SharedStored,
            Filled::TooLarge => Count::SharedLarge,
            _ => Count::SharedStale,
        });
        Some(filled)
    }

    async fn release(&self, key: &K, token: LeaseToken) {
        let Names { scope, key: mark, .. } = self.node.names(key);
        if let (Some(guard), Ok(_permit)) = (self.node.shared(), self.writes.try_acquire()) {
            // It ends by itself when this fails.
            let _ = guard.call(guard.tier().release(scope, mark, token)).await;
        }
    }

    /// Makes of what the shared tier has what memory may keep, under a fence from before it was asked. It lives no longer here.
    async fn open(
        &self,
        wire: &Wire<V>,
        key: &K,
        fence: &Fence,
        asked: Duration,
        entry: SharedEntry,
    ) -> Option<Draft<V>> {
        let clinic = key.clinic();
        // Time for the load is left when the clinic's keys do not come.
        let unpacking = wire.unpack(clinic, self.node.key_mark(key), &entry.bytes);
        let Ok(unpacked) = time::timeout(self.policy.hard_time_out() / 4, unpacking).await else {
            self.report.count(Count::SharedError);
            return None;
        };
        let Some(unpacked) = unpacked else {
            self.report.count(Count::SharedUndecodable);
            return None;
        };
        let Names { subject, .. } = self.node.names(key);
        let tags = entry.marks.iter().filter(|mark| Some(**mark) != subject);
        let fence = fence.clone().with_tags(tags.map(|mark| CacheNode::slot(*mark)).collect());
        let times = Times::copied(&self.policy, asked, entry.left, unpacked.life);
        let bond = Some(Box::new(Bond { marks: entry.marks.into(), seen: Some(entry.seen) }));
        let draft = self.draft(key, Arc::new(unpacked.value), fence, times, bond);
        Some(Draft { is_expired: entry.is_over, ..draft })
    }

    /// How old it is already.
    fn aged(&self, draft: Draft<V>) -> (Draft<V>, Age) {
        let age = draft.times.age_at(self.node.now(), draft.is_expired, self.policy.level());
        (draft, age)
    }

    /// Keeps a copy of what the shared tier has.
    fn adopt(&self, key: &K, draft: Draft<V>, age: Age) -> Found<V> {
        let put = self.check_draft(key, &draft);
        Found::Value(self.keep(key, draft, put), age)
    }

    /// The age from which a value is refreshed.
    fn aging_after(&self) -> Duration {
        let stale = self.policy.stale_after();
        self.policy.eager_after().map_or(stale, |eager| eager.min(stale))
    }
}
