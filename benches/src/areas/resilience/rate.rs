//! Rate limits in this process: M7 and M8.

use super::{Failure, check, cost, speed, subjects::keep};
use crate::compare::{Count, Measure, batches, crowd};
use governor::{
    RateLimiter,
    clock::MonotonicClock,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed, keyed::DashMapStateStore},
};
use healthcare_resilience::{KeyedRateLimit, Quota, RateLimit};
use std::{
    cell::Cell,
    future::{Future, poll_fn},
    num::NonZeroU32,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::runtime::{Builder, Runtime};

const BATCHES: (usize, u32) = (16, 1_000);
const CROWD: (usize, u32) = (4, 50_000);
const GOVERNOR: &str = "governor 0.10.4";
const KEYS: u64 = 10_000;
const WAITERS: usize = 200;
const ENDLESS: u32 = 1_000_000_000;

const CLOCK: &str = "one prebuilt limit, a quota that is never used up, std's monotonic clock on both sides; ours also tells what \
                     is left";
const DENY: &str = "one prebuilt limit, its one permit a day taken, std's monotonic clock on both sides; ours also tells how long to wait";
const KEYED: &str =
    "10,000 known keys in turn, SipHash with random keys, std's monotonic clock; ours has a cap on its keys";
const LINE: &str = "200 tasks wait for one permit a millisecond, each poll after a task's first counts; governor's waiters sleep on \
                    a timer thread, ours on tokio's timer";

type Direct = RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<std::time::Instant>>;

pub(super) fn measures() -> Result<Vec<Measure>, Failure> {
    let mut all = direct()?;
    all.extend(keyed()?);
    all.push(line()?);
    Ok(all)
}

fn direct() -> Result<Vec<Measure>, Failure> {
    let endless = || RateLimit::builder("bench").quota(Quota::per_second(ENDLESS)).build();
    let spent = || RateLimit::builder("bench").quota(Quota::per_day(1)).build();
    let (mine, theirs) = (endless()?, governed(per_second(ENDLESS)?));
    check("everything is allowed", mine.try_acquire().is_ok() && theirs.check().is_ok())?;
    let allow = cost(
        "M7 allow",
        1.05,
        (batches(BATCHES.0, BATCHES.1, move || keep(mine.try_acquire())), CLOCK),
        (batches(BATCHES.0, BATCHES.1, move || keep(theirs.check())), GOVERNOR),
    );
    let day = governor::Quota::with_period(Duration::from_secs(24 * 60 * 60)).ok_or("no quota")?;
    let (mine, theirs) = (spent()?, governed(day));
    check("one is allowed", mine.try_acquire().is_ok() && theirs.check().is_ok())?;
    check("the second is not", mine.try_acquire().is_err() && theirs.check().is_err())?;
    let deny = cost(
        "M7 deny",
        1.05,
        (batches(BATCHES.0, BATCHES.1, move || keep(mine.try_acquire())), DENY),
        (batches(BATCHES.0, BATCHES.1, move || keep(theirs.check())), GOVERNOR),
    );
    let (mine, theirs) = (endless()?, governed(per_second(ENDLESS)?));
    let contended = speed(
        "M7 allow, 2 threads",
        1.0,
        (crowd(2, CROWD.0, CROWD.1, move || keep(mine.try_acquire())), CLOCK),
        (crowd(2, CROWD.0, CROWD.1, move || keep(theirs.check())), GOVERNOR),
    );
    Ok(vec![allow, deny, contended])
}

fn keyed() -> Result<Vec<Measure>, Failure> {
    let mine = || -> Result<_, Failure> {
        let quota = Quota::per_second(ENDLESS);
        let limit = KeyedRateLimit::<u64>::builder("bench").quota(quota).max_keys(100_000).build()?;
        check("every key is allowed", (0..KEYS).all(|key| limit.try_acquire(&key).is_ok()))?;
        Ok(limit)
    };
    let theirs = || -> Result<_, Failure> {
        let keys = DashMapStateStore::<u64>::default();
        let limit = RateLimiter::<_, _, _, NoOpMiddleware<std::time::Instant>>::new(
            per_second(ENDLESS)?,
            keys,
            MonotonicClock,
        );
        check("every key is allowed", (0..KEYS).all(|key| limit.check_key(&key).is_ok()))?;
        Ok(limit)
    };
    let (a, b, c, d) = (mine()?, theirs()?, mine()?, theirs()?);
    let (mut at, mut at_peer) = (0, 0);
    Ok(vec![
        cost(
            "M8 allow by key",
            1.1,
            (batches(BATCHES.0, BATCHES.1, move || keep(a.try_acquire(&turn(&mut at)))), KEYED),
            (batches(BATCHES.0, BATCHES.1, move || keep(b.check_key(&turn(&mut at_peer)))), GOVERNOR),
        ),
        speed(
            "M8 allow by key, 2 threads",
            1.0 / 1.1,
            (crowd(2, CROWD.0, CROWD.1, move || keep(c.try_acquire(&own_turn()))), KEYED),
            (crowd(2, CROWD.0, CROWD.1, move || keep(d.check_key(&own_turn()))), GOVERNOR),
        ),
    ])
}

/// How often tasks are woken that wait for their turn.
fn line() -> Result<Measure, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let wait = Duration::from_secs(60);
    let quota = Quota::per_second(1_000).burst(1);
    let limit = RateLimit::builder("bench").quota(quota).max_waiting(WAITERS).max_wait(wait).build()?;
    let ours = wake_ups(&runtime, move || {
        let limit = limit.clone();
        async move { limit.acquire().await.is_ok() }
    })?;
    let quota = governor::Quota::per_second(per(1_000)?).allow_burst(per(1)?);
    let limit = Arc::new(governed(quota));
    let peer = wake_ups(&runtime, move || {
        let limit = Arc::clone(&limit);
        async move {
            limit.until_ready().await;
            true
        }
    })?;
    Ok(Measure::Counted(Count {
        name: "M8 wake-ups of 200 waiters",
        unit: "wake-ups",
        ours,
        peer: Some((peer, GOVERNOR)),
        most: 2.0 * WAITERS as f64,
        held_equal: LINE,
    }))
}

fn wake_ups<F>(runtime: &Runtime, wait: impl Fn() -> F) -> Result<f64, Failure>
where
    F: Future<Output = bool> + Send + 'static,
{
    let polls = Arc::new(AtomicUsize::new(0));
    let waiter = |wait: F| {
        let polls = Arc::clone(&polls);
        async move {
            let mut wait = pin!(wait);
            poll_fn(|cx| {
                polls.fetch_add(1, Ordering::Relaxed);
                wait.as_mut().poll(cx)
            })
            .await
        }
    };
    let all = runtime.block_on(async {
        let waiting: Vec<_> = (0..WAITERS).map(|_| tokio::spawn(waiter(wait()))).collect();
        let mut all = 0;
        for one in waiting {
            all += usize::from(one.await.unwrap_or(false));
        }
        all
    });
    check("everyone has a permit", all == WAITERS)?;
    Ok(polls.load(Ordering::Relaxed) as f64 - WAITERS as f64)
}

fn governed(quota: governor::Quota) -> Direct {
    RateLimiter::direct_with_clock(quota, MonotonicClock)
}

fn per(permits: u32) -> Result<NonZeroU32, Failure> {
    Ok(NonZeroU32::new(permits).ok_or("no quota of nothing")?)
}

fn per_second(permits: u32) -> Result<governor::Quota, Failure> {
    Ok(governor::Quota::per_second(per(permits)?))
}

fn turn(at: &mut u64) -> u64 {
    *at = (*at + 1) % KEYS;
    *at
}

/// The next key of this thread. Two threads start far apart.
fn own_turn() -> u64 {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static AT: Cell<u64> = Cell::new(THREADS.fetch_add(1, Ordering::Relaxed) as u64 * KEYS / 2 % KEYS);
    }
    AT.with(|at| {
        let mut next = at.get();
        at.set(turn(&mut next));
        next
    })
}
