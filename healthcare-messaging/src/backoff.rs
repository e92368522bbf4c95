//! Waits before another try.

use std::time::Duration;

/// How long to wait before the next attempt: doubling from `first` up to `last`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    pub(crate) first: Duration,
    pub(crate) last: Duration,
}

impl Backoff {
    /// The wait after `failures` failures, of which there is at least one. `seed` spreads it over the upper half, so that
    /// what failed together does not come back together.
    pub(crate) fn after(&self, failures: u32, seed: u64) -> Duration {
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1).min(31));
        let whole = self.first.saturating_mul(doubled).min(self.last);
        // Fibonacci hashing: neighbouring seeds fall far apart.
        let spread = u32::try_from(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 48).unwrap_or(0);
        whole / 2 + (whole / 2).saturating_mul(spread) / u32::from(u16::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), last: Duration::from_secs(60) };

    #[test]
    fn it_doubles_up_to_the_last_and_stays_within_the_upper_half() {
        for (failures, whole) in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (8, 60), (u32::MAX, 60)] {
            let whole = Duration::from_secs(whole);
            for seed in (0..1_000).chain([u64::MAX]) {
                let wait = BACKOFF.after(failures, seed);
                assert!(wait >= whole / 2 && wait <= whole, "{failures} failures: {wait:?}");
            }
        }
    }

    #[test]
    fn seeds_spread_it() {
        let waits: std::collections::HashSet<_> = (0..100).map(|seed| BACKOFF.after(5, seed)).collect();
        assert!(waits.len() > 90, "{} different waits", waits.len());
    }

    #[test]
    fn the_longest_times_do_not_overflow() {
        let longest = Backoff { first: Duration::MAX, last: Duration::MAX };
        assert!(longest.after(u32::MAX, u64::MAX) >= Duration::MAX / 2);
    }
}
