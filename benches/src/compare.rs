//! Two sides, interleaved, with a control.

use crate::{
    report::{Row, Verdict},
    stats,
};
use std::{
    hint::spin_loop,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Runs one round and returns its samples, each in the comparison's unit.
pub(crate) type Side = Box<dyn FnMut() -> Vec<f64>>;

/// Which way the target points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    /// The ratio is to be at most the target.
    Lower,
    /// The ratio is to be at least the target: for throughput.
    Higher,
}

/// Ours against a peer.
pub(crate) struct Comparison {
    pub(crate) name: &'static str,
    pub(crate) peer_name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    /// The bound on ours ÷ peer.
    pub(crate) target: f64,
    /// What is the same on both sides, and what is not.
    pub(crate) held_equal: &'static str,
    pub(crate) ours: Side,
    pub(crate) peer: Side,
}

/// A number that is counted, not timed: it has no noise.
pub(crate) struct Count {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) ours: f64,
    /// What the peer needs for the same, and its name; information only.
    pub(crate) peer: Option<(f64, &'static str)>,
    /// The most that ours may be.
    pub(crate) most: f64,
    pub(crate) held_equal: &'static str,
}

/// One row to be.
pub(crate) enum Measure {
    Timed(Comparison),
    Counted(Count),
}

impl From<Comparison> for Measure {
    fn from(comparison: Comparison) -> Self {
        Self::Timed(comparison)
    }
}

impl Measure {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Timed(comparison) => comparison.name,
            Self::Counted(count) => count.name,
        }
    }

    pub(crate) fn run(self, area: &str, rounds: usize) -> Row {
        match self {
            Self::Timed(comparison) => {
                eprintln!("{area}: {} against {}, {rounds} rounds", comparison.name, comparison.peer_name);
                comparison.run(area, rounds)
            }
            Self::Counted(count) => count.row(area),
        }
    }
}

impl Count {
    fn row(self, area: &str) -> Row {
        let (peer, peer_name) = self.peer.unwrap_or((f64::NAN, "none"));
        Row {
            area: area.to_owned(),
            name: self.name,
            ours_p50: self.ours,
            ours_p99: self.ours,
            peer_p50: peer,
            peer_p99: peer,
            peer_name,
            unit: self.unit,
            ratio: f64::NAN,
            ci_low: f64::NAN,
            ci_high: f64::NAN,
            control: f64::NAN,
            rounds: 1,
            target: self.most,
            better: "lower",
            held_equal: self.held_equal,
            verdict: if self.ours <= self.most { Verdict::Met } else { Verdict::Missed },
        }
    }
}

/// The largest deviation of ours from ours with which a verdict is given.
const CONTROL: f64 = 0.02;

impl Comparison {
    /// Runs all rounds.
    pub(crate) fn run(mut self, area: &str, rounds: usize) -> Row {
        // The first rounds warm caches, branch predictors and the allocator, and are thrown away.
        for _ in 0..rounds.div_ceil(10) {
            (self.ours)();
            (self.peer)();
        }
        let mut samples = [Vec::new(), Vec::new(), Vec::new()];
        let (mut ratios, mut controls) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            let mut medians = [0.0; 3];
            for turn in 0..3 {
                let side = order(round, turn);
                let taken = if side == PEER { (self.peer)() } else { (self.ours)() };
                medians[side] = stats::median(&taken);
                samples[side].extend(taken);
            }
            ratios.push(medians[OURS] / medians[PEER]);
            controls.push(medians[OURS] / medians[AGAIN]);
        }
        let (ci_low, ci_high) = stats::interval(&ratios);
        let control = stats::median(&controls);
        Row {
            area: area.to_owned(),
            name: self.name,
            ours_p50: stats::median(&samples[OURS]),
            ours_p99: stats::percentile(&samples[OURS], 0.99),
            peer_p50: stats::median(&samples[PEER]),
            peer_p99: stats::percentile(&samples[PEER], 0.99),
            peer_name: self.peer_name,
            unit: self.unit,
            ratio: stats::median(&ratios),
            ci_low,
            ci_high,
            control,
            rounds,
            target: self.target,
            better: if self.better == Better::Lower { "lower" } else { "higher" },
            held_equal: self.held_equal,
            verdict: verdict((ci_low, ci_high), control, self.target, self.better),
        }
    }
}

const OURS: usize = 0;
const PEER: usize = 1;
const AGAIN: usize = 2;

/// Which side has this turn: the six orders of three sides, one after the other.
fn order(round: usize, turn: usize) -> usize {
    let at = if round % 6 < 3 { turn } else { 2 - turn };
    (at + round) % 3
}

fn verdict((low, high): (f64, f64), control: f64, target: f64, better: Better) -> Verdict {
    let (good, bad) = match better {
        Better::Lower => (high <= target, low > target),
        Better::Higher => (low >= target, high < target),
    };
    // A control that is not a number is not steady either.
    let steady = (control - 1.0).abs() <= CONTROL;
    match (steady, good, bad) {
        (true, true, _) => Verdict::Met,
        (true, _, true) => Verdict::Missed,
        _ => Verdict::Undecided,
    }
}

/// A side that calls a function in batches: a round is `batches` samples, each the mean nanoseconds of `size` calls.
pub(crate) fn batches(batches: usize, size: u32, mut call: impl FnMut() + 'static) -> Side {
    Box::new(move || {
        (0..batches)
            .map(|_| {
                let start = Instant::now();
                (0..size).for_each(|_| call());
                start.elapsed().as_nanos() as f64 / f64::from(size)
            })
            .collect()
    })
}

/// A side that calls a function from several threads at once: a round is `samples` samples, each the calls a microsecond of
/// all threads together, by the slowest of them.
pub(crate) fn crowd(
    threads: usize,
    samples: usize,
    calls: u32,
    call: impl Fn() + Send + Sync + 'static,
) -> Side {
    Box::new(move || (0..samples).map(|_| together(threads, calls, &call)).collect())
}

fn together(threads: usize, calls: u32, call: &(impl Fn() + Sync)) -> f64 {
    let missing = AtomicUsize::new(threads);
    let run = || {
        // All start when the last one is there.
        missing.fetch_sub(1, Ordering::SeqCst);
        while missing.load(Ordering::SeqCst) > 0 {
            spin_loop();
        }
        let start = Instant::now();
        (0..calls).for_each(|_| call());
        start.elapsed()
    };
    let slowest: Duration = thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        all.into_iter().filter_map(|one| one.join().ok()).max().unwrap_or(Duration::MAX)
    });
    threads as f64 * f64::from(calls) * 1000.0 / slowest.as_nanos() as f64
}

#[cfg(test)]
mod tests {
    use super::{AGAIN, Better, Comparison, Count, OURS, PEER, crowd, order, verdict};
    use crate::report::Verdict;
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    fn fixed(ours: f64, peer: f64, target: f64) -> Comparison {
        Comparison {
            name: "n",
            peer_name: "p",
            unit: "ns",
            better: Better::Lower,
            target,
            held_equal: "",
            ours: Box::new(move || vec![ours; 5]),
            peer: Box::new(move || vec![peer; 5]),
        }
    }

    #[test]
    fn a_clear_difference_is_decided() {
        let row = fixed(120.0, 100.0, 1.5).run("a", 30);
        assert_eq!((row.ratio, row.control, row.verdict), (1.2, 1.0, Verdict::Met));
        assert_eq!(fixed(200.0, 100.0, 1.5).run("a", 30).verdict, Verdict::Missed);
    }

    #[test]
    fn doubt_stays_undecided() {
        assert_eq!(verdict((1.0, 2.0), 1.0, 1.5, Better::Lower), Verdict::Undecided);
        assert_eq!(verdict((1.0, 1.1), 1.05, 1.5, Better::Lower), Verdict::Undecided);
        assert_eq!(verdict((1.0, 1.1), f64::NAN, 1.5, Better::Lower), Verdict::Undecided);
        assert_eq!(verdict((2.0, 2.1), 1.0, 1.5, Better::Higher), Verdict::Met);
        assert_eq!(verdict((1.0, 1.1), 1.0, 1.5, Better::Higher), Verdict::Missed);
    }

    #[test]
    fn a_count_is_decided_by_itself() {
        let count = |ours| Count { name: "n", unit: "u", ours, peer: None, most: 1.0, held_equal: "" };
        assert_eq!(count(1.0).row("a").verdict, Verdict::Met);
        assert_eq!(count(1.5).row("a").verdict, Verdict::Missed);
    }

    #[test]
    fn a_crowd_makes_every_call() {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let taken = crowd(2, 3, 10, move || drop(counted.fetch_add(1, Ordering::Relaxed)))();
        assert_eq!((taken.len(), calls.load(Ordering::Relaxed)), (3, 60));
        assert!(taken.iter().all(|speed| *speed > 0.0));
    }

    #[test]
    fn every_round_has_each_side_once_and_all_orders_come() {
        let orders: std::collections::BTreeSet<[usize; 3]> =
            (0..6).map(|round| [order(round, 0), order(round, 1), order(round, 2)]).collect();
        assert_eq!(orders.len(), 6);
        for mut seen in orders {
            seen.sort_unstable();
            assert_eq!(seen, [OURS, PEER, AGAIN]);
        }
    }
}
