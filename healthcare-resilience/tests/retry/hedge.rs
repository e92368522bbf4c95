//! T7, the part of hedges.

use crate::{Counter, Fault, SECOND, flaky, plain};
use healthcare_resilience::{
    CallError, Class, Deadline, Effect, Hedge, HedgeBuilder, HedgeConfigError, HedgeCounts, HedgeDelay,
    HedgeEvent, RejectReason, RetryBudget,
};
use std::{future::ready, time::Duration};
use tokio::time::{Instant, sleep};

const MILLI: Duration = Duration::from_millis(1);

fn after(delay: impl Into<HedgeDelay>) -> HedgeBuilder {
    let budget = RetryBudget::builder("b").ratio(10.0).floor_per_second(0).build().unwrap();
    Hedge::builder("test").after(delay).budget(budget)
}

/// Each try takes the next of `times` in milliseconds and answers with its number; negative ones fail.
fn timed(times: &'static [i64]) -> (Counter, Counter, impl FnMut() -> BoxedTry) {
    let (tries, live) = (Counter::default(), Counter::default());
    let (made, held) = (tries.clone(), live.clone());
    (tries, live, move || {
        let tried = made.add();
        let time = times[tried as usize - 1];
        let live = held.live();
        Box::pin(async move {
            let _live = live;
            sleep(MILLI * time.unsigned_abs() as u32).await;
            if time < 0 { Err(Fault::Down) } else { Ok(tried) }
        })
    })
}

type BoxedTry = std::pin::Pin<Box<dyn Future<Output = Result<u32, Fault>> + Send>>;

/// What a call gives, how many tries it made, and how long it took.
async fn race(hedge: &Hedge, times: &'static [i64]) -> (Result<u32, Fault>, u32, u128) {
    let (tries, live, op) = timed(times);
    let begun = Instant::now();
    let mut call = Box::pin(hedge.call(Effect::Read, op));
    let result = call.as_mut().await.map_err(|error| error.into_inner().unwrap());
    // The call is still held; its tries are not.
    assert_eq!(live.get(), 0, "losers are dropped before the winner is handed out");
    drop(call);
    let counts = hedge.counts();
    assert_eq!(
        counts.first + counts.extra,
        counts.won_first + counts.won_extra + counts.failed + counts.lost + counts.cancelled,
        "{counts:?}"
    );
    (result, tries.get(), begun.elapsed().as_millis())
}

#[tokio::test(start_paused = true)]
async fn an_answer_before_the_delay_is_not_hedged() {
    let hedge = after(MILLI * 100).build().unwrap();
    assert_eq!(race(&hedge, &[99]).await, (Ok(1), 1, 99));
    assert_eq!(race(&hedge, &[-5]).await, (Err(Fault::Down), 1, 5), "nor is a failure");
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_is_sent_again_and_the_first_answer_wins() {
    let hedge = after(MILLI * 100).build().unwrap();
    let mut events = hedge.events();
    assert_eq!(race(&hedge, &[500, 50]).await, (Ok(2), 2, 150));
    assert_eq!(race(&hedge, &[120, 50]).await, (Ok(1), 2, 120));
    let counts = hedge.counts();
    assert_eq!((counts.won_extra, counts.won_first, counts.lost), (1, 1, 2));
    let policy = "test";
    for expected in [
        HedgeEvent::Sent { policy, extra: 1 },
        HedgeEvent::Won { policy },
        HedgeEvent::Sent { policy, extra: 1 },
    ] {
        assert_eq!(events.try_recv(), Ok(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn as_many_are_sent_as_may_be_one_delay_apart() {
    let hedge = after(MILLI * 10).max_extra(3).build().unwrap();
    assert_eq!(race(&hedge, &[1_000, 1_000, 1_000, 5]).await, (Ok(4), 4, 35));
    assert_eq!(race(&hedge, &[100, 1_000, 1_000, 1_000]).await, (Ok(1), 4, 100));
}

#[tokio::test(start_paused = true)]
async fn a_delay_of_zero_sends_all_at_once() {
    let hedge = after(Duration::ZERO).max_extra(2).build().unwrap();
    let (_, tries, took) = race(&hedge, &[100, 90, 80]).await;
    assert_eq!(tries, 3);
    assert!((80..83).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn a_very_long_delay_sends_nothing() {
    let hedge = after(Duration::MAX).build().unwrap();
    assert_eq!(race(&hedge, &[100_000]).await, (Ok(1), 1, 100_000));
}

#[tokio::test(start_paused = true)]
async fn a_try_that_fails_leaves_the_race_to_the_others_and_no_more_are_sent() {
    let hedge = after(MILLI * 100).max_extra(2).build().unwrap();
    // The first fails while the second runs; the second fails while the first runs.
    assert_eq!(race(&hedge, &[-150, 200]).await, (Ok(2), 2, 300));
    assert_eq!(race(&hedge, &[400, -20]).await, (Ok(1), 2, 400));
    // All fail: the last to fail is handed out.
    assert_eq!(race(&hedge, &[-150, -200]).await, (Err(Fault::Down), 2, 300));
    assert_eq!(race(&hedge, &[-400, -20]).await, (Err(Fault::Down), 2, 400));
    let counts = hedge.counts();
    assert_eq!((counts.failed, counts.lost), (6, 0));
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_would_not_pass_is_an_answer() {
    let hedge = after(MILLI * 100).build().unwrap();
    let judge = |result: Result<&u32, &Fault>| match result {
        Ok(_) => Class::Success,
        Err(_) => Class::Permanent,
    };
    let (tries, live, op) = timed(&[500, -20]);
    let begun = Instant::now();
    let result = hedge.call_with(judge, Effect::Read, op).await;
    assert_eq!((result, tries.get(), live.get()), (Err(CallError::Inner(Fault::Down)), 2, 0));
    assert_eq!(begun.elapsed(), MILLI * 120);
}

#[tokio::test(start_paused = true)]
async fn a_plain_write_is_never_sent_twice() {
    let hedge = after(MILLI).build().unwrap();
    for (effect, sent) in [(Effect::Write, 1), (Effect::Idempotent, 2), (Effect::Read, 2)] {
        let (tries, _, op) = timed(&[500, 500]);
        hedge.call(effect, op).await.unwrap();
        assert_eq!(tries.get(), sent, "{effect:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_exhausted_budget_leaves_running_tries_alone() {
    let budget = RetryBudget::builder("b").ratio(0.5).floor_per_second(0).build().unwrap();
    let hedge = after(MILLI * 10).max_extra(2).budget(budget.clone()).build().unwrap();
    let mut events = hedge.events();
    // Half a token: no further try, and the first one answers.
    assert_eq!(race(&hedge, &[100]).await, (Ok(1), 1, 100));
    assert_eq!(events.try_recv(), Ok(HedgeEvent::Unpaid { policy: "test" }));
    // A whole one: one further try, which wins although the next is refused.
    assert_eq!(race(&hedge, &[500, 60]).await, (Ok(2), 2, 70));
    let HedgeCounts { first, extra, won_first, won_extra, lost, failed, unpaid, .. } = hedge.counts();
    assert_eq!((first, extra, won_first, won_extra, lost, failed, unpaid), (2, 1, 1, 1, 1, 0, 2));
    assert_eq!(budget.balance(), 0);
}

#[tokio::test(start_paused = true)]
async fn retries_and_hedges_share_one_budget() {
    let budget = RetryBudget::builder("b").ratio(0.5).floor_per_second(0).build().unwrap();
    let retry = plain(3).budget(budget.clone()).build().unwrap();
    let hedge = after(MILLI * 10).budget(budget.clone()).build().unwrap();
    let tries = Counter::default();
    for _ in 0..20 {
        let call = retry.call(Effect::Read, || async {
            let mut op = || {
                tries.add();
                async {
                    sleep(MILLI * 30).await;
                    Err::<(), _>(Fault::Down)
                }
            };
            hedge.call(Effect::Read, &mut op).await
        });
        call.await.unwrap_err();
    }
    assert_eq!(tries.get(), 20 + 10, "a call through both deposits once");
}

#[tokio::test(start_paused = true)]
async fn no_further_try_after_the_deadline() {
    let hedge = after(MILLI * 10).build().unwrap();
    let (tries, _, op) = timed(&[50, 50]);
    let result = Deadline::within(MILLI * 10).scope(hedge.call(Effect::Read, op)).await;
    assert_eq!((result, tries.get(), hedge.counts().unpaid), (Ok(1), 1, 0));
    let (tries, op) = flaky(0);
    let over = Deadline::within(Duration::ZERO).scope(hedge.call(Effect::Read, op)).await;
    let reason = over.unwrap_err().rejection().map(|rejection| rejection.reason());
    assert_eq!((reason, tries.get()), (Some(RejectReason::DeadlineOver), 0));
}

#[tokio::test(start_paused = true)]
async fn every_try_sees_the_tasks_deadline() {
    let hedge = after(MILLI * 10).build().unwrap();
    let seen = std::sync::Mutex::new(Vec::new());
    let call = hedge.call(Effect::Read, || {
        seen.lock().unwrap().push(Deadline::current());
        async {
            sleep(MILLI * 30).await;
            seen.lock().unwrap().push(Deadline::current());
            Ok::<_, Fault>(())
        }
    });
    let deadline = Deadline::within(SECOND);
    deadline.scope(call).await.unwrap();
    assert_eq!(seen.into_inner().unwrap(), [Some(deadline); 3]);
}

#[tokio::test(start_paused = true)]
async fn a_measured_delay_waits_for_a_hundred_calls_and_then_follows_them() {
    let hedge = after(HedgeDelay::quantile(0.9)).build().unwrap();
    let mut random = fastrand::Rng::with_seed(3);
    for call in 0..1_000 {
        assert_eq!(hedge.delay().is_some(), call >= 100, "after {call} calls");
        let time = MILLI * random.u32(10..110);
        let answer = hedge.call(Effect::Write, || async move {
            sleep(time).await;
            Ok::<_, Fault>(())
        });
        answer.await.unwrap();
    }
    // Nine of ten calls take less than 100 ms; a sixteenth is the measure's step.
    let delay = hedge.delay().unwrap();
    assert!((MILLI * 92..MILLI * 112).contains(&delay), "{delay:?}");
    assert_eq!(race(&hedge, &[500, 5]).await.1, 2);
}

#[tokio::test(start_paused = true)]
async fn a_first_try_that_lost_counts_as_slower_than_it_was() {
    // Half of the calls are slow. Nine tenths of the winners take 20 ms, and yet a tenth of the calls take longer.
    let hedge = after(HedgeDelay::quantile(0.9).until_known(MILLI * 50)).build().unwrap();
    for call in 0..400 {
        let tries = Counter::default();
        let op = || {
            let slow = call % 2 == 0 && tries.add() == 1;
            async move {
                sleep(if slow { SECOND } else { MILLI * 20 }).await;
                Ok::<_, Fault>(())
            }
        };
        hedge.call(Effect::Read, op).await.unwrap();
    }
    assert!(hedge.delay().is_some_and(|delay| delay >= MILLI * 70), "{:?}", hedge.delay());
}

#[tokio::test(start_paused = true)]
async fn a_measured_delay_can_be_bounded_and_begun_with() {
    let delay = HedgeDelay::quantile(0.5).between(MILLI * 10, MILLI * 20).until_known(MILLI * 7);
    let hedge = after(delay).build().unwrap();
    assert_eq!(hedge.delay(), Some(MILLI * 7));
    for (time, bounded) in [(MILLI, MILLI * 10), (SECOND, MILLI * 20)] {
        for _ in 0..1_500 {
            let call = hedge.call(Effect::Write, || async move {
                sleep(time).await;
                Ok::<_, Fault>(())
            });
            call.await.unwrap();
        }
        assert_eq!(hedge.delay(), Some(bounded));
    }
}

#[test]
fn what_makes_no_sense_is_refused_when_it_is_built() {
    assert_eq!(Hedge::builder("x").build().unwrap_err(), HedgeConfigError::NoDelay);
    for extra in [0, 11] {
        assert_eq!(after(SECOND).max_extra(extra).build().unwrap_err(), HedgeConfigError::Extra { max: 10 });
    }
    for quantile in [f64::NAN, 0.0, 1.0, -1.0, f64::INFINITY] {
        let built = after(HedgeDelay::quantile(quantile)).build();
        assert_eq!(built.unwrap_err(), HedgeConfigError::Quantile, "{quantile}");
    }
    let crossed = HedgeDelay::quantile(0.9).between(SECOND, MILLI);
    assert!(matches!(after(crossed).build(), Err(HedgeConfigError::Bounds { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_hedge_has_a_budget_of_its_own() {
    let hedge = Hedge::builder("x").after(MILLI).build().unwrap();
    let tries = Counter::default();
    for _ in 0..100 {
        let op = || {
            tries.add();
            async {
                sleep(MILLI * 2).await;
                Ok::<_, Fault>(())
            }
        };
        hedge.call(Effect::Read, op).await.unwrap();
    }
    assert!((120..=131).contains(&tries.get()), "{}", tries.get());
    fn shared<T: Send + Sync + Clone + std::fmt::Debug>(_: &T) {}
    shared(&hedge);
    fn send<T: Send>(_: T) {}
    send(hedge.call(Effect::Read, || ready(Ok::<(), Fault>(()))));
}

#[tokio::test(start_paused = true)]
async fn work_that_uses_up_its_tasks_budget_is_hedged_too() {
    let hedge = Hedge::builder("greedy").after(Duration::from_millis(50)).build().unwrap();
    let tries = std::cell::Cell::new(0);
    let greedy = || {
        tries.set(tries.get() + 1);
        crate::greedy()
    };
    hedge.call(Effect::Read, greedy).await.unwrap();
    assert_eq!(tries.get(), 2);
}
