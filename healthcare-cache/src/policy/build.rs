use super::{CacheLevel, PolicyError, TtlClass};
use std::time::Duration;

const LIFE_LIMIT: Duration = Duration::from_secs(10 * 365 * 86_400);
const THROTTLE: Duration = Duration::from_secs(5);
const HARD: Duration = Duration::from_secs(5);
const FINISH: Duration = Duration::from_secs(30);
const NEGATIVES: u64 = 10_000;
const NEGATIVES_LIMIT: u64 = 10_000_000;
const JITTER: f64 = 0.1;
const JITTER_LIMIT: f64 = 0.5;

/// How long values are kept and what happens around it. Cheap to copy.
///
/// ```text
/// load begins     eager_after   stale_after              life              life + fail_safe
///      |---- served ----|-- served, --|--- served stale, ---|-- served only when --|  never again
///                       refreshed      refreshed             a load fails
/// ```
///
/// ```
/// use healthcare_cache::{CacheLevel, CachePolicy, TtlClass};
/// use std::time::Duration;
///
/// let hours = CachePolicy::of(TtlClass::Clinic)
///     .level(CacheLevel::Standard)
///     .fail_safe(Duration::from_secs(24 * 3_600))
///     .build()?;
/// assert_eq!(hours.life(), Duration::from_secs(3_600));
/// assert_eq!(hours.stale_after(), Duration::from_secs(1_800));
/// # Ok::<(), healthcare_cache::PolicyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CachePolicy {
    class: TtlClass,
    level: CacheLevel,
    life: Duration,
    stale_after: Duration,
    eager_after: Option<Duration>,
    fail_safe: Duration,
    throttle: Duration,
    jitter: f64,
    soft: Option<Duration>,
    hard: Duration,
    finish: Duration,
    negative_life: Option<Duration>,
    negatives: u64,
}

impl CachePolicy {
    /// The presets of a class.
    pub const fn of(class: TtlClass) -> CachePolicyBuilder {
        CachePolicyBuilder {
            class,
            life: class.life(),
            stale_after: None,
            level: None,
            eager_after: None,
            fail_safe: None,
            throttle: THROTTLE,
            jitter: JITTER,
            soft: None,
            hard: HARD,
            finish: None,
            negative_life: None,
            negatives: NEGATIVES,
        }
    }

    /// The class it was made from.
    #[must_use]
    pub const fn class(&self) -> TtlClass {
        self.class
    }

    /// Whether anything is kept at all.
    #[must_use]
    pub const fn is_off(&self) -> bool {
        self.life.is_zero()
    }

    /// The level.
    #[must_use]
    pub const fn level(&self) -> CacheLevel {
        self.level
    }

    /// The oldest that a value is served while loads succeed, counted from when its load began.
    #[must_use]
    pub const fn life(&self) -> Duration {
        self.life
    }

    /// The age from which a value is served and refreshed in the background.
    #[must_use]
    pub const fn stale_after(&self) -> Duration {
        self.stale_after
    }

    /// The age from which a value that is not stale yet is refreshed in the background.
    #[must_use]
    pub const fn eager_after(&self) -> Option<Duration> {
        self.eager_after
    }

    /// How long beyond its life a value is served when loads fail; zero when never.
    #[must_use]
    pub const fn fail_safe(&self) -> Duration {
        self.fail_safe
    }

    /// How long after a failed load an old value is served without another try.
    #[must_use]
    pub const fn throttle(&self) -> Duration {
        self.throttle
    }

    /// The fraction by which a life is shortened at most.
    #[must_use]
    pub const fn jitter(&self) -> f64 {
        self.jitter
    }

    /// How long a caller waits when there is an old value to serve instead.
    #[must_use]
    pub const fn soft_time_out(&self) -> Option<Duration> {
        self.soft
    }

    /// How long a caller waits at most.
    #[must_use]
    pub const fn hard_time_out(&self) -> Duration {
        self.hard
    }

    /// How long a load may take, whoever still waits for it.
    #[must_use]
    pub const fn finish_within(&self) -> Duration {
        self.finish
    }

    /// How long is remembered that there is no value.
    #[must_use]
    pub const fn negative_life(&self) -> Option<Duration> {
        self.negative_life
    }

    /// How many absent values are remembered.
    #[must_use]
    pub const fn negatives_max(&self) -> u64 {
        self.negatives
    }
}

/// Describes a [`CachePolicy`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use = "call build()"]
pub struct CachePolicyBuilder {
    class: TtlClass,
    level: Option<CacheLevel>,
    life: Duration,
    stale_after: Option<Duration>,
    eager_after: Option<Duration>,
    fail_safe: Option<Duration>,
    throttle: Duration,
    jitter: f64,
    soft: Option<Duration>,
    hard: Duration,
    finish: Option<Duration>,
    negative_life: Option<Duration>,
    negatives: u64,
}

impl CachePolicyBuilder {
    /// How much harm the value does in the wrong place; [`CacheLevel::Sensitive`] when never called.
    pub const fn level(mut self, level: CacheLevel) -> Self {
        self.level = Some(level);
        self
    }

    /// The oldest that a value is served while loads succeed; the class's when never called.
    pub const fn life(mut self, life: Duration) -> Self {
        self.life = life;
        self
    }

    /// The age from which it is served and refreshed in the background. When never called: half the life, and for the
    /// restricted level the whole of it, which is never.
    pub const fn stale_after(mut self, age: Duration) -> Self {
        self.stale_after = Some(age);
        self
    }

    /// The age from which it is refreshed although it is not stale yet; never when not called.
    pub const fn eager_after(mut self, age: Duration) -> Self {
        self.eager_after = Some(age);
        self
    }

    /// Serves a value for this long beyond its life while loads fail. What was purged is not served for it. Off when never
    /// called.
    pub const fn fail_safe(mut self, time: Duration) -> Self {
        self.fail_safe = Some(time);
        self
    }

    /// How long after a failed load an old value is served without another try; 5 seconds when never called.
    pub const fn throttle(mut self, pause: Duration) -> Self {
        self.throttle = pause;
        self
    }

    /// The fraction by which lives are shortened at most, so that what was loaded together does not end together. It never
    /// lengthens one: the life is a promise. 0.1 when never called.
    pub const fn jitter(mut self, fraction: f64) -> Self {
        self.jitter = fraction;
        self
    }

    /// How long a caller waits for a load when there is an old value that may be served instead; no shorter than the hard
    /// time-out when never called. The load goes on.
    pub const fn soft_time_out(mut self, time: Duration) -> Self {
        self.soft = Some(time);
        self
    }

    /// How long a caller waits at most; 5 seconds when never called. The load goes on.
    pub const fn hard_time_out(mut self, time: Duration) -> Self {
        self.hard = time;
        self
    }

    /// How long a load may take, whoever still waits for it; when never called, 30 seconds or the hard time-out, whichever
    /// is longer.
    pub const fn finish_within(mut self, time: Duration) -> Self {
        self.finish = Some(time);
        self
    }

    /// Remembers for this long that there is no value; not at all when never called.
    pub const fn negative_life(mut self, life: Duration) -> Self {
        self.negative_life = Some(life);
        self
    }

    /// How many absent values are remembered, so that asking for ids at random fills no memory; 10,000 when never called.
    pub const fn negatives_max(mut self, count: u64) -> Self {
        self.negatives = count;
        self
    }

    /// The policy.
    ///
    /// # Errors
    /// [`PolicyError`] when it contradicts itself.
    pub fn build(self) -> Result<CachePolicy, PolicyError> {
        let level = self.level.unwrap_or_default();
        let is_restricted = level == CacheLevel::Restricted;
        let stale_after = self.stale_after.unwrap_or(if is_restricted { self.life } else { self.life / 2 });
        let finish = self.finish.unwrap_or_else(|| FINISH.max(self.hard));
        let policy = CachePolicy {
            class: self.class,
            level,
            life: self.life,
            stale_after,
            eager_after: self.eager_after,
            fail_safe: self.fail_safe.unwrap_or_default(),
            throttle: self.throttle,
            jitter: self.jitter,
            soft: self.soft,
            hard: self.hard,
            finish,
            negative_life: self.negative_life,
            negatives: self.negatives,
        };
        self.check_lives(&policy)?;
        check_loads(&policy)?;
        if is_restricted && (stale_after < policy.life || self.fail_safe.is_some() || self.soft.is_some()) {
            return Err(PolicyError::Restricted);
        }
        Ok(policy)
    }

    fn check_lives(&self, policy: &CachePolicy) -> Result<(), PolicyError> {
        let CachePolicy { life, stale_after, .. } = *policy;
        if self.class == TtlClass::RealTime && life.is_zero() {
            // Nothing is kept, so nothing may be said about keeping.
            let is_plain =
                [self.stale_after, self.eager_after, self.fail_safe, self.negative_life, self.soft]
                    .iter()
                    .all(Option::is_none);
            return if is_plain { Ok(()) } else { Err(PolicyError::Life) };
        }
        if life.is_zero() || life > LIFE_LIMIT {
            return Err(PolicyError::Life);
        }
        if stale_after.is_zero() || stale_after > life {
            return Err(PolicyError::StaleAfter { life });
        }
        if policy.eager_after.is_some_and(|age| age.is_zero() || age >= stale_after) {
            return Err(PolicyError::EagerAfter { stale_after });
        }
        if self.fail_safe.is_some_and(|time| time.is_zero() || time > LIFE_LIMIT) {
            return Err(PolicyError::FailSafe);
        }
        if policy.negative_life.is_some_and(|negative| negative.is_zero() || negative > life) {
            return Err(PolicyError::NegativeLife);
        }
        if policy.negative_life.is_some() && !(1..=NEGATIVES_LIMIT).contains(&policy.negatives) {
            return Err(PolicyError::Negatives);
        }
        Ok(())
    }
}

fn check_loads(policy: &CachePolicy) -> Result<(), PolicyError> {
    if policy.throttle.is_zero() {
        return Err(PolicyError::Throttle);
    }
    // Not a number is in no range.
    if !(0.0..=JITTER_LIMIT).contains(&policy.jitter) {
        return Err(PolicyError::Jitter(policy.jitter));
    }
    let soft = policy.soft.unwrap_or(policy.hard);
    if soft.is_zero() || soft > policy.hard || policy.hard > policy.finish || policy.finish > LIFE_LIMIT {
        return Err(PolicyError::TimeOuts);
    }
    Ok(())
}
