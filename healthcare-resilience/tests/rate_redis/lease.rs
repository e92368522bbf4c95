use crate::{builder, fresh, reason, shared};
use futures_util::future::join_all;
use healthcare_resilience::{Clock, Quota, RateToken, RejectReason, testing::FaultyRedis};
use std::time::Duration;

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn a_lease_is_spent_without_asking() {
    let connection = FaultyRedis::new(shared().await);
    let limit = builder(Quota::per_hour(100), connection.clone()).lease(10).build().unwrap();
    let key = fresh();
    limit.acquire(&key).await.unwrap();
    connection.commands();
    for _ in 0..9 {
        limit.acquire(&key).await.unwrap();
    }
    assert_eq!(connection.commands(), 0);
    limit.acquire(&key).await.unwrap();
    assert_eq!(connection.commands(), 1);
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn leases_give_out_the_burst_and_not_one_more() {
    let connection = shared().await;
    let key = fresh();
    let instances: Vec<_> =
        (0..3).map(|_| builder(Quota::per_hour(25), connection.clone()).lease(10).build().unwrap()).collect();
    let mut admitted = 0;
    for _ in 0..50 {
        for instance in &instances {
            admitted += usize::from(instance.acquire(&key).await.is_ok());
        }
    }
    // The last lease is smaller: what is left and no more.
    assert_eq!(admitted, 25);
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn callers_at_once_fetch_one_lease_and_not_one_each() {
    let connection = FaultyRedis::new(shared().await);
    let limit = builder(Quota::per_hour(1000), connection.clone()).lease(10).build().unwrap();
    let key = fresh();
    limit.acquire(&key).await.unwrap();
    connection.commands();
    let all = join_all((0..99).map(|_| limit.acquire(&key))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(connection.commands(), 9);
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn a_flood_of_one_key_is_refused_here() {
    let connection = FaultyRedis::new(shared().await);
    let limit = builder(Quota::per_hour(10), connection.clone()).lease(10).build().unwrap();
    let key = fresh();
    limit.acquire_many(&key, 10).await.unwrap();
    limit.acquire(&key).await.unwrap_err();
    connection.commands();
    for _ in 0..100 {
        assert_eq!(reason(limit.acquire(&key).await), RejectReason::RateLimited);
    }
    assert_eq!(connection.commands(), 0);
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn what_was_not_used_in_time_is_given_up() {
    let connection = FaultyRedis::new(shared().await);
    let (clock, hand) = Clock::manual();
    let limit = builder(Quota::per_hour(100), connection.clone()).lease(10).clock(clock).build().unwrap();
    let key = fresh();
    limit.acquire(&key).await.unwrap();
    hand.advance(Duration::from_secs(359));
    connection.commands();
    limit.acquire(&key).await.unwrap();
    assert_eq!(connection.commands(), 0);
    // Ten permits come back in 360 seconds.
    hand.advance(Duration::from_secs(1));
    limit.acquire(&key).await.unwrap();
    assert_eq!(connection.commands(), 1);
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn a_lease_never_lies_here_twice() {
    let limit = builder(Quota::per_hour(100), shared().await).lease(10).build().unwrap();
    let key = fresh();
    // Nine lie here; ten are asked for at once, so ten more are fetched, and nine of the nineteen are given up.
    limit.acquire(&key).await.unwrap();
    limit.acquire_many(&key, 10).await.unwrap();
    let exact = builder(Quota::per_hour(100), shared().await).build().unwrap();
    assert_eq!(exact.acquire_many(&key, 1).await.unwrap().remaining(), 79);
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn a_decision_with_a_token_passes_the_lease() {
    let connection = FaultyRedis::new(shared().await);
    let limit = builder(Quota::per_hour(100), connection.clone()).lease(10).build().unwrap();
    let key = fresh();
    limit.acquire(&key).await.unwrap();
    connection.commands();
    limit.acquire_once(&key, 1, RateToken::from(1)).await.unwrap();
    assert_eq!(connection.commands(), 1);
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn keys_beyond_the_memory_are_asked_for_one_by_one() {
    let connection = FaultyRedis::new(shared().await);
    let limit = builder(Quota::per_hour(100), connection.clone()).lease(10).max_keys(5).build().unwrap();
    let keys: Vec<String> = (0..50).map(|_| fresh()).collect();
    for key in &keys {
        limit.acquire(key).await.unwrap();
        assert!(limit.keys() <= 5);
    }
    // The last key has no lease: its permits are charged one by one.
    assert_eq!(limit.acquire(&keys[49]).await.unwrap().remaining(), 98);
}
