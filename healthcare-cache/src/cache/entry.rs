use crate::{
    CacheLevel, CachePolicy, Mark, Seen,
    node::{Checked, Fence, Standing, Versions},
};
use std::{
    fmt,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// A value as it is kept. Times are nanoseconds of the node's monotonic clock.
///
/// In this order: what a hit reads comes first and lies together.
#[repr(C)]
pub(super) struct Entry<V> {
    checked: Checked,
    pub(super) times: Times,
    /// It was expired in the shared tier before it came from there.
    is_expired: bool,
    pub(super) weight: u32,
    pub(super) value: Arc<V>,
    pub(super) fence: Fence,
    /// By which the quota knows it; zero while it is not kept.
    pub(super) number: u64,
    pub(super) bond: Option<Box<Bond>>,
    /// After a failed load, when the next may be tried.
    retry_at: AtomicU64,
}

/// What else a value depends on, by names that other nodes know too, and up to where the shared tier had forgotten when it was
/// loaded. Kept only where somebody will ask.
#[derive(Debug, Clone)]
pub(super) struct Bond {
    /// Subject and tags; the key is left out.
    pub(super) marks: Box<[Mark]>,
    pub(super) seen: Option<Seen>,
}

/// A value that is to be kept, or only handed on.
pub(super) struct Draft<V> {
    pub(super) value: Arc<V>,
    pub(super) fence: Fence,
    pub(super) times: Times,
    pub(super) weight: u32,
    pub(super) is_expired: bool,
    pub(super) bond: Option<Box<Bond>>,
}

/// When a value changes its age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Times {
    pub(super) eager: u64,
    pub(super) stale: u64,
    pub(super) over: u64,
    pub(super) gone: u64,
    pub(super) begun: u64,
}

/// How old a value is, in the sense of its policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Age {
    Fresh,
    /// Not stale, but to be refreshed.
    Eager,
    /// Served and refreshed.
    Stale,
    /// Served only when a load fails.
    Over,
    /// Never served.
    Gone,
}

impl Times {
    /// For a load that began at `begun`; `spread` from 0 to 1 is how much of the jitter it gets.
    pub(super) fn new(policy: &CachePolicy, begun: Duration, asked: Option<Duration>, spread: f64) -> Self {
        let life = asked.map_or(policy.life(), |asked| asked.min(policy.life()));
        // Only ever shorter: the life is a promise.
        let life = life.mul_f64(policy.jitter().mul_add(-spread.clamp(0.0, 1.0), 1.0)).min(life);
        Self::until(policy, begun.saturating_add(life), life)
    }

    /// For a copy of what was given `life` when it was loaded, has `left` of it in the shared tier, and was asked for at
    /// `asked`. It ends no later than there, nor later than this policy lets it.
    pub(super) fn copied(policy: &CachePolicy, asked: Duration, left: Duration, life: Duration) -> Self {
        let end = asked.saturating_add(left.min(life));
        let excess = life.saturating_sub(policy.life());
        Self::until(policy, end.saturating_sub(excess), life.min(policy.life()))
    }

    /// For what had `life` in all and ends at `end`.
    fn until(policy: &CachePolicy, end: Duration, life: Duration) -> Self {
        // Its ages are in proportion to its life, and reckoned from its end.
        let at = |age: Duration| {
            let share = age.div_duration_f64(policy.life());
            let passed = if share.is_finite() { life.mul_f64(share.clamp(0.0, 1.0)).min(life) } else { life };
            nanos(end.saturating_sub(life.saturating_sub(passed)))
        };
        let stale = at(policy.stale_after());
        Self {
            begun: nanos(end.saturating_sub(life)),
            eager: policy.eager_after().map_or(stale, |age| at(age).min(stale)),
            stale,
            over: nanos(end),
            gone: nanos(end.saturating_add(policy.fail_safe())),
        }
    }

    /// For what is not there: it is known for this long, and then it is not.
    pub(super) fn negative(begun: Duration, life: Duration) -> Self {
        let end = nanos(begun.saturating_add(life));
        Self { begun: nanos(begun), eager: end, stale: end, over: end, gone: end }
    }

    /// Time since the load began.
    pub(super) fn since_begun(&self, now: Duration) -> Duration {
        Duration::from_nanos(nanos(now).saturating_sub(self.begun))
    }

    /// Time until the life is over.
    pub(super) fn until_over(&self, now: Duration) -> Duration {
        Duration::from_nanos(self.over.saturating_sub(nanos(now)))
    }

    /// From the beginning of the load to the end of the life.
    pub(super) const fn life(&self) -> Duration {
        Duration::from_nanos(self.over.saturating_sub(self.begun))
    }

    /// The age at a time. What is expired counts as if its time had come: stale where the policy knows stale, otherwise over.
    pub(super) fn age_at(&self, now: Duration, is_expired: bool, level: CacheLevel) -> Age {
        let age = self.age(nanos(now));
        let Self { stale, over, gone, .. } = *self;
        match age {
            Age::Over | Age::Gone => age,
            _ if !is_expired => age,
            _ if level > CacheLevel::Standard => Age::Gone,
            _ if stale < over => Age::Stale,
            _ if over < gone => Age::Over,
            _ => Age::Gone,
        }
    }

    const fn age(&self, now: u64) -> Age {
        if now < self.eager {
            Age::Fresh
        } else if now < self.stale {
            Age::Eager
        } else if now < self.over {
            Age::Stale
        } else if now < self.gone {
            Age::Over
        } else {
            Age::Gone
        }
    }
}

impl<V> Entry<V> {
    /// The quota's `number` is zero for one that is not kept.
    pub(super) fn new(draft: Draft<V>, number: u64) -> Self {
        let Draft { value, fence, times, weight, is_expired, bond } = draft;
        Self {
            value,
            fence,
            times,
            weight,
            number,
            is_expired,
            bond,
            retry_at: AtomicU64::new(0),
            checked: Checked::never(),
        }
    }

    /// What it depends on besides its key.
    pub(super) fn marks(&self) -> &[Mark] {
        self.bond.as_ref().map_or(&[], |bond| &bond.marks)
    }

    pub(super) fn age(&self, versions: &Versions, now: Duration, level: CacheLevel) -> Age {
        let is_expired = match versions.standing(&self.fence, &self.checked) {
            Standing::Purged => return Age::Gone,
            Standing::Expired => true,
            Standing::Stands => self.is_expired,
        };
        self.times.age_at(now, is_expired, level)
    }

    /// Whether a load failed so recently that another is not worth it.
    pub(super) fn is_paused(&self, now: Duration) -> bool {
        nanos(now) < self.retry_at.load(Ordering::Relaxed)
    }

    pub(super) fn pause(&self, until: Duration) {
        self.retry_at.fetch_max(nanos(until), Ordering::Relaxed);
    }
}

/// 584 years of them.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A value out of the cache, shared with it: reading it copies nothing. Shows nothing of the value in `Debug`.
pub struct Cached<V> {
    pub(super) entry: Arc<Entry<V>>,
    pub(super) is_stale: bool,
}

impl<V> Cached<V> {
    pub(super) const fn new(entry: Arc<Entry<V>>, is_stale: bool) -> Self {
        Self { entry, is_stale }
    }

    /// Whether it is older than its policy's `stale_after`, or was expired: it is being refreshed, or could not be.
    #[must_use]
    pub const fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// The value itself, to keep beyond the cache's own entry.
    #[must_use]
    pub fn value(&self) -> Arc<V> {
        Arc::clone(&self.entry.value)
    }
}

impl<V> Deref for Cached<V> {
    type Target = V;
    fn deref(&self) -> &V {
        &self.entry.value
    }
}
impl<V> Clone for Cached<V> {
    fn clone(&self) -> Self {
        Self { entry: Arc::clone(&self.entry), is_stale: self.is_stale }
    }
}
impl<V> fmt::Debug for Cached<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached").field("is_stale", &self.is_stale).finish_non_exhaustive()
    }
}
