//! With a Redis that several processes share, and while it is away.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;

use clinic_server::{
    commands::{Running, start},
    config::{Config, KeySource, Rate, RatePeriod},
};
use common::{Client, Site};
use healthcare_resilience::{State, testing::RedisServer};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::{task::JoinSet, time::Instant};

const PATIENTS: &str = "/api/v1/patients";

fn site(redis: &str, user: u32) -> Site {
    let mut site = Site::sqlite();
    site.config.redis = Some(redis.parse().unwrap());
    site.config.limits.user = Rate { requests: user, per: RatePeriod::Hour };
    site
}

/// A second process on the same database, with an audit log of its own.
async fn second(site: &Site) -> Running {
    let KeySource::Generated(key) = site.config.key.clone() else { panic!("a demonstration's key") };
    let data_dir = site.dir.path().join("second");
    let config = Config { data_dir, key: KeySource::File(key), ..site.config.clone() };
    start(&config).await.unwrap_or_else(|error| panic!("{error}"))
}

/// Once readiness says so of it.
async fn until(running: &Running, state: State) {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let report = running.server.app.health.readiness().await;
        assert!(report.is_ready(), "everything is served without it");
        let check = report.checks.iter().find(|check| check.name == "redis").expect("it is looked at");
        if check.state == state {
            return;
        }
        assert!(Instant::now() < end, "{check:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Redis: cargo xtask test"]
async fn a_share_is_one_over_all_processes() {
    let url = std::env::var("HEALTHCARE_TEST_REDIS_URL").expect("HEALTHCARE_TEST_REDIS_URL is set");
    let site = site(&url, 4);
    let (one, other) = (site.start().await, second(&site).await);
    until(&one, State::Up).await;
    until(&other, State::Up).await;
    let nurse = Client::signed_in(one.address, "nurse@harbour.example").await;
    let elsewhere = Client { address: other.address, ..nurse.clone() };
    for client in [&nurse, &elsewhere, &nurse, &elsewhere] {
        client.get(PATIENTS).await.expect(200);
    }
    for client in [&nurse, &elsewhere] {
        let over = client.get(PATIENTS).await.expect(429);
        assert_eq!(over.code(), "RATE_LIMIT_EXCEEDED");
        assert!(over.header("retry-after").is_some());
    }
    other.stop().await;
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Redis: cargo xtask test"]
async fn a_redis_that_is_killed_and_comes_back_under_load_changes_no_answer() {
    let mut redis = RedisServer::start();
    let site = site(&redis.url(), 1_000_000);
    let running = site.start().await;
    until(&running, State::Up).await;
    let nurse = Client::signed_in(running.address, "nurse@harbour.example").await;
    let (ends, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let mut load = JoinSet::new();
    for _ in 0..8 {
        let (nurse, ends, answers) = (nurse.clone(), Arc::clone(&ends), Arc::clone(&answers));
        load.spawn(async move {
            while !ends.load(Ordering::SeqCst) {
                let items = nurse.get(PATIENTS).await.expect(200).json()["items"].as_array().unwrap().len();
                assert_eq!(items, 4);
                answers.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    // So many answers more, under each condition.
    let more = async |count: u32| {
        let (goal, end) = (answers.load(Ordering::SeqCst) + count, Instant::now() + Duration::from_secs(120));
        while answers.load(Ordering::SeqCst) < goal {
            assert!(Instant::now() < end, "the load does not go on");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    more(50).await;
    for _ in 0..2 {
        redis.kill();
        more(50).await;
        until(&running, State::Degraded).await;
        redis.restart();
        more(50).await;
        until(&running, State::Up).await;
    }
    ends.store(true, Ordering::SeqCst);
    while let Some(ended) = load.join_next().await {
        ended.unwrap();
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_starts_and_counts_without_the_redis_it_was_given() {
    // Nobody listens there.
    let site = site("redis://127.0.0.1:1/", 2);
    let running = site.start().await;
    until(&running, State::Degraded).await;
    let nurse = Client::signed_in(running.address, "nurse@harbour.example").await;
    nurse.get(PATIENTS).await.expect(200);
    nurse.get(PATIENTS).await.expect(200);
    nurse.get(PATIENTS).await.expect(429);
    running.stop().await;
}
