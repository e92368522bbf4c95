use crate::{SECRET, builder, connect, fresh, reason, shared};
use healthcare_resilience::{
    AddressKey, Clock, Moment, Quota, RateConfigError, RateToken, RedisRateLimit, RejectReason, WhileAway,
    testing::{FaultyRedis, RedisServer},
};
use std::{net::IpAddr, time::Duration};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn the_burst_is_exact_and_the_numbers_are_told() {
    let limit = builder(Quota::per_hour(3), shared().await).build().unwrap();
    let key = fresh();
    let first = limit.acquire(&key).await.unwrap();
    assert_eq!((first.limit(), first.remaining(), first.reset()), (3, 2, HOUR / 3));
    limit.acquire_many(&key, 2).await.unwrap();
    let refused = limit.acquire(&key).await.unwrap_err();
    assert_eq!(refused.reason(), RejectReason::RateLimited);
    let wait = refused.retry_after().unwrap();
    assert!(wait > HOUR / 4 && wait <= HOUR / 3, "{wait:?}");
    limit.acquire(&fresh()).await.unwrap();
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn many_are_taken_at_once_or_not_at_all() {
    let limit = builder(Quota::per_hour(5), shared().await).build().unwrap();
    let key = fresh();
    limit.acquire_many(&key, 3).await.unwrap();
    assert_eq!(reason(limit.acquire_many(&key, 3).await), RejectReason::RateLimited);
    assert_eq!(limit.acquire_many(&key, 2).await.unwrap().remaining(), 0);
    let never = limit.acquire_many(&fresh(), 6).await.unwrap_err();
    assert_eq!((never.reason(), never.retry_after()), (RejectReason::RateLimited, None));
    limit.acquire_many(&key, 0).await.unwrap();
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn two_instances_share_a_key_and_two_limits_do_not() {
    let connection = shared().await;
    let instance = || builder(Quota::per_hour(2), connection.clone()).build().unwrap();
    let (one, two) = (instance(), instance());
    let other = RedisRateLimit::builder("other").quota(Quota::per_hour(2)).secret(SECRET);
    let other = other.connection(connection.clone()).time_out(Duration::from_secs(20)).build().unwrap();
    let key = fresh();
    one.acquire(&key).await.unwrap();
    two.acquire(&key).await.unwrap();
    one.acquire(&key).await.unwrap_err();
    assert_eq!(other.acquire(&key).await.unwrap().remaining(), 1);
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn the_clocks_of_the_instances_do_not_matter() {
    let connection = shared().await;
    let key = fresh();
    let mut admitted = 0;
    for hours in [24, 25, 23, 1_000_000, 0] {
        let (clock, hand) = Clock::manual();
        hand.set(Moment::START.after(HOUR * hours));
        let limit = builder(Quota::per_hour(3), connection.clone()).clock(clock).build().unwrap();
        for _ in 0..3 {
            admitted += usize::from(limit.acquire(&key).await.is_ok());
        }
    }
    assert_eq!(admitted, 3);
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn a_decision_is_one_round_trip_and_two_when_the_script_was_forgotten() {
    let server = RedisServer::start();
    let mut admin = connect(&server.url()).await;
    let connection = FaultyRedis::new(admin.clone());
    let limit = builder(Quota::per_hour(100), connection.clone()).build().unwrap();
    let key = fresh();
    limit.acquire(&key).await.unwrap();
    assert_eq!(connection.commands(), 2, "the server did not know the script");
    for _ in 0..10 {
        limit.acquire(&key).await.unwrap();
    }
    assert_eq!(connection.commands(), 10);
    redis::cmd("SCRIPT").arg("FLUSH").exec_async(&mut admin).await.unwrap();
    assert_eq!(limit.acquire(&key).await.unwrap().remaining(), 88, "charged once");
    assert_eq!(connection.commands(), 2);
    limit.acquire(&key).await.unwrap();
    assert_eq!(connection.commands(), 1);
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn a_decision_with_a_token_is_charged_once() {
    let limit = builder(Quota::per_hour(2), shared().await).build().unwrap();
    let (key, token) = (fresh(), RateToken::random());
    let first = limit.acquire_once(&key, 1, token).await.unwrap();
    for _ in 0..5 {
        assert_eq!(limit.acquire_once(&key, 1, token).await.unwrap(), first);
    }
    limit.acquire_once(&key, 1, RateToken::from(7)).await.unwrap();
    assert_eq!(reason(limit.acquire_once(&key, 1, RateToken::from(8)).await), RejectReason::RateLimited);
    // It was decided already, and so it stays.
    limit.acquire_once(&key, 1, token).await.unwrap();
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn an_answer_that_is_lost_is_asked_for_again_and_charged_once() {
    let connection = FaultyRedis::new(shared().await);
    let limit = builder(Quota::per_hour(10), connection.clone()).retry_lost(true).build().unwrap();
    let key = fresh();
    limit.acquire(&key).await.unwrap();
    connection.lose(1);
    assert_eq!(limit.acquire(&key).await.unwrap().remaining(), 8);
    assert_eq!(limit.acquire(&key).await.unwrap().remaining(), 7);
    // Lost twice is a failure; without the choice, once is.
    connection.lose(2);
    assert_eq!(reason(limit.acquire(&key).await), RejectReason::LimiterAway);
    let plain = builder(Quota::per_hour(10), connection.clone()).build().unwrap();
    connection.lose(1);
    assert_eq!(reason(plain.acquire(&fresh()).await), RejectReason::LimiterAway);
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn keys_hide_whom_they_limit_and_go_when_the_bucket_is_full() {
    let server = RedisServer::start();
    let mut admin = connect(&server.url()).await;
    let limit = builder(Quota::per_minute(60), admin.clone()).build().unwrap();
    let address: IpAddr = "192.0.2.1".parse().unwrap();
    limit.acquire("erika.mustermann").await.unwrap();
    limit.acquire(AddressKey::from(address)).await.unwrap();
    limit.acquire_once("erika.mustermann", 1, RateToken::from(1)).await.unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut admin).await.unwrap();
    assert_eq!(keys.len(), 3, "{keys:?}");
    for key in &keys {
        assert!(key.starts_with("rl:{") && !key.contains("erika") && !key.contains("192"), "{key}");
        let life: i64 = redis::cmd("PTTL").arg(key).query_async(&mut admin).await.unwrap();
        let longest = if key.contains("}:test:") { 60_000 } else { 3_000 };
        assert!(life > 0 && life <= longest, "{key} lives {life} ms");
    }
    // Without the secret the keys cannot be told.
    let other = RedisRateLimit::builder("test").quota(Quota::per_minute(60)).secret(b"another secret of 16");
    let other = other.connection(admin.clone()).time_out(Duration::from_secs(20)).build().unwrap();
    other.acquire("erika.mustermann").await.unwrap();
    let more: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut admin).await.unwrap();
    assert_eq!(more.len(), 4);
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn permits_come_back_by_the_servers_clock_and_then_the_key_goes() {
    let server = RedisServer::start();
    let mut admin = connect(&server.url()).await;
    // This clock stands still.
    let (clock, _hand) = Clock::manual();
    let limit = builder(Quota::per_second(100).burst(2), admin.clone()).clock(clock).build().unwrap();
    limit.acquire_many("k", 2).await.unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while limit.acquire_many("k", 2).await.is_err() {
        assert!(tokio::time::Instant::now() < deadline, "nothing comes back");
    }
    while redis::cmd("DBSIZE").query_async::<u64>(&mut admin).await.unwrap() > 0 {
        assert!(tokio::time::Instant::now() < deadline, "the key stays");
    }
    assert_eq!(limit.acquire("k").await.unwrap().remaining(), 1);
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn a_key_that_is_gone_is_a_full_bucket() {
    let server = RedisServer::start();
    let mut admin = connect(&server.url()).await;
    let limit = builder(Quota::per_hour(2), admin.clone()).build().unwrap();
    limit.acquire_many("k", 2).await.unwrap();
    limit.acquire("k").await.unwrap_err();
    redis::cmd("FLUSHALL").exec_async(&mut admin).await.unwrap();
    assert_eq!(limit.acquire("k").await.unwrap().remaining(), 1);
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn a_servers_clock_that_stepped_back_costs_one_interval() {
    let server = RedisServer::start();
    let mut admin = connect(&server.url()).await;
    let limit = builder(Quota::per_minute(60), admin.clone()).build().unwrap();
    limit.acquire("k").await.unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut admin).await.unwrap();
    let (seconds, _): (u64, u64) = redis::cmd("TIME").query_async(&mut admin).await.unwrap();
    // As if written by a server whose clock is two hours ahead.
    let ahead = (seconds + 7200) * 1_000_000;
    redis::cmd("SET").arg(&keys[0]).arg(ahead).exec_async(&mut admin).await.unwrap();
    let refused = limit.acquire("k").await.unwrap_err();
    assert!(refused.retry_after().unwrap() <= Duration::from_secs(1), "{refused}");
    let settled: u64 = redis::cmd("GET").arg(&keys[0]).query_async(&mut admin).await.unwrap();
    assert!(settled < ahead - 7_000_000_000, "written down: {settled}");
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn in_a_cluster_the_keys_of_a_decision_lie_in_one_slot() {
    let server = RedisServer::with(&["--cluster-enabled", "yes"]);
    let mut admin = connect(&server.url()).await;
    redis::cmd("CLUSTER").arg("ADDSLOTSRANGE").arg(0).arg(16_383).exec_async(&mut admin).await.unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        let info: String = redis::cmd("CLUSTER").arg("INFO").query_async(&mut admin).await.unwrap();
        if info.contains("cluster_state:ok") {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{info}");
        tokio::task::yield_now().await;
    }
    let limit = builder(Quota::per_hour(100), admin).consecutive(1).build().unwrap();
    for number in 0..20 {
        limit.acquire_once(fresh(), 1, RateToken::from(number)).await.unwrap();
    }
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn what_cannot_work_is_refused_when_built() {
    let connection = shared().await;
    let good = || builder(Quota::per_second(10), connection.clone());
    let bad = |builder: healthcare_resilience::RedisRateLimitBuilder| builder.build().unwrap_err();
    good().build().unwrap();
    assert_eq!(RedisRateLimit::builder("x").secret(SECRET).build().unwrap_err(), RateConfigError::NoQuota);
    assert!(matches!(bad(good().secret(b"short")), RateConfigError::SecretTooShort { .. }));
    let nowhere = RedisRateLimit::builder("x").quota(Quota::per_second(1)).secret(SECRET).build();
    assert_eq!(nowhere.unwrap_err(), RateConfigError::NoConnection);
    assert!(matches!(bad(good().quota(Quota::per_second(1_000_001))), RateConfigError::TooFast { .. }));
    assert!(matches!(bad(good().time_out(Duration::ZERO)), RateConfigError::Time { what: "time_out", .. }));
    assert!(matches!(bad(good().away_for(HOUR)), RateConfigError::Time { what: "away_for", .. }));
    assert!(matches!(bad(good().consecutive(0)), RateConfigError::Number { what: "consecutive", .. }));
    assert!(matches!(bad(good().lease(11)), RateConfigError::Number { what: "lease", .. }));
    assert!(matches!(bad(good().max_keys(0)), RateConfigError::MaxKeys { .. }));
    let shares = |instances| good().while_away(WhileAway::LocalShare { instances });
    assert!(matches!(bad(shares(11)), RateConfigError::ShareZero { .. }));
    assert!(matches!(bad(shares(0)), RateConfigError::ShareZero { .. }));
    shares(10).build().unwrap();
}
