//! Every interleaving of threads at the count of calls under way, with loom's atomics in place of std's.
#![allow(clippy::unwrap_used, missing_docs, dead_code, unreachable_pub)]

#[path = "../../src/overload/in_flight.rs"]
mod in_flight;

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
