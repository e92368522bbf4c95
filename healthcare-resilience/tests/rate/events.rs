use crate::{SECOND, limit};
use healthcare_resilience::{
    Clock, KeyedRateLimit, Quota, RateLimit, RateLimitEvent, RejectReason, Rejection, WhenFull,
};
use std::time::Duration;
use tokio::sync::broadcast::error::TryRecvError;

fn refused(reason: RejectReason, retry_after: Option<Duration>) -> RateLimitEvent {
    RateLimitEvent::Refused { policy: "test", reason, retry_after }
}

#[test]
fn each_refusal_is_told_to_all_who_listen_and_nothing_else_is() {
    let (limit, _hand) = limit(Quota::per_second(1));
    limit.try_acquire().unwrap();
    limit.try_acquire().unwrap_err();
    let (mut one, mut two) = (limit.events(), limit.clone().events());
    limit.try_acquire().unwrap_err();
    limit.try_acquire_many(2).unwrap_err();
    for events in [&mut one, &mut two] {
        assert_eq!(events.try_recv(), Ok(refused(RejectReason::RateLimited, Some(SECOND))));
        assert_eq!(events.try_recv(), Ok(refused(RejectReason::RateLimited, None)));
        assert_eq!(events.try_recv(), Err(TryRecvError::Empty));
    }
    drop((one, two));
    limit.try_acquire().unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_no_refusal_until_it_ends_as_one() {
    let limit = RateLimit::builder("test").quota(Quota::per_second(1)).max_waiting(1).max_wait(SECOND);
    let limit = limit.build().unwrap();
    let mut events = limit.events();
    limit.acquire().await.unwrap();
    let waits = tokio::spawn({
        let limit = limit.clone();
        async move { limit.acquire().await }
    });
    tokio::task::yield_now().await;
    assert_eq!(events.try_recv(), Err(TryRecvError::Empty));
    limit.acquire().await.unwrap_err();
    assert_eq!(events.try_recv(), Ok(refused(RejectReason::RateLimited, Some(SECOND * 2))));
    waits.await.unwrap().unwrap();
    assert_eq!(events.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_slow_listener_loses_the_oldest_and_costs_nobody_anything() {
    let (limit, _hand) = limit(Quota::per_second(1));
    let mut events = limit.events();
    limit.try_acquire().unwrap();
    for _ in 0..100 {
        limit.try_acquire().unwrap_err();
    }
    assert_eq!(events.try_recv(), Err(TryRecvError::Lagged(68)));
    assert_eq!((0..100).take_while(|_| events.try_recv().is_ok()).count(), 32);
}

#[test]
fn a_limit_by_key_tells_why_and_not_whom() {
    let (clock, _hand) = Clock::manual();
    let limit = KeyedRateLimit::builder("test").quota(Quota::per_second(1)).max_keys(1).clock(clock);
    let limit = limit.when_full(WhenFull::Refuse).build().unwrap();
    let mut events = limit.events();
    limit.try_acquire(&"erika").unwrap();
    let refusals: Vec<Rejection> =
        ["erika", "max"].iter().map(|key| limit.try_acquire(key).unwrap_err()).collect();
    for refusal in refusals {
        assert_eq!(events.try_recv(), Ok(refused(refusal.reason(), refusal.retry_after())));
    }
    assert!(!format!("{events:?}").contains("erika"));
}
