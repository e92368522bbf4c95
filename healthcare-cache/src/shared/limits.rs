use super::{
    error::SharedError,
    types::{Filled, NewEntry},
};
use std::time::Duration;

/// How much a shared tier keeps and takes. Every node of one deployment should have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedLimits {
    pub(crate) value_max: usize,
    pub(crate) marks_kept: u32,
    pub(crate) bars_kept: u32,
    pub(crate) life_max: Duration,
    pub(crate) bar_max: Duration,
}

/// These limits make no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SharedLimitsError {
    /// Values of nothing, or of more than 64 MiB.
    #[error("the largest value must be between 1 byte and 64 MiB")]
    Value,
    /// Too few or too many marks for a clinic.
    #[error("between 16 and 1,000,000 marks can be kept for a clinic, and bars for at most half of them")]
    Marks,
    /// A life below a second or above 30 days.
    #[error("the longest life must be between a second and 30 days")]
    Life,
    /// A bar below a second or above an hour.
    #[error("the longest bar must be between a second and an hour")]
    Bar,
}

impl Default for SharedLimits {
    fn default() -> Self {
        Self {
            value_max: 1 << 20,
            marks_kept: 10_000,
            bars_kept: 1_000,
            life_max: Duration::from_secs(86_400),
            bar_max: Duration::from_secs(600),
        }
    }
}

impl SharedLimits {
    /// How many marks a value may have besides its key.
    pub const MARKS_PER_ENTRY: usize = 16;
    /// How many keys one look-up, and how many marks and keys one purge may name.
    pub const NAMED_PER_CALL: usize = 1_000;
    /// The longest notice, in bytes: enough for all that one call names.
    pub const NOTICE_MAX: usize = 1 << 16;
    /// The longest lease: a longer one is cut to five minutes.
    pub const LEASE_MAX: Duration = Duration::from_secs(300);
    /// The highest generation that is believed, so that the scripts' numbers are exact.
    pub(crate) const GENERATION_MAX: u64 = 1 << 53;

    /// The largest value, in bytes; 1 MiB when never called.
    #[must_use]
    pub const fn value_max(self, bytes: usize) -> Self {
        Self { value_max: bytes, ..self }
    }

    /// How many recently purged things are remembered for a clinic, some 100 bytes each; 10,000 when never called. When
    /// there are more, entries that are older than what is dropped become invalid.
    #[must_use]
    pub const fn marks_kept(self, marks: u32) -> Self {
        Self { marks_kept: marks, ..self }
    }

    /// How many marks of a clinic may be barred at once; 1,000 when never called. Beyond that the whole clinic is.
    #[must_use]
    pub const fn bars_kept(self, bars: u32) -> Self {
        Self { bars_kept: bars, ..self }
    }

    /// The longest a value is kept, whatever its load asked for; a day when never called.
    #[must_use]
    pub const fn life_max(self, life: Duration) -> Self {
        Self { life_max: life, ..self }
    }

    /// The longest a bar may last; ten minutes when never called.
    #[must_use]
    pub const fn bar_max(self, longest: Duration) -> Self {
        Self { bar_max: longest, ..self }
    }

    /// # Errors
    /// [`SharedLimitsError`] names the first limit that makes no sense.
    pub(crate) fn checked(self) -> Result<Self, SharedLimitsError> {
        let second = Duration::from_secs(1);
        if self.value_max == 0 || self.value_max > 64 << 20 {
            return Err(SharedLimitsError::Value);
        }
        if !(16..=1_000_000).contains(&self.marks_kept) || self.bars_kept > self.marks_kept / 2 {
            return Err(SharedLimitsError::Marks);
        }
        if self.life_max < second || self.life_max > Duration::from_secs(30 * 86_400) {
            return Err(SharedLimitsError::Life);
        }
        if self.bar_max < second || self.bar_max > Duration::from_secs(3_600) {
            return Err(SharedLimitsError::Bar);
        }
        Ok(self)
    }

    /// The life a value gets in milliseconds, or why it is not even sent.
    pub(crate) fn takes(&self, entry: &NewEntry<'_>) -> Result<u64, Filled> {
        if entry.bytes.len() > self.value_max {
            return Err(Filled::TooLarge);
        }
        match self.life_ms(entry.life) {
            0 => Err(Filled::NoLife),
            life => Ok(life),
        }
    }

    /// The life a value gets, in milliseconds; zero is none.
    pub(crate) fn life_ms(&self, life: Duration) -> u64 {
        u64::try_from(life.min(self.life_max).as_millis()).unwrap_or(u64::MAX)
    }

    /// How long a lease lasts at most, in milliseconds.
    pub(crate) fn lease_ms(longest: Duration) -> u64 {
        u64::try_from(longest.min(Self::LEASE_MAX).as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// # Errors
    /// [`SharedError::BarLength`] when it is outside the limits.
    pub(crate) fn bar_ms(&self, longest: Duration) -> Result<u64, SharedError> {
        let ms = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
        if ms == 0 || longest > self.bar_max { Err(SharedError::BarLength) } else { Ok(ms) }
    }

    /// How long a clinic's marks are kept after its last change: longer than any value or bar, so that those are gone
    /// before their marks are.
    #[cfg(feature = "redis")]
    pub(crate) fn markers_ms(&self) -> u64 {
        self.life_ms(Duration::MAX)
            .saturating_add(u64::try_from(self.bar_max.as_millis()).unwrap_or(u64::MAX))
            .saturating_add(60_000)
    }
}

/// # Errors
/// [`SharedError::TooMany`].
pub(crate) const fn at_most(what: &'static str, given: usize, max: usize) -> Result<(), SharedError> {
    if given > max { Err(SharedError::TooMany { what, given, max }) } else { Ok(()) }
}

/// # Errors
/// [`SharedError::TooMany`] for a notice that is too long.
pub(crate) const fn notice(given: &[u8]) -> Result<(), SharedError> {
    at_most("bytes of a notice", given.len(), SharedLimits::NOTICE_MAX)
}

/// # Errors
/// [`SharedError::TooMany`] for more than one value may depend on.
pub(crate) const fn entry_marks(given: usize) -> Result<(), SharedError> {
    at_most("marks", given, SharedLimits::MARKS_PER_ENTRY)
}

/// # Errors
/// [`SharedError::TooMany`] for more than one call may name.
pub(crate) const fn named(given: usize) -> Result<(), SharedError> {
    at_most("marks and keys", given, SharedLimits::NAMED_PER_CALL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_has_a_length_and_an_end() {
        for (longest, ms) in [(Duration::ZERO, 1), (Duration::from_millis(7), 7), (Duration::MAX, 300_000)] {
            assert_eq!(SharedLimits::lease_ms(longest), ms, "{longest:?}");
        }
    }
}
