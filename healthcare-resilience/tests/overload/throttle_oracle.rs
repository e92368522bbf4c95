//! The windowed counts against a list of everything that happened.

use healthcare_resilience::{Class, Clock, Throttle, ThrottlePermit};
use proptest::prelude::*;
use std::time::Duration;

#[derive(Debug, Clone)]
enum Step {
    Send,
    End(usize, Option<Class>),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let class = prop_oneof![
        3 => Just(Some(Class::Success)),
        2 => Just(Some(Class::Transient)),
        1 => Just(Some(Class::Ignored)),
        1 => Just(Some(Class::Rejected)),
        1 => Just(None),
    ];
    prop_oneof![
        4 => Just(Step::Send),
        4 => (any::<usize>(), class).prop_map(|(at, class)| Step::End(at, class)),
        2 => (0_u64..4_000).prop_map(Step::Wait),
        1 => (0_u64..30_000).prop_map(Step::Wait),
    ]
}

/// Ten seconds in slices of one; each list holds the slice of each event.
#[derive(Default)]
struct Oracle {
    wanted: Vec<u64>,
    accepted: Vec<u64>,
}

impl Oracle {
    fn chance(&self, slice: u64, min_pass: f64) -> f64 {
        let inside = |events: &[u64]| events.iter().filter(|&&at| slice - at < 10).count() as f64;
        let (wanted, accepted) = (inside(&self.wanted), inside(&self.accepted));
        ((wanted - 2.0 * accepted) / (wanted + 1.0)).clamp(0.0, 1.0 - min_pass)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_counts_are_those_of_a_full_list(steps in prop::collection::vec(step(), 1..200)) {
        let (clock, hand) = Clock::manual();
        let second = Duration::from_secs(1);
        let throttle = Throttle::builder("x").clock(clock.clone()).window(second * 10).min_calls(0).seed(1);
        let throttle = throttle.min_pass(0.2).build().unwrap();
        let mut oracle = Oracle::default();
        let mut open: Vec<(u64, ThrottlePermit<'_>)> = Vec::new();
        let slice = || clock.now().as_nanos() / 1_000_000_000;
        for step in steps {
            match step {
                Step::Wait(millis) => hand.advance(Duration::from_millis(millis)),
                Step::Send => {
                    oracle.wanted.push(slice());
                    if let Ok(permit) = throttle.try_acquire() {
                        open.push((slice(), permit));
                    }
                }
                Step::End(at, class) if !open.is_empty() => {
                    let (sent, permit) = open.swap_remove(at % open.len());
                    match class {
                        Some(class) => permit.record(class),
                        None => drop(permit),
                    }
                    match class {
                        Some(Class::Success | Class::Ignored) => oracle.accepted.push(slice()),
                        Some(Class::Rejected) | None => {
                            let at = oracle.wanted.iter().position(|&wanted| wanted == sent).unwrap();
                            oracle.wanted.remove(at);
                        }
                        Some(_) => {}
                    }
                }
                Step::End(..) => {}
            }
            prop_assert!((throttle.chance() - oracle.chance(slice(), 0.2)).abs() < 1e-9);
        }
    }
}
