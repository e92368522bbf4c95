//! Every interleaving of threads at the count of calls under way, with loom's atomics in place of std's.
#![allow(clippy::unwrap_used, missing_docs, dead_code, unreachable_pub)]

#[path = "../../src/overload/in_flight.rs"]
mod in_flight;
#[path = "../../src/overload/moving.rs"]
mod moving;

mod sync {
    pub(crate) use loom::sync::atomic;
}

use in_flight::InFlight;
use loom::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};
use moving::Moving;

#[test]
fn the_limit_each_was_let_in_under_holds() {
    let mut model = loom::model::Builder::new();
    // All interleavings take a minute and a half.
    model.preemption_bound = Some(3);
    model.check(|| {
        let calls = Arc::new((InFlight::new(), AtomicUsize::new(0)));
        // One of them comes after the limit shrank from 2 to 1.
        let threads: Vec<_> = [2, 1]
            .into_iter()
            .map(|limit| {
                let calls = calls.clone();
                thread::spawn(move || {
                    let Ok(in_flight) = calls.0.try_take(limit) else { return 0 };
                    assert!(in_flight <= limit);
                    assert!(calls.1.fetch_add(1, Ordering::SeqCst) < 2, "more inside than the largest limit");
                    calls.1.fetch_sub(1, Ordering::SeqCst);
                    calls.0.give_back();
                    1
                })
            })
            .collect();
        let mine = calls.0.try_take(2);
        if mine.is_ok() {
            calls.0.give_back();
        }
        let served: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert!(served + usize::from(mine.is_ok()) >= 1, "nobody was let in");
        assert_eq!(calls.0.now(), 0);
    });
}

#[test]
fn the_number_that_holds_is_told_last() {
    loom::model(|| {
        let moving = Arc::new((Moving::new(0), AtomicUsize::new(0)));
        let go = |moving: &(Moving, AtomicUsize), to: u64| {
            moving.0.swap(to);
            moving.0.tell(|from, to| {
                // No two threads tell at once, and none leaves out what the one before has told.
                assert_eq!(moving.1.swap(to as usize, Ordering::Relaxed), from as usize);
            });
        };
        let threads: Vec<_> = [1, 2]
            .into_iter()
            .map(|to| {
                let moving = moving.clone();
                thread::spawn(move || go(&moving, to))
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(moving.1.load(Ordering::Relaxed) as u64, moving.0.get());
    });
}
