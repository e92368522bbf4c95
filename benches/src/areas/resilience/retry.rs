//! The waits between tries: M12.

use super::{Failure, cost, subjects::keep};
use crate::compare::{Count, Measure, batches};
use backon::{BackoffBuilder, ExponentialBuilder};
use healthcare_resilience::{Backoff, Jitter};
use std::{hint::black_box, time::Duration};

/// 16 samples of 500 calls with eight waits each.
const BATCHES: (usize, u32) = (16, 500);
const WAITS: usize = 8;
const BACKON: &str = "backon 1.6";
const FIRST: Duration = Duration::from_millis(100);
const CAP: Duration = Duration::from_secs(20);
const HELD_EQUAL: &str = "the eight waits of one call, 100 ms doubled up to 20 s, from a prebuilt backoff; the same generator (fastrand)";
const JITTERED: &str = "the eight waits of one call, 100 ms doubled up to 20 s, from a prebuilt backoff; both seeded; ours draws \
                        from zero to the wait in whole nanoseconds, backon adds up to the wait once more as a 32-bit float";
const DRAWS: u32 = 1_000_000;
const SPREAD: &str = "1,000,000 draws of full jitter over one second, against 0 s, 0.5 s and 1 s";

pub(super) fn measures() -> Result<Vec<Measure>, Failure> {
    let backon = ExponentialBuilder::default().with_min_delay(FIRST).with_max_delay(CAP).without_max_times();
    let ours = Backoff::exponential(FIRST).cap(CAP);
    let mut all = Vec::new();
    for (name, held_equal, jitter, backon) in [
        ("M12 eight waits, plain", HELD_EQUAL, Jitter::None, backon.with_jitter_seed(7)),
        ("M12 eight waits, jittered", JITTERED, Jitter::Full, backon.with_jitter().with_jitter_seed(7)),
    ] {
        let ours = ours.clone().jitter(jitter);
        let ours = batches(BATCHES.0, BATCHES.1, move || {
            ours.waits(black_box(7)).take(WAITS).for_each(keep);
        });
        let peer = batches(BATCHES.0, BATCHES.1, move || {
            black_box(backon).build().take(WAITS).for_each(keep);
        });
        all.push(cost(name, 1.0, (ours, held_equal), (peer, BACKON)));
    }
    all.extend(spread());
    Ok(all)
}

/// How far a million draws are from what they should be.
fn spread() -> [Measure; 2] {
    let backoff = Backoff::constant(Duration::from_secs(1));
    let (mut sum, mut least, mut most) = (0.0, f64::MAX, 0.0_f64);
    for wait in backoff.waits(7).take(DRAWS as usize).map(|wait| wait.as_secs_f64()) {
        sum += wait;
        least = least.min(wait);
        most = most.max(wait);
    }
    let off = |is: f64, should: f64| (is - should).abs() * 100.0;
    let row = |name, ours| {
        Measure::Counted(Count { name, unit: "%", ours, peer: None, most: 1.0, held_equal: SPREAD })
    };
    let over = if most > 1.0 { 100.0 } else { 0.0 };
    [
        row("M12 jitter, mean off by", off(sum / f64::from(DRAWS), 0.5) / 0.5),
        row("M12 jitter, bounds off by", off(least, 0.0).max(off(most, 1.0)).max(over)),
    ]
}
