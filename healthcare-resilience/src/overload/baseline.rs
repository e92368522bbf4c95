/// What a call takes without load, in nanoseconds.
///
/// Lower values are learned from any window. Higher ones only from windows in which our own calls cannot have queued: when
/// less than half of the limit was in use, when the limit is at its minimum, or after a probe. A baseline that followed
/// loaded windows would rise with the very queue it is there to show, until the limit held nothing back any more
/// (Netflix/concurrency-limits #165, #88).
#[derive(Debug)]
pub(super) struct Baseline {
    value: Option<f64>,
    warm: u32,
}

/// Windows whose plain mean begins an average.
const WARM: u32 = 10;

impl Baseline {
    pub(super) const fn new() -> Self {
        Self { value: None, warm: 0 }
    }

    /// Sets it to what a probe measured.
    pub(super) fn set(&mut self, rtt: f64) {
        (self.value, self.warm) = (Some(rtt), WARM);
    }

    /// Follows the lowest: at once down, by an eighth up, and up only without load. Returns the value if `rtt` was to be
    /// compared with it, nothing if it was learned from.
    pub(super) fn lowest(&mut self, rtt: f64, is_idle: bool) -> Option<f64> {
        let value = self.value.filter(|&value| value <= rtt);
        match value {
            None => self.value = Some(rtt),
            Some(value) if is_idle => self.value = Some(value + (rtt - value) / 8.0),
            Some(_) => {}
        }
        value
    }

    /// Averages over about `long` windows, upwards only without load, and comes down faster when it is more than twice
    /// what is measured. Returns the average.
    pub(super) fn average(&mut self, rtt: f64, long: u32, is_idle: bool) -> f64 {
        let average = match self.value {
            None => rtt,
            Some(value) if self.warm < WARM => value + (rtt - value) / f64::from(self.warm + 1),
            Some(value) if rtt > value && !is_idle => value,
            Some(value) => value + (rtt - value) * 2.0 / (f64::from(long) + 1.0),
        };
        self.warm = self.warm.saturating_add(1).min(WARM);
        self.value = Some(if average / rtt > 2.0 { average * 0.95 } else { average });
        average
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_average_begins_as_the_plain_mean() {
        let mut baseline = Baseline::new();
        for (at, mean) in [10.0, 10.5, 11.0, 11.5, 12.0, 12.5, 13.0, 13.5, 14.0, 14.5].into_iter().enumerate()
        {
            assert!((baseline.average(10.0 + at as f64, 100, true) - mean).abs() < 1e-9);
        }
        assert!((baseline.average(100.0, 100, true) - 16.193).abs() < 0.001);
        let loaded = baseline.average(100.0, 100, false);
        assert!((loaded - 16.193).abs() < 0.001, "not up under load");
    }
}
