//! Stacks of any shape, dropped, timed out or panicked at any point, with clocks that jump: nothing is left.

use crate::{Trouble, ms, poll_once};
use healthcare_resilience::{
    AdaptiveLimit, Aimd, Backoff, Bulkhead, CallError, CircuitBreaker, Class, Clock, Deadline, Hedge, Jitter,
    Priority, Quota, RateLimit, Retry, RetryBudget, Shedder, Stack, Throttle, WarmUp,
};
use proptest::prelude::*;
use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

/// What one call does.
#[derive(Debug, Clone, Copy)]
enum Act {
    Read,
    Write,
}

/// How one try ends, and after how long.
#[derive(Debug, Clone, Copy)]
enum Ends {
    Well,
    Badly,
    InPanic,
}

/// Where a call is left alone.
#[derive(Debug, Clone, Copy)]
struct Visit {
    act: Act,
    ends: Ends,
    takes: u64,
    /// Polls before it is dropped.
    polls: usize,
    /// The caller's own time.
    hurry: Option<u64>,
    /// How far the policies' clock jumps meanwhile, back or forth.
    jump: i64,
}

fn visit() -> impl Strategy<Value = Visit> {
    let act = prop_oneof![Just(Act::Read), Just(Act::Write)];
    let ends = prop_oneof![3 => Just(Ends::Well), 3 => Just(Ends::Badly), 1 => Just(Ends::InPanic)];
    (act, ends, 0..60_u64, 0..12_usize, proptest::option::of(0..80_u64), -100_000..100_000_i64)
        .prop_map(|(act, ends, takes, polls, hurry, jump)| Visit { act, ends, takes, polls, hurry, jump })
}

struct Live(Arc<AtomicUsize>);

impl Live {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count.clone())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A stack, and those of its policies that a call can leave something in.
struct Policies {
    stack: Stack,
    shedder: Shedder,
    limit: AdaptiveLimit,
    breaker: CircuitBreaker,
    bulkhead: Bulkhead,
    rate: RateLimit,
}

impl Policies {
    fn new(has: [bool; 9], clock: &Clock) -> Self {
        let warm_up = WarmUp::builder("w").calls(2, 8).over(Duration::from_secs(9)).clock(clock.clone());
        let shedder = Shedder::builder("s").max_calls(4).clock(clock.clone()).build().unwrap();
        let limit = AdaptiveLimit::builder("a").algorithm(Aimd::default()).initial(4).max(5);
        let limit = limit.clock(clock.clone()).build().unwrap();
        let throttle = Throttle::builder("t").min_calls(5).seed(3).clock(clock.clone()).build().unwrap();
        let breaker = CircuitBreaker::builder("c").consecutive(4).open_for(ms(50)).probes(1);
        let breaker = breaker.lease(ms(3_600_000)).clock(clock.clone()).build().unwrap();
        let bulkhead = Bulkhead::builder("b").max_calls(2).max_waiting(2).max_wait(ms(30)).build().unwrap();
        let rate = RateLimit::builder("r").quota(Quota::per_second(50).burst(2)).max_waiting(2);
        let rate = rate.max_wait(ms(40)).build().unwrap();
        let budget = RetryBudget::builder("g").ratio(1.0).build().unwrap();
        let retry = Retry::builder("y").max_tries(3).budget(budget.clone());
        let retry = retry.backoff(Backoff::constant(ms(10)).jitter(Jitter::None)).build().unwrap();
        let hedge = Hedge::builder("h").after(ms(15)).budget(budget).build().unwrap();
        let [a, b, c, d, e, f, g, h, i] = has;
        let stack = Stack::builder("any");
        let stack = if a { stack.warm_up(warm_up.build().unwrap()) } else { stack };
        let stack = if b { stack.shed(shedder.clone()) } else { stack };
        let stack = stack.deadline(ms(200));
        let stack = if c { stack.retry(retry) } else { stack };
        let stack = if d { stack.hedge(hedge) } else { stack };
        let stack = if e { stack.rate_limit(rate.clone()) } else { stack };
        let stack = if f { stack.throttle(throttle) } else { stack };
        let stack = if g { stack.bulkhead(bulkhead.clone()) } else { stack };
        let stack = if h { stack.adaptive_limit(limit.clone()) } else { stack };
        let stack = if i { stack.breaker(breaker.clone()) } else { stack };
        Self { stack: stack.time_out(ms(40)).build().unwrap(), shedder, limit, breaker, bulkhead, rate }
    }

    fn assert_empty(&self) {
        assert_eq!((self.bulkhead.in_flight(), self.bulkhead.waiting(), self.rate.waiting()), (0, 0, 0));
        assert_eq!((self.limit.in_flight(), self.shedder.in_flight()), (0, 0));
        self.breaker.try_acquire().expect("a circuit whose time is over asks again").record(Class::Success);
        let places: Vec<_> = std::iter::from_fn(|| self.bulkhead.try_acquire().ok()).collect();
        assert_eq!(places.len(), 2);
    }
}

async fn call(stack: Stack, visit: Visit, live: Arc<AtomicUsize>) -> Result<u32, CallError<Trouble>> {
    let work = move || {
        let live = Live::new(&live);
        async move {
            let _live = live;
            tokio::time::sleep(ms(visit.takes)).await;
            match visit.ends {
                Ends::Well => Ok(1),
                Ends::Badly => Err(Trouble::Closed),
                Ends::InPanic => panic!("in the work"),
            }
        }
    };
    let stack = stack.priority(Priority::Emergency);
    match visit.act {
        Act::Read => stack.read(work).await,
        Act::Write => stack.write(async { work().await }).await,
    }
}

async fn run(has: [bool; 9], visits: Vec<Visit>) {
    let (clock, hand) = Clock::manual();
    let begun = clock.now();
    let (mut ahead, mut furthest) = (0_i64, 0_i64);
    let (policies, live) = (Policies::new(has, &clock), Arc::new(AtomicUsize::new(0)));
    let mut calls = Vec::new();
    for visit in visits {
        ahead = (ahead + visit.jump).max(0);
        furthest = furthest.max(ahead);
        hand.set(begun.after(ms(ahead as u64)));
        let within = visit.hurry.map_or(Duration::from_secs(60), ms);
        let made = call(policies.stack.clone(), visit, live.clone());
        let mut made = Some(Box::pin(Deadline::within(within).scope(made)));
        for _ in 0..visit.polls {
            let Some(now) = &mut made else { break };
            match std::panic::catch_unwind(AssertUnwindSafe(|| poll_once(now.as_mut()))) {
                Ok(Poll::Pending) => tokio::time::advance(ms(7)).await,
                Ok(Poll::Ready(_)) | Err(_) => made = None,
            }
        }
        // Some are kept under way beside the next, and dropped in the order they came.
        calls.push(made);
        if calls.len() > 2 {
            calls.remove(0);
        }
    }
    drop(calls);
    assert_eq!(live.load(Ordering::SeqCst), 0, "work lives on");
    // Long before a lost probe's lease would be over.
    hand.set(begun.after(ms(furthest as u64 + 600_000)));
    policies.assert_empty();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_left_of_any_stack(
        has in any::<[bool; 9]>(),
        visits in proptest::collection::vec(visit(), 1..20),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(run(has, visits));
    }
}
