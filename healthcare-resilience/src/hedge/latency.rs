//! How long calls take: a quantile in fixed memory.

/// Steps per doubling: a bucket is at most a sixteenth wide.
const STEPS: u64 = 16;
const STEP_BITS: u32 = 4;
/// Times below this (about a microsecond) share one bucket.
const LOWEST_BITS: u32 = 10;
/// Times from this on (about 73 minutes) share the last bucket.
const HIGHEST_BITS: u32 = 42;
const BUCKETS: usize = ((HIGHEST_BITS - LOWEST_BITS) as usize) * STEPS as usize;
/// Calls that are remembered in full. Then every count is halved, so older calls weigh less and less.
const REMEMBERED: u32 = 1_024;

/// Counts of call times in logarithmic buckets. Two kilobytes, whatever the number of calls.
pub(crate) struct Latencies {
    counts: [u32; BUCKETS],
    total: u32,
}

impl Latencies {
    pub(crate) const fn new() -> Self {
        Self { counts: [0; BUCKETS], total: 0 }
    }

    /// Adds a call that took `nanos`, and tells how many are counted now.
    pub(crate) fn add(&mut self, nanos: u64) -> u32 {
        if let Some(count) = self.counts.get_mut(bucket(nanos)) {
            *count += 1;
            self.total += 1;
        }
        if self.total >= REMEMBERED {
            self.total = 0;
            for count in &mut self.counts {
                *count /= 2;
                self.total += *count;
            }
        }
        self.total
    }

    /// A time that at least the share `quantile` of the calls did not exceed, at most a sixteenth too long. None
    /// without calls.
    pub(crate) fn quantile(&self, quantile: f64) -> Option<u64> {
        let rank = ((f64::from(self.total) * quantile).ceil() as u32).max(1);
        let mut seen = 0;
        let at = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(upper_edge(at as u64))
    }
}

fn bucket(nanos: u64) -> usize {
    let bits = 63 - nanos.max(1).leading_zeros();
    if bits < LOWEST_BITS {
        return 0;
    }
    if bits >= HIGHEST_BITS {
        return BUCKETS - 1;
    }
    let step = (nanos >> (bits - STEP_BITS)) - STEPS;
    (u64::from(bits - LOWEST_BITS) * STEPS + step) as usize
}

/// The longest time in the bucket.
const fn upper_edge(bucket: u64) -> u64 {
    let bits = bucket / STEPS + LOWEST_BITS as u64;
    ((STEPS + bucket % STEPS + 1) << (bits - STEP_BITS as u64)) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edge_of_a_times_bucket_is_never_below_it_and_little_above() {
        let mut nanos = 1_u64;
        while nanos < 1 << HIGHEST_BITS {
            for nanos in [nanos - 1, nanos, nanos + 1] {
                let edge = upper_edge(bucket(nanos) as u64);
                assert!(edge >= nanos && bucket(nanos) < BUCKETS, "{nanos} {edge}");
                assert!(nanos < 1 << LOWEST_BITS || edge - nanos <= nanos / STEPS, "{nanos} {edge}");
            }
            nanos += nanos / 7 + 1;
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
        assert_eq!(bucket(0), 0);
    }

    #[test]
    fn a_quantile_agrees_with_the_sorted_times() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut latencies = Latencies::new();
        assert_eq!(latencies.quantile(0.5), None);
        let mut times: Vec<u64> = (0..1_000).map(|_| random.u64(2_000..50_000_000)).collect();
        for nanos in &times {
            latencies.add(*nanos);
        }
        times.sort_unstable();
        for quantile in [0.5, 0.9, 0.95, 0.99, 1.0] {
            let exact = times[(1_000.0 * quantile) as usize - 1];
            let told = latencies.quantile(quantile).unwrap();
            assert!(told >= exact && told - exact <= exact / STEPS, "{quantile}: {told} for {exact}");
        }
    }

    #[test]
    fn old_times_fade() {
        let mut latencies = Latencies::new();
        (0..100_000).for_each(|_| _ = latencies.add(1_000_000_000));
        (0..8 * REMEMBERED).for_each(|_| _ = latencies.add(1_000_000));
        assert!(latencies.quantile(0.95).unwrap() < 1_100_000);
        assert!(latencies.total < REMEMBERED);
    }
}
