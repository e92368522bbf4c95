use crate::Moment;
use std::time::Duration;

/// Two steps for each doubling, from a microsecond up to an hour.
const BUCKETS: usize = 64;

/// The control loop of a dimmer. Pure: it is told the time and every latency, and says how bright the light is to be.
#[derive(Debug)]
pub(super) struct Brightness {
    settings: Settings,
    level: f64,
    opened: Moment,
    counts: [u32; BUCKETS],
    count: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) target: Duration,
    pub(super) quantile: f64,
    pub(super) period: Duration,
    pub(super) up: f64,
    pub(super) down: f64,
}

impl Brightness {
    pub(super) const fn new(settings: Settings, now: Moment) -> Self {
        Self { settings, level: 1.0, opened: now, counts: [0; BUCKETS], count: 0 }
    }

    /// Adds a latency. Returns the new level when a period ended with it.
    pub(super) fn add(&mut self, now: Moment, latency: Duration) -> Option<f64> {
        if let Some(count) = self.counts.get_mut(bucket(latency)) {
            *count = count.saturating_add(1);
            self.count = self.count.saturating_add(1);
        }
        // Set back, it begins anew: nobody knows how much of the period is over.
        self.opened = self.opened.min(now);
        if now.since(self.opened) < self.settings.period {
            return None;
        }
        self.level = step(self.level, self.quantile(), &self.settings);
        *self = Self { level: self.level, ..Self::new(self.settings, now) };
        Some(self.level)
    }

    /// The latency that the quantile of the calls did not exceed, rounded up by at most a half.
    fn quantile(&self) -> Duration {
        let wanted = (f64::from(self.count) * self.settings.quantile).ceil();
        let mut seen = 0.0;
        for (at, count) in self.counts.iter().enumerate() {
            seen += f64::from(*count);
            if seen >= wanted {
                return upper(at);
            }
        }
        upper(BUCKETS - 1)
    }
}

/// One step of the loop: up when the latency is below the target and down when it is above, in proportion to how far off
/// it is, and not further than the gain in one period.
pub(super) fn step(level: f64, measured: Duration, settings: &Settings) -> f64 {
    let error = 1.0 - measured.as_secs_f64() / settings.target.as_secs_f64();
    let change = if error > 0.0 { settings.up * error } else { settings.down * error.max(-1.0) };
    (level + change).clamp(0.0, 1.0)
}

/// Bucket `2n` ends at `2^n` microseconds, bucket `2n + 1` half way to the next.
fn bucket(latency: Duration) -> usize {
    let micros = u64::try_from(latency.as_nanos().div_ceil(1_000)).unwrap_or(u64::MAX).max(1);
    // The whole power of two below or at it.
    let power = micros.ilog2() as usize;
    let whole = 1_u64 << power;
    let at = match micros - whole {
        0 => 2 * power,
        over if over <= whole / 2 => 2 * power + 1,
        _ => 2 * power + 2,
    };
    at.min(BUCKETS - 1)
}

fn upper(bucket: usize) -> Duration {
    let whole = 1_u64 << (bucket / 2).min(62);
    Duration::from_micros(if bucket.is_multiple_of(2) { whole } else { whole + whole / 2 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_lies_within_its_bucket() {
        for micros in (1..10_000_u64).chain([1 << 30, (1 << 30) + 1]) {
            let latency = Duration::from_micros(micros);
            let bound = upper(bucket(latency));
            assert!(bound >= latency && bound.as_secs_f64() <= latency.as_secs_f64() * 1.5, "{micros}");
        }
        assert_eq!(bucket(Duration::MAX), BUCKETS - 1);
        assert_eq!(bucket(Duration::ZERO), 0);
    }
}
