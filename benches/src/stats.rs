//! Percentiles and bootstrap intervals.

/// The value below which a share of the samples lies (nearest rank). Not a number when there are none.
pub(crate) fn percentile(samples: &[f64], share: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// The median.
pub(crate) fn median(samples: &[f64]) -> f64 {
    percentile(samples, 0.5)
}

/// The 95 % interval of the median, by resampling (Efron 1979, percentile method).
pub(crate) fn interval(samples: &[f64]) -> (f64, f64) {
    const RESAMPLES: usize = 2000;
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let medians: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let drawn: Vec<f64> = (0..samples.len())
                .filter_map(|_| samples.get(random.below(samples.len())).copied())
                .collect();
            median(&drawn)
        })
        .collect();
    (percentile(&medians, 0.025), percentile(&medians, 0.975))
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, and the same on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::{interval, median, percentile};

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let samples: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!((median(&samples), percentile(&samples, 0.99)), (50.0, 99.0));
        assert!(percentile(&[], 0.5).is_nan());
    }

    #[test]
    fn the_interval_holds_the_median_and_narrows_with_more_samples() {
        let spread = |count: u32| -> Vec<f64> { (0..count).map(|at| f64::from(at * 37 % 101)).collect() };
        let (few_low, few_high) = interval(&spread(20));
        let (many_low, many_high) = interval(&spread(2000));
        assert!(few_low <= 50.0 && 50.0 <= few_high);
        assert!(many_high - many_low < few_high - few_low);
    }

    #[test]
    fn equal_samples_leave_no_doubt() {
        assert_eq!(interval(&[1.25; 30]), (1.25, 1.25));
    }
}
