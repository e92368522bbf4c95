//! A retry budget under every interleaving of up to three threads.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, dead_code, unreachable_pub)]

mod sync {
    pub(crate) mod atomic {
        pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
    }
}

mod clock {
    pub(crate) use healthcare_resilience::Moment;
}

#[path = "../../src/retry/tokens.rs"]
mod tokens;

use clock::Moment;
use loom::{model::Builder, sync::Arc, thread};
use tokens::{TOKEN, Tokens};

fn model(test: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    // Each compare-and-swap can fail as often as another succeeds; three preemptions reach all that differ.
    builder.preemption_bound = Some(3);
    builder.check(test);
}

const NOW: Moment = Moment::from_nanos(10_000_000_000);

#[test]
fn what_is_granted_and_what_is_left_is_what_was_deposited() {
    model(|| {
        let tokens = Arc::new(Tokens::new(600_000, 100 * TOKEN, 0));
        tokens.deposit();
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let tokens = tokens.clone();
                thread::spawn(move || {
                    tokens.deposit();
                    u64::from(tokens.take(NOW).is_some())
                })
            })
            .collect();
        let granted: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(granted * TOKEN + tokens.balance(), 3 * 600_000);
    });
}

#[test]
fn one_token_is_granted_once() {
    model(|| {
        let tokens = Arc::new(Tokens::new(TOKEN, 100 * TOKEN, 0));
        tokens.deposit();
        let take = |tokens: Arc<Tokens>| move || u64::from(tokens.take(NOW).is_some());
        let threads = [thread::spawn(take(tokens.clone())), thread::spawn(take(tokens.clone()))];
        let mut granted = take(tokens.clone())();
        for thread in threads {
            granted += thread.join().unwrap();
        }
        assert_eq!((granted, tokens.balance()), (1, 0));
    });
}

#[test]
fn a_token_given_back_is_there_for_another_and_never_above_the_most() {
    model(|| {
        let tokens = Arc::new(Tokens::new(TOKEN, TOKEN, 0));
        tokens.deposit();
        let other = tokens.clone();
        let unused = thread::spawn(move || {
            if let Some(taken) = other.take(NOW) {
                other.give_back(taken);
            }
        });
        tokens.deposit();
        assert!(tokens.balance() <= TOKEN);
        unused.join().unwrap();
        assert_eq!(tokens.balance(), TOKEN);
    });
}

#[test]
fn the_floor_grants_its_number_and_takes_back_its_own() {
    model(|| {
        let tokens = Arc::new(Tokens::new(0, TOKEN, 2));
        let threads: Vec<_> = (0..2)
            .map(|at| {
                let tokens = tokens.clone();
                thread::spawn(move || {
                    let taken = tokens.take(NOW).expect("two are there for two threads");
                    if at == 0 {
                        tokens.give_back(taken);
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(tokens.take(NOW).is_some());
        assert!(tokens.take(NOW).is_none());
    });
}
