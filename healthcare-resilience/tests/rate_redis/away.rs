use crate::{SECRET, builder, connect, fresh, reason};
use healthcare_resilience::{
    Clock, ClockHand, Component, Condition, Deadline, Quota, RateLimitEvent, RedisRateLimit,
    RedisRateLimitBuilder, RejectReason, WhileAway,
    testing::{FaultyRedis, RedisServer},
};
use redis::aio::MultiplexedConnection;
use std::{
    future::Future as _,
    pin::pin,
    task::{Context, Waker},
    time::Duration,
};
use tokio::sync::broadcast::error::TryRecvError;

const SHORT: Duration = Duration::from_millis(50);
const PAUSE: Duration = Duration::from_secs(1);

/// A limit whose pauses pass when the hand moves, and whose time-out is short.
async fn set_up(
    server: &RedisServer,
    quota: Quota,
) -> (RedisRateLimitBuilder, FaultyRedis<MultiplexedConnection>, ClockHand) {
    let connection = FaultyRedis::new(connect(&server.url()).await);
    let (clock, hand) = Clock::manual();
    let builder =
        builder(quota, connection.clone()).time_out(SHORT).away_for(PAUSE).consecutive(3).clock(clock);
    (builder, connection, hand)
}

/// Asks until the server counts as away, and says how often the caller was told so.
async fn fail(limit: &RedisRateLimit) {
    for _ in 0..3 {
        assert_eq!(reason(limit.acquire(fresh()).await), RejectReason::LimiterAway);
    }
    assert!(limit.is_away());
}

/// A busy machine can be late: tries until the server is back.
async fn come_back(limit: &RedisRateLimit, hand: &ClockHand) {
    for _ in 0..100 {
        hand.advance(PAUSE);
        if limit.acquire(fresh()).await.is_ok() && !limit.is_away() {
            return;
        }
    }
    panic!("the server does not come back");
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn a_silent_server_costs_a_few_time_outs_and_then_one_in_each_pause() {
    let server = RedisServer::start();
    let (builder, connection, hand) = set_up(&server, Quota::per_hour(1000)).await;
    let limit = builder.build().unwrap();
    let mut events = limit.events();
    come_back(&limit, &hand).await;
    connection.commands();
    let condition = Component::condition(&limit);
    assert_eq!((limit.kind(), condition), ("redis_rate_limit", Condition::up("near").reading("keys", 0.0)));
    server.stall();
    fail(&limit).await;
    assert_eq!(limit.condition(), Condition::degraded("away").reading("keys", 0.0));
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        told.push(event);
    }
    let refused = RateLimitEvent::Refused {
        policy: "test",
        reason: RejectReason::LimiterAway,
        retry_after: Some(PAUSE),
    };
    assert_eq!(told, [refused, refused, RateLimitEvent::WentAway { policy: "test" }, refused]);
    assert_eq!(connection.commands(), 3);
    for _ in 0..1000 {
        let refused = limit.acquire(fresh()).await.unwrap_err();
        assert_eq!((refused.reason(), refused.retry_after()), (RejectReason::LimiterAway, Some(PAUSE)));
    }
    assert_eq!(connection.commands(), 0, "nobody asks within the pause");
    hand.advance(PAUSE);
    for _ in 0..10 {
        limit.acquire(fresh()).await.unwrap_err();
    }
    assert_eq!(connection.commands(), 1, "one asks in each");
    server.go_on();
    come_back(&limit, &hand).await;
    let mut told = Vec::new();
    loop {
        match events.try_recv() {
            Ok(event) => told.push(event),
            Err(TryRecvError::Lagged(_)) => {}
            Err(_) => break,
        }
    }
    assert_eq!(told.last(), Some(&RateLimitEvent::CameBack { policy: "test" }));
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn one_slow_answer_is_not_yet_away() {
    let server = RedisServer::start();
    let (builder, _, hand) = set_up(&server, Quota::per_hour(1000)).await;
    let limit = builder.build().unwrap();
    come_back(&limit, &hand).await;
    server.stall();
    for _ in 0..2 {
        assert_eq!(reason(limit.acquire(fresh()).await), RejectReason::LimiterAway);
    }
    assert!(!limit.is_away());
    server.go_on();
    come_back(&limit, &hand).await;
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn the_share_of_an_instance_is_all_it_gives_out_alone() {
    let server = RedisServer::start();
    let (builder, _, hand) = set_up(&server, Quota::per_minute(60).burst(40)).await;
    let limit = builder.while_away(WhileAway::LocalShare { instances: 4 }).build().unwrap();
    server.stall();
    for _ in 0..3 {
        // Decided here from the first failure on.
        limit.acquire(fresh()).await.unwrap();
    }
    assert!(limit.is_away());
    let key = fresh();
    let mut admitted = 0;
    for _ in 0..100 {
        admitted += usize::from(limit.acquire(&key).await.is_ok());
    }
    assert_eq!(admitted, 10, "a quarter of the burst");
    // A quarter of the rate: one in four seconds. The probe in each pause is decided here, too.
    hand.advance(Duration::from_secs(8));
    for _ in 0..100 {
        admitted += usize::from(limit.acquire(&key).await.is_ok());
    }
    assert_eq!(admitted, 12);
    assert_eq!(reason(limit.acquire_many(&key, 11).await), RejectReason::RateLimited);
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn losing_the_server_is_no_new_burst() {
    let server = RedisServer::start();
    let (builder, _, hand) = set_up(&server, Quota::per_hour(40)).await;
    let limit =
        builder.while_away(WhileAway::LocalShare { instances: 4 }).time_out(PAUSE * 20).build().unwrap();
    let key = fresh();
    for _ in 0..7 {
        limit.acquire(&key).await.unwrap();
    }
    drop(server);
    let mut admitted = 0;
    for _ in 0..50 {
        admitted += usize::from(limit.acquire(&key).await.is_ok());
    }
    assert_eq!(admitted, 3, "seven of its ten were spent before");
    hand.advance(Duration::ZERO);
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn open_lets_everything_through_only_while_away() {
    let server = RedisServer::start();
    let (builder, _, hand) = set_up(&server, Quota::per_hour(1)).await;
    let limit = builder.while_away(WhileAway::Open).build().unwrap();
    server.stall();
    let key = fresh();
    for _ in 0..100 {
        limit.acquire(&key).await.unwrap();
    }
    assert!(limit.is_away());
    server.go_on();
    for _ in 0..100 {
        hand.advance(PAUSE);
        if limit.acquire(&key).await.is_err() {
            assert!(!limit.is_away());
            return;
        }
    }
    panic!("the limit does not hold again");
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn a_killed_server_is_missed_and_found_again() {
    let mut server = RedisServer::start();
    let pool = deadpool_redis::Config::from_url(server.url())
        .create_pool(Some(deadpool_redis::Runtime::Tokio1))
        .unwrap();
    let (clock, hand) = Clock::manual();
    let limit = RedisRateLimit::builder("test").quota(Quota::per_hour(2)).secret(SECRET).pool(pool);
    let limit = limit.time_out(PAUSE * 20).away_for(PAUSE).clock(clock).build().unwrap();
    let key = fresh();
    limit.acquire_many(&key, 2).await.unwrap();
    assert_eq!(reason(limit.acquire(&key).await), RejectReason::RateLimited);
    server.kill();
    fail(&limit).await;
    server.restart();
    assert_eq!(reason(limit.acquire(&key).await), RejectReason::LimiterAway, "the pause is not over");
    come_back(&limit, &hand).await;
    // The server forgot all, and the limit holds from there.
    limit.acquire_many(&key, 2).await.unwrap();
    assert_eq!(reason(limit.acquire(&key).await), RejectReason::RateLimited);
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn a_caller_in_a_hurry_says_nothing_of_the_server_and_is_not_let_in() {
    for lease in [1, 5] {
        let server = RedisServer::start();
        let (builder, connection, _) = set_up(&server, Quota::per_hour(1000)).await;
        let limit = builder.while_away(WhileAway::Open).lease(lease).time_out(PAUSE * 20).build().unwrap();
        server.stall();
        for _ in 0..50 {
            let hurried = Deadline::within(SHORT / 50).scope(limit.acquire(fresh())).await.unwrap_err();
            assert_eq!((hurried.reason(), hurried.retry_after()), (RejectReason::DeadlineOver, None));
        }
        // Behind another of the same key, too, and for no longer than it has.
        let key = fresh();
        let mut first = pin!(limit.acquire(&key));
        assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let hurried = Deadline::within(SHORT / 50).scope(limit.acquire(&key));
        let hurried = tokio::time::timeout(PAUSE * 10, hurried).await.expect("it waits beyond its deadline");
        assert_eq!(reason(hurried), RejectReason::DeadlineOver);
        assert!(!limit.is_away());
        server.go_on();
        limit.acquire(fresh()).await.unwrap();
        connection.commands();
        let late = Deadline::within(Duration::ZERO).scope(limit.acquire(fresh()));
        assert_eq!(reason(late.await), RejectReason::DeadlineOver);
        assert_eq!(connection.commands(), 0, "nobody waits for an answer");
    }
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn a_server_that_is_known_to_be_away_is_so_for_callers_in_a_hurry_too() {
    let server = RedisServer::start();
    let (builder, _, hand) = set_up(&server, Quota::per_hour(1000)).await;
    let limit = builder.while_away(WhileAway::Open).build().unwrap();
    server.stall();
    for _ in 0..3 {
        limit.acquire(fresh()).await.unwrap();
    }
    assert!(limit.is_away());
    let hurried = || Deadline::within(SHORT / 10).scope(limit.acquire(fresh()));
    hurried().await.unwrap();
    // Whoever finds out for all of them is in a hurry now.
    hand.advance(PAUSE);
    hurried().await.unwrap();
    assert!(limit.is_away());
    server.go_on();
    come_back(&limit, &hand).await;
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn a_turn_at_a_lease_that_does_not_come_is_a_refusal() {
    let server = RedisServer::start();
    let (builder, _, _) = set_up(&server, Quota::per_hour(1000)).await;
    let limit = builder.while_away(WhileAway::Open).lease(5).build().unwrap();
    let key = fresh();
    server.stall();
    // The first fetches and never ends: nobody polls it. The others wait behind it.
    let mut first = pin!(limit.acquire(&key));
    assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    for _ in 0..5 {
        assert_eq!(reason(limit.acquire(&key).await), RejectReason::WaitedTooLong);
        let hurried = Deadline::within(SHORT / 10).scope(limit.acquire(&key));
        assert_eq!(reason(hurried.await), RejectReason::DeadlineOver);
    }
    assert!(!limit.is_away(), "they asked nobody");
    limit.acquire(fresh()).await.unwrap();
    limit.acquire(fresh()).await.unwrap();
    limit.acquire(fresh()).await.unwrap();
    assert!(limit.is_away());
    limit.acquire(&key).await.unwrap();
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn a_dropped_decision_leaves_nothing_behind() {
    for lease in [1, 5] {
        let server = RedisServer::start();
        let (builder, _, _) = set_up(&server, Quota::per_hour(100)).await;
        let limit = builder.lease(lease).time_out(PAUSE * 20).build().unwrap();
        let key = fresh();
        server.stall();
        for polls in 0..4 {
            let mut decision = pin!(limit.acquire(&key));
            for _ in 0..polls {
                let pending = decision.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                assert!(pending.is_pending());
            }
        }
        assert!(!limit.is_away());
        server.go_on();
        limit.acquire(&key).await.unwrap();
    }
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn a_probe_that_is_dropped_does_not_keep_the_server_away() {
    let server = RedisServer::start();
    let (builder, _, hand) = set_up(&server, Quota::per_hour(1000)).await;
    let limit = builder.build().unwrap();
    server.stall();
    fail(&limit).await;
    hand.advance(PAUSE);
    {
        let key = fresh();
        let mut probe = pin!(limit.acquire(&key));
        assert!(probe.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert!(limit.is_away());
    server.go_on();
    come_back(&limit, &hand).await;
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn strangers_do_not_fill_the_memory_of_an_instance_alone() {
    let server = RedisServer::start();
    let (builder, _, _) = set_up(&server, Quota::per_hour(40)).await;
    let limit = builder.while_away(WhileAway::LocalShare { instances: 4 }).max_keys(100).build().unwrap();
    drop(server);
    let mut refused = 0;
    for number in 0..10_000_u32 {
        refused += usize::from(limit.acquire(number.to_be_bytes()).await.is_err());
        assert!(limit.keys() <= 100);
    }
    assert_eq!(refused, 9_890, "all beyond the hundred have one share together");
}
