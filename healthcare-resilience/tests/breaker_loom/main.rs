//! The breaker's state machine under every order of threads.
//!
//! The very files of the crate are compiled here, with loom's atomics and lock in the place of the standard ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
#![allow(dead_code, unused_imports, unreachable_pub, reason = "the crate uses what is not needed here")]

#[path = "../../src/breaker"]
mod breaker {
    pub(crate) mod machine;
    pub(crate) mod rules;
    pub(crate) mod state;
    pub(crate) mod word;
}
#[path = "../../src/window/mod.rs"]
mod window;

mod class {
    pub(crate) use healthcare_resilience::Class;
}
mod clock {
    pub(crate) use healthcare_resilience::Moment;
    pub(crate) fn nanos(wait: std::time::Duration) -> u64 {
        u64::try_from(wait.as_nanos()).unwrap()
    }
}
mod error {
    pub(crate) use healthcare_resilience::RejectReason;
}
mod sync {
    pub(crate) use loom::sync::atomic;

    #[derive(Debug)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }
        pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
            self.0.lock().unwrap()
        }
    }
}

use breaker::{
    machine::{Machine, Refusal, Ticket, Verdict},
    rules::{OpenTime, Rate, Rules, Trip},
    state::{BreakerCause, BreakerState},
};
use class::Class;
use clock::Moment;
use loom::{sync::Arc, thread};
use std::time::Duration;
use window::{CountWindow, Window};

const OPEN: Duration = Duration::from_nanos(800);
const LEASE: Duration = Duration::from_nanos(1600);
const START: Moment = Moment::from_nanos(8000);
const BAD: Verdict = Verdict::Failed(Class::Transient);

fn machine(trip: Trip, window: Window, probes: u32) -> Machine {
    let open = OpenTime::new(OPEN, 1.0, OPEN, 0.0);
    let rules = Rules { trip, slow: None, is_window_timed: false, probes, lease: LEASE, open };
    Machine::new(rules, window, fastrand::Rng::with_seed(1))
}

fn consecutive(failures: u32, probes: u32) -> Machine {
    machine(Trip::Run(failures), Window::Run(0), probes)
}

fn counting(size: u32, failed: f64, probes: u32) -> Machine {
    let trip = Trip::Rate { failed: Rate::new(failed).unwrap(), slow: None, min_calls: size };
    machine(trip, Window::Count(CountWindow::new(size)), probes)
}

fn acquire(machine: &Machine, now: Moment) -> Result<Ticket, Refusal> {
    let word = machine.glance().or_else(|seen| machine.ask(seen, now))?;
    Ok(Ticket { word, begun: now })
}

/// Every order with at most three forced switches between threads; every order at all in the deep tier.
fn explore(story: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = std::env::var_os("HEALTHCARE_TEST_DEEP").is_none().then_some(3);
    model.check(story);
}

fn three(machine: &Arc<Machine>, act: impl Fn(&Machine, usize) -> usize + Copy + Send + 'static) -> usize {
    let threads: Vec<_> = (1..3)
        .map(|number| {
            let machine = machine.clone();
            thread::spawn(move || act(&machine, number))
        })
        .collect();
    let mine = act(machine, 0);
    mine + threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
}

/// Three callers at the end of the open time, one place: one probe, whoever wins.
#[test]
fn of_three_at_the_end_of_open_one_goes_through() {
    explore(|| {
        let machine = Arc::new(consecutive(1, 1));
        machine.trip(START);
        let admitted = three(&machine, |machine, _| usize::from(acquire(machine, START.after(OPEN)).is_ok()));
        assert_eq!(admitted, 1);
        let view = machine.view(START);
        assert_eq!((view.state, view.probes_out, view.refused), (BreakerState::HalfOpen, 1, 2));
    });
}

/// Probes that end well, badly and not at all: the places are as many as before, and the state is one the results allow.
#[test]
fn acquire_record_and_drop_by_three() {
    explore(|| {
        let machine = Arc::new(counting(3, 1.0, 2));
        machine.trip(START);
        let later = START.after(OPEN);
        let admitted = three(&machine, move |machine, number| match acquire(machine, later) {
            Ok(ticket) => {
                match number {
                    0 => drop(machine.record(ticket, BAD, later)),
                    1 => drop(machine.record(ticket, Verdict::Good, later)),
                    _ => drop(machine.cancel(ticket, START)),
                }
                1
            }
            Err(_) => 0,
        });
        let view = machine.view(later);
        assert_eq!((view.probes_out, view.stale), (0, 0), "a place is lost, or a probe was not of its time");
        assert_eq!(admitted as u64 + view.refused, 3);
        match view.state {
            // The one that dropped its permit was in the way of one or both of the others.
            BreakerState::HalfOpen => {
                assert!(view.seen.calls + view.refused == 2 && view.refused > 0, "{view:?}")
            }
            // Both results are in, and one of them is good.
            BreakerState::Closed => assert!(view.refused <= 1, "{view:?}"),
            state => panic!("{state}"),
        }
    });
}

/// A closed circuit under a failure, a success and a drop: no result is lost and none is counted twice.
#[test]
fn closed_results_are_counted_once() {
    explore(|| {
        let machine = Arc::new(counting(4, 1.0, 1));
        three(&machine, |machine, number| {
            let ticket = acquire(machine, START).unwrap();
            match number {
                0 => drop(machine.record(ticket, BAD, START)),
                1 => drop(machine.record(ticket, Verdict::Good, START)),
                _ => drop(machine.cancel(ticket, START)),
            }
            0
        });
        let view = machine.view(START);
        assert_eq!((view.seen.calls, view.seen.failed, view.stale), (2, 1, 0));
    });
}

/// The short cut of a good call: it may overlook a failure that comes at the same time, never one that came before.
#[test]
fn a_good_call_ends_the_run_of_failures_before_it() {
    explore(|| {
        let machine = Arc::new(consecutive(2, 1));
        let failing = machine.clone();
        let other = thread::spawn(move || {
            let ticket = acquire(&failing, START).unwrap();
            failing.record(ticket, BAD, START);
            let ticket = acquire(&failing, START).unwrap();
            failing.record(ticket, Verdict::Good, START);
        });
        let ticket = acquire(&machine, START).unwrap();
        machine.record(ticket, Verdict::Good, START);
        other.join().unwrap();
        assert_eq!(machine.view(START).seen.failed, 0);
        assert_eq!(machine.state(), BreakerState::Closed);
    });
}

/// Two failures and a late one: it opens once, and what comes after that is stale.
#[test]
fn a_circuit_opens_once_and_the_late_failure_is_stale() {
    explore(|| {
        let machine = Arc::new(consecutive(2, 1));
        three(&machine, |machine, _| {
            if let Ok(ticket) = acquire(machine, START) {
                machine.record(ticket, BAD, START);
            }
            0
        });
        let view = machine.view(START);
        assert_eq!((view.state, view.opens), (BreakerState::Open, 1));
        assert_eq!(view.stale + view.refused, 1);
        assert_eq!(machine.next_change().unwrap().cause, BreakerCause::Failures);
        assert!(machine.next_change().is_none());
    });
}

/// A lease runs out while the probe comes back: the probe counts or is stale, and there is one place either way.
#[test]
fn a_probe_races_the_end_of_its_lease() {
    explore(|| {
        let machine = Arc::new(consecutive(1, 1));
        machine.trip(START);
        let later = START.after(OPEN);
        let first = acquire(&machine, later).unwrap();
        let late = later.after(LEASE);
        let admitted = three(&machine, move |machine, number| match number {
            0 => {
                machine.record(first, BAD, late);
                0
            }
            _ => usize::from(acquire(machine, late).is_ok()),
        });
        let view = machine.view(late);
        match (view.state, view.stale) {
            (BreakerState::Open, 0) => assert_eq!(admitted, 0),
            (BreakerState::HalfOpen, 1) => assert_eq!((admitted, view.probes_out), (1, 1)),
            // It counted, after somebody had been refused or before anybody asked.
            other => panic!("{other:?}, {admitted} admitted"),
        }
    });
}

/// Somebody resets while a result of before comes in: nothing of before is in the new window.
#[test]
fn a_reset_races_a_failure() {
    explore(|| {
        let machine = Arc::new(consecutive(1, 1));
        let ticket = acquire(&machine, START).unwrap();
        let failing = machine.clone();
        let other = thread::spawn(move || failing.record(ticket, BAD, START));
        machine.set(BreakerState::Closed, START);
        let recorded = other.join().unwrap();
        let view = machine.view(START);
        assert_eq!((view.state, view.seen.failed), (BreakerState::Closed, 0));
        // Either it opened and the reset closed it, or it came after the reset.
        assert_eq!(recorded.is_stale, view.stale == 1);
    });
}

/// Changes are told in order by one teller at a time, and none is left untold.
#[test]
fn tellers_keep_the_order() {
    explore(|| {
        let machine = Arc::new(consecutive(1, 1));
        let told = Arc::new(loom::sync::Mutex::new(Vec::new()));
        let tell = |machine: &Machine, told: &loom::sync::Mutex<Vec<BreakerState>>| {
            if machine.begin_telling() {
                while let Some(change) = machine.next_change() {
                    told.lock().unwrap().push(change.to);
                }
            }
        };
        let other = {
            let (machine, told) = (machine.clone(), told.clone());
            thread::spawn(move || {
                machine.set(BreakerState::Disabled, START);
                tell(&machine, &told);
            })
        };
        machine.set(BreakerState::ForcedOpen, START);
        tell(&machine, &told);
        other.join().unwrap();
        let told = told.lock().unwrap();
        assert_eq!(told.len(), 2);
        assert_eq!(told.last(), Some(&machine.state()), "told in another order than it happened");
    });
}
