//! Servers that restart, run full, are set back, or whose keys others touch.

use super::{CLINIC, KEY, TAG, connect, fence, fill, fresh, is_kept, keep, purge, tier, url};
use healthcare_cache::{
    Fetched, Filled, Forget, Lease, LeaseToken, Leased, Mark, NewEntry, RedisShared, ScopeMark, SharedError,
    SharedTier as _, Verb, testing::shared_limits,
};
use healthcare_resilience::testing::RedisServer;
use std::time::Duration;

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn a_purge_outlives_a_restart_that_keeps_everything() {
    let mut server = RedisServer::with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let node = tier(connect(&server.url()).await, "a");
    keep(&node).await;
    let old = fence(&node).await;
    purge(&node).await;
    let new = fence(&node).await;
    server.kill();
    server.restart();
    let node = tier(connect(&server.url()).await, "a");
    assert!(!is_kept(&node).await);
    assert_eq!(fill(&node, old).await, Filled::Stale);
    assert_eq!(fill(&node, new).await, Filled::Stored, "what was not purged goes on");
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn nothing_is_valid_after_a_restart_that_kept_nothing() {
    let mut server = RedisServer::start();
    let node = tier(connect(&server.url()).await, "a");
    keep(&node).await;
    let old = fence(&node).await;
    let generation = node.purge_all(&[]).await.unwrap();
    server.kill();
    server.restart();
    let node = tier(connect(&server.url()).await, "a");
    assert_eq!(fill(&node, old).await, Filled::Stale);
    assert!(!is_kept(&node).await);
    assert!(node.purge_all(&[]).await.unwrap() > generation, "a lost generation is not given out again");
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn a_server_that_was_set_back_is_noticed() {
    for is_own in [true, false] {
        notice_a_setback(is_own).await;
    }
}

/// By a node that purged something itself since, or that only looked since another did.
async fn notice_a_setback(is_own: bool) {
    let mut server = RedisServer::start();
    let mut connection = connect(&server.url()).await;
    let pool = deadpool_redis::Config::from_url(server.url())
        .create_pool(Some(deadpool_redis::Runtime::Tokio1))
        .unwrap();
    let node = RedisShared::builder().pool(pool).prefix("a").limits(shared_limits()).build().unwrap();
    keep(&node).await;
    let _: String = redis::cmd("SAVE").query_async(&mut connection).await.unwrap();
    if is_own {
        purge(&node).await;
    } else {
        purge(&tier(connection, "a")).await;
        node.fetch(CLINIC, Mark([9; 16])).await.unwrap();
    }
    server.kill();
    server.restart();
    let stranger = tier(connect(&server.url()).await, "a");
    assert!(is_kept(&stranger).await, "the purge is lost to who has not heard of it");
    // The pool notices by failing once or more.
    while node.fetch(CLINIC, KEY).await.is_err() {
        tokio::task::yield_now().await;
    }
    assert!(!is_kept(&node).await, "whoever was told a higher number finds nothing");
    assert!(!is_kept(&stranger).await, "nor does anyone from then on");
    keep(&node).await;
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn a_purge_goes_through_when_memory_is_full() {
    let server = RedisServer::with(&["--maxmemory-policy", "noeviction"]);
    let mut connection = connect(&server.url()).await;
    let node = tier(connection.clone(), "a");
    keep(&node).await;
    let seen = fence(&node).await;
    let _: String =
        redis::cmd("CONFIG").arg(&["SET", "maxmemory", "1"]).query_async(&mut connection).await.unwrap();
    let entry =
        NewEntry { key: KEY, seen, marks: &[], bytes: b"y", life: Duration::from_secs(60), lease: None };
    assert!(matches!(node.fill(CLINIC, entry).await, Err(SharedError::Full(_))));
    purge(&node).await;
    assert!(!is_kept(&node).await);
    let bar = node.bar(CLINIC, &[TAG], Duration::from_secs(60), &[]).await.unwrap();
    node.lift(&bar, &[]).await.unwrap();
    // Of a clinic that nothing is known of, too.
    node.forget_clinic(ScopeMark([7; 16]), Verb::Purge, &[]).await.unwrap();
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn what_is_evicted_leaves_nothing_stale() {
    let server = RedisServer::with(&["--maxmemory-policy", "allkeys-random"]);
    let mut connection = connect(&server.url()).await;
    let node = tier(connection.clone(), "a");
    // The scripts take room, too.
    keep(&node).await;
    purge(&node).await;
    let memory: String = redis::cmd("INFO").arg("memory").query_async(&mut connection).await.unwrap();
    let used: u64 = memory
        .lines()
        .find_map(|line| line.strip_prefix("used_memory:"))
        .and_then(|number| number.trim().parse().ok())
        .unwrap();
    let _: String = redis::cmd("CONFIG")
        .arg(&["SET", "maxmemory", &(used + 1_000_000).to_string()])
        .query_async(&mut connection)
        .await
        .unwrap();
    let (mut stale, mut hits, mut waits) = (0, 0, 0);
    for round in 0..1_200_u32 {
        let clinic = ScopeMark(u128::from(round % 40).to_be_bytes());
        // Leases are evicted, too, and nobody gives these back: whoever comes next has another token.
        let lease =
            Lease { token: LeaseToken::random(), longest: Duration::from_secs(60), renew: Duration::ZERO };
        let seen = match node.fetch_or_lease(clinic, KEY.into(), lease).await.unwrap() {
            Leased::Yours(seen) => seen,
            Leased::Theirs(seen) => {
                waits += 1;
                seen
            }
            Leased::Hit { entry, .. } => {
                hits += 1;
                entry.now
            }
        };
        // Every value has the number of its round; a purge follows half of them, so those are never to be seen.
        let bytes = vec![u8::from(round % 2 == 0); 3_000];
        let entry = NewEntry {
            key: KEY,
            seen,
            marks: &[TAG],
            bytes: &bytes,
            life: Duration::from_secs(60),
            lease: None,
        };
        // It may be refused: what gave the fence may be evicted by now.
        node.fill(clinic, entry).await.unwrap();
        if round % 2 == 0 {
            let forget = Forget { marks: &[TAG], keys: &[], verb: Verb::Purge };
            node.forget(clinic, forget, &[]).await.unwrap();
        }
        for other in 0..40_u128 {
            let other = ScopeMark(other.to_be_bytes());
            if let Fetched::Hit(entry) = node.fetch(other, KEY).await.unwrap() {
                hits += 1;
                stale += u32::from(entry.bytes[0] == 1);
            }
        }
        let junk = Mark(u128::from(1_000 + round).to_be_bytes());
        let entry = NewEntry { key: junk, ..entry };
        node.fill(clinic, entry).await.unwrap();
    }
    let stats: String = redis::cmd("INFO").arg("stats").query_async(&mut connection).await.unwrap();
    assert!(!stats.contains("evicted_keys:0\r"), "nothing was evicted: {stats}");
    assert_eq!((stale, hits > 100, waits > 10), (0, true, true), "{hits} hits, {waits} waits");
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn what_other_hands_wrote_is_a_miss_or_an_error() {
    let (mut connection, prefix) = (connect(&url()).await, fresh());
    let node = tier(connection.clone(), &prefix);
    keep(&node).await;
    let name =
        format!("{prefix}:{{{:032x}}}:v:{:032x}", u128::from_be_bytes(CLINIC.0), u128::from_be_bytes(KEY.0));
    let good: Vec<u8> = redis::cmd("GET").arg(&name).query_async(&mut connection).await.unwrap();
    let cut: Vec<Vec<u8>> = (0..good.len() - 1).map(|length| good[..length].to_vec()).collect();
    let odd = [b"".to_vec(), vec![0xff; 100], [&good[..46], b"ff", &good[48..]].concat()];
    for bytes in cut.into_iter().chain(odd) {
        let _: String = redis::cmd("SET")
            .arg(&name)
            .arg(&bytes)
            .arg("PX")
            .arg(60_000)
            .query_async(&mut connection)
            .await
            .unwrap();
        assert!(!is_kept(&node).await, "{bytes:?}");
    }
    // What says that it ends later than any fill may, or before now, and is never removed.
    for ends in [b"99999999999999", b"00000000000001", b"+0000000000001"] {
        let bytes = [&ends[..], &good[14..]].concat();
        let _: String = redis::cmd("SET").arg(&name).arg(bytes).query_async(&mut connection).await.unwrap();
        assert!(!is_kept(&node).await, "it would be kept for ever");
    }
    let _: i64 = redis::cmd("DEL").arg(&name).query_async(&mut connection).await.unwrap();
    let _: i64 = redis::cmd("LPUSH").arg(&name).arg("x").query_async(&mut connection).await.unwrap();
    assert!(node.fetch(CLINIC, KEY).await.is_err(), "a list is no value");
}
