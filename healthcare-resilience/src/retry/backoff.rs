use super::error::RetryConfigError;
use crate::clock::nanos;
use std::{fmt, sync::Arc, time::Duration};

const FACTOR_MAX: f64 = 1_000.0;
const LIST_MAX: usize = 64;
/// Bits behind the point of the factor: the waits are computed in whole numbers, which cannot become infinite.
const FRACTION_BITS: u32 = 32;

/// How waits are spread, so that callers that failed together do not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Jitter {
    /// The wait itself.
    None,
    /// Anything from zero to the wait. The least load for the callee, and the default.
    #[default]
    Full,
    /// Half of the wait, and anything up to the other half: never very short.
    Equal,
    /// Anything from the first wait to three times the last one drawn, up to the cap. Grows by itself, whatever the
    /// factor. See "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015), as are full and equal.
    Decorrelated,
}

/// How long to wait before each further try.
///
/// Whole nanoseconds throughout: a wait never passes the cap, is never negative and never infinite, whatever the number
/// of tries.
///
/// ```
/// use healthcare_resilience::{Backoff, Jitter};
/// use std::time::Duration;
/// let backoff = Backoff::exponential(Duration::from_millis(100)).cap(Duration::from_secs(1)).jitter(Jitter::None);
/// let waits: Vec<_> = backoff.waits(0).take(5).map(|wait| wait.as_millis()).collect();
/// assert_eq!(waits, [100, 200, 400, 800, 1000]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Backoff {
    shape: Shape,
    first: u64,
    cap: u64,
    jitter: Jitter,
}

#[derive(Debug, Clone, PartialEq)]
enum Shape {
    Constant,
    /// The factor as it was given, and as a fixed-point number.
    Exponential(f64, u64),
    List(Arc<[u64]>),
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(100);
    const CAP: Duration = Duration::from_secs(20);

    /// Always `wait`, fully jittered.
    #[must_use]
    pub const fn constant(wait: Duration) -> Self {
        Self { shape: Shape::Constant, first: nanos(wait), cap: nanos(wait), jitter: Jitter::Full }
    }

    /// `first`, and twice as long each time up to 20 s, fully jittered.
    #[must_use]
    pub const fn exponential(first: Duration) -> Self {
        Self {
            shape: Shape::Exponential(2.0, 2 << FRACTION_BITS),
            first: nanos(first),
            cap: nanos(Self::CAP),
            jitter: Jitter::Full,
        }
    }

    /// These waits, and the last one again when there are more tries; at most 64. Not jittered.
    #[must_use]
    pub fn list(waits: impl IntoIterator<Item = Duration>) -> Self {
        // One more than is allowed is enough to see that there are too many.
        let waits: Arc<[u64]> = waits.into_iter().take(LIST_MAX + 1).map(nanos).collect();
        let first = waits.first().copied().unwrap_or_default();
        Self { shape: Shape::List(waits), first, cap: u64::MAX, jitter: Jitter::None }
    }

    /// How much longer each wait of an exponential backoff is than the one before, from 1 to 1000. No effect on the
    /// others, nor with decorrelated jitter.
    #[must_use]
    pub fn factor(mut self, factor: f64) -> Self {
        if let Shape::Exponential(given, fixed) = &mut self.shape {
            *given = factor;
            // Saturates, and makes zero of what is not a number; `check` looks at what was given.
            *fixed = (factor * (1_u64 << FRACTION_BITS) as f64).round() as u64;
        }
        self
    }

    /// The longest wait.
    #[must_use]
    pub const fn cap(mut self, cap: Duration) -> Self {
        self.cap = nanos(cap);
        self
    }

    /// How the waits are spread.
    #[must_use]
    pub const fn jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = jitter;
        self
    }

    /// The waits, one after the other, without end. The same seed draws the same waits.
    #[must_use]
    pub fn waits(&self, seed: u64) -> Waits<'_> {
        Waits { backoff: self, progress: Progress::seeded(seed) }
    }

    /// The first wait before jitter: what a wait that the callee asked for is spread by.
    pub(crate) fn spread(&self, progress: &mut Progress) -> u64 {
        if self.jitter == Jitter::None { 0 } else { progress.draw(0, self.first.min(self.cap)) }
    }

    /// The next wait in nanoseconds. Pure: all that changes is in `progress`.
    pub(crate) fn next_nanos(&self, progress: &mut Progress) -> u64 {
        let base = match &self.shape {
            Shape::Constant => self.first,
            Shape::Exponential(..) if self.jitter == Jitter::Decorrelated => {
                let last = if progress.tries == 0 { self.first } else { progress.last };
                let wait = progress.draw(self.first, last.saturating_mul(3)).min(self.cap);
                progress.step(wait);
                return wait;
            }
            Shape::Exponential(_, factor) if progress.tries > 0 => {
                let longer = (u128::from(progress.last) * u128::from(*factor)) >> FRACTION_BITS;
                u64::try_from(longer).unwrap_or(u64::MAX)
            }
            Shape::Exponential(..) => self.first,
            Shape::List(waits) => {
                let at = progress.tries as usize;
                waits.get(at).or(waits.last()).copied().unwrap_or_default()
            }
        };
        let base = base.min(self.cap);
        progress.step(base);
        match self.jitter {
            Jitter::None | Jitter::Decorrelated => base,
            Jitter::Full => progress.draw(0, base),
            Jitter::Equal => progress.draw(base - base / 2, base),
        }
    }

    /// # Errors
    /// When a number is out of its range.
    pub(crate) fn check(&self) -> Result<(), RetryConfigError> {
        match &self.shape {
            Shape::Exponential(factor, _) if !(1.0..=FACTOR_MAX).contains(factor) => {
                return Err(RetryConfigError::Factor { max: FACTOR_MAX });
            }
            Shape::List(waits) if waits.is_empty() || waits.len() > LIST_MAX => {
                return Err(RetryConfigError::List { max: LIST_MAX });
            }
            Shape::Exponential(..) => {}
            Shape::Constant | Shape::List(_) if self.jitter == Jitter::Decorrelated => {
                return Err(RetryConfigError::Decorrelated);
            }
            Shape::Constant | Shape::List(_) => {}
        }
        if self.cap < self.first && !matches!(self.shape, Shape::List(_)) {
            let (first, cap) = (Duration::from_nanos(self.first), Duration::from_nanos(self.cap));
            return Err(RetryConfigError::CapBelowFirst { first, cap });
        }
        Ok(())
    }
}

impl Default for Backoff {
    /// 100 ms, doubled each time up to 20 s, fully jittered.
    fn default() -> Self {
        Self::exponential(Self::FIRST)
    }
}

impl fmt::Display for Backoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, cap) = (Duration::from_nanos(self.first), Duration::from_nanos(self.cap));
        match &self.shape {
            Shape::Constant => write!(f, "{first:?}")?,
            Shape::Exponential(factor, _) => write!(f, "{first:?} × {factor} up to {cap:?}")?,
            Shape::List(waits) => write!(f, "{} listed waits from {first:?}", waits.len())?,
        }
        match self.jitter {
            Jitter::None => Ok(()),
            Jitter::Full => f.write_str(", full jitter"),
            Jitter::Equal => f.write_str(", equal jitter"),
            Jitter::Decorrelated => f.write_str(", decorrelated jitter"),
        }
    }
}

/// Where one call stands in its waits.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    tries: u32,
    /// The last wait before jitter, after it when decorrelated.
    last: u64,
    random: fastrand::Rng,
}

impl Progress {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self { tries: 0, last: 0, random: fastrand::Rng::with_seed(seed) }
    }

    fn step(&mut self, last: u64) {
        self.tries = self.tries.saturating_add(1);
        self.last = last;
    }

    fn draw(&mut self, from: u64, to: u64) -> u64 {
        if from >= to { from } else { self.random.u64(from..=to) }
    }
}

/// The waits of a [`Backoff`], one after the other. Never ends.
#[derive(Debug, Clone)]
pub struct Waits<'a> {
    backoff: &'a Backoff,
    progress: Progress,
}

impl Waits<'_> {
    /// The next wait.
    #[must_use]
    pub fn next_delay(&mut self) -> Duration {
        Duration::from_nanos(self.backoff.next_nanos(&mut self.progress))
    }
}

impl Iterator for Waits<'_> {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(self.next_delay())
    }
}
