use crate::{Answer, Laboratory, Trouble, breaker, budget, bulkhead, counter, hedge, ms, retry};
use healthcare_resilience::{BreakerState, CallError, Hedge, Stack, StackBuilder};

const CLOSED: Answer = Err(Trouble::Closed);

fn stack() -> StackBuilder {
    Stack::builder("laboratory")
}

#[tokio::test(start_paused = true)]
async fn every_slow_try_of_a_retry_is_hedged() {
    let laboratory = Laboratory::new(&[(ms(20), CLOSED)]);
    let stack = stack().retry(retry(3)).hedge(plenty(ms(10), 1)).build().unwrap();
    assert_eq!(stack.read(|| laboratory.call()).await, Err(CallError::Inner(Trouble::Closed)));
    assert_eq!(laboratory.made(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_try_that_fails_before_the_delay_is_not_hedged() {
    let laboratory = Laboratory::answering(&[CLOSED]);
    let stack = stack().retry(retry(3)).hedge(plenty(ms(1000), 1)).build().unwrap();
    assert_eq!(stack.read(|| laboratory.call()).await, Err(CallError::Inner(Trouble::Closed)));
    assert_eq!(laboratory.made(), 3);
}

#[tokio::test(start_paused = true)]
async fn each_try_of_a_race_has_its_own_time_out() {
    let (breaker, laboratory) = (breaker(3), Laboratory::new(&[(ms(900), Ok(1))]));
    let hedged = stack().hedge(plenty(ms(10), 2)).breaker(breaker.clone()).time_out(ms(100));
    let answer = hedged.build().unwrap().read(|| laboratory.call()).await;
    assert!(matches!(answer, Err(CallError::Elapsed(at)) if at.limit() == ms(100)));
    assert_eq!((laboratory.made(), laboratory.live()), (3, 0));
    assert_eq!(breaker.state(), BreakerState::Open, "three time-outs in a row");
}

#[tokio::test(start_paused = true)]
async fn the_loser_is_dropped_before_the_winner_returns_and_nothing_is_recorded_for_it() {
    let (counter, bulkhead) = (counter(), bulkhead(2, 0));
    let laboratory = Laboratory::new(&[(ms(900), Ok(1)), (ms(5), Ok(2))]);
    let stack =
        stack().hedge(hedge(ms(30))).bulkhead(bulkhead.clone()).breaker(counter.clone()).build().unwrap();
    assert_eq!(stack.read(|| laboratory.call()).await, Ok(2));
    assert_eq!((laboratory.made(), laboratory.live(), bulkhead.in_flight()), (2, 0, 0));
    assert_eq!(counter.snapshot().calls, 1);
}

#[tokio::test(start_paused = true)]
async fn a_hedge_that_finds_no_place_does_not_touch_the_first_try() {
    let laboratory = Laboratory::new(&[(ms(100), Ok(1))]);
    let stack = stack().hedge(hedge(ms(30))).bulkhead(bulkhead(1, 0)).build().unwrap();
    assert_eq!(stack.read(|| laboratory.call()).await, Ok(1));
    assert_eq!((laboratory.made(), laboratory.peak()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_empty_budget_does_not_touch_the_first_try() {
    let budget = budget();
    let hedge = Hedge::builder("laboratory").after(ms(10)).max_extra(5).budget(budget).build().unwrap();
    let laboratory = Laboratory::new(&[(ms(200), Ok(1))]);
    let stack = stack().hedge(hedge).build().unwrap();
    assert_eq!(stack.read(|| laboratory.call()).await, Ok(1));
    // The call's own token paid for one further try.
    assert_eq!(laboratory.made(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_time_limit_ends_all_tries_of_a_race() {
    let laboratory = Laboratory::new(&[(ms(900), Ok(1))]);
    let stack = stack().deadline(ms(100)).hedge(plenty(ms(10), 2)).build().unwrap();
    let begun = tokio::time::Instant::now();
    let answer = stack.read(|| laboratory.call()).await;
    assert!(matches!(answer, Err(CallError::Elapsed(at)) if at.limit() == ms(100)));
    assert_eq!((laboratory.made(), laboratory.live(), begun.elapsed()), (3, 0, ms(100)));
}

#[tokio::test(start_paused = true)]
async fn a_call_cancelled_before_the_delay_sends_no_hedge() {
    let laboratory = Laboratory::new(&[(ms(900), Ok(1))]);
    let stack = stack().hedge(hedge(ms(100))).build().unwrap();
    assert!(tokio::time::timeout(ms(50), stack.read(|| laboratory.call())).await.is_err());
    tokio::time::advance(ms(500)).await;
    assert_eq!((laboratory.made(), laboratory.live()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_call_cancelled_during_the_race_drops_every_try() {
    let laboratory = Laboratory::new(&[(ms(900), Ok(1))]);
    let stack = stack().hedge(plenty(ms(10), 2)).build().unwrap();
    assert!(tokio::time::timeout(ms(50), stack.read(|| laboratory.call())).await.is_err());
    assert_eq!((laboratory.made(), laboratory.live()), (3, 0));
}

/// With a floor that pays for everything here.
fn plenty(after: std::time::Duration, max_extra: u32) -> Hedge {
    let budget = healthcare_resilience::RetryBudget::builder("laboratory").ratio(10.0).floor_per_second(100);
    Hedge::builder("laboratory")
        .after(after)
        .max_extra(max_extra)
        .budget(budget.build().unwrap())
        .build()
        .unwrap()
}
