//! Turns to load, over a server that is asked by many, runs full, and forgets.

use super::{CLINIC, KEY, TAG, connect, fence, fill, fresh, keep, purge, tier, url};
use healthcare_cache::{
    Filled, Lease, LeaseToken, Leased, NewEntry, RedisShared, Seen, SharedError, SharedTier as _,
};
use healthcare_resilience::testing::RedisServer;
use redis::aio::MultiplexedConnection;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinSet;

const MINUTE: Duration = Duration::from_secs(60);

fn lease(token: LeaseToken) -> Lease {
    Lease { token, longest: MINUTE, renew: Duration::ZERO }
}

async fn ask(tier: &RedisShared, token: LeaseToken) -> Leased {
    tier.fetch_or_lease(CLINIC, KEY.into(), lease(token)).await.unwrap()
}

async fn yours(tier: &RedisShared, token: LeaseToken) -> Seen {
    match ask(tier, token).await {
        Leased::Yours(seen) => seen,
        other => panic!("{other:?}"),
    }
}

/// Reads as a node does: its turn, or what another loaded.
async fn read(tier: RedisShared, loads: Arc<AtomicU32>) -> Vec<u8> {
    let token = LeaseToken::random();
    loop {
        let seen = match ask(&tier, token).await {
            Leased::Hit { entry, .. } => return entry.bytes,
            Leased::Theirs(_) => {
                tokio::task::yield_now().await;
                continue;
            }
            Leased::Yours(seen) => seen,
        };
        let number = loads.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        let bytes = number.to_be_bytes();
        let entry =
            NewEntry { key: KEY, seen, marks: &[TAG], bytes: &bytes, life: MINUTE, lease: Some(token) };
        tier.fill(CLINIC, entry).await.unwrap();
    }
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn of_many_on_three_nodes_one_loads() {
    let prefix = fresh();
    let nodes =
        [connect(&url()).await, connect(&url()).await, connect(&url()).await].map(|c| tier(c, &prefix));
    let loads = Arc::new(AtomicU32::new(0));
    for wanted in 1..=3 {
        let mut readers = JoinSet::new();
        for number in 0..150 {
            readers.spawn(read(nodes[number % 3].clone(), loads.clone()));
        }
        for bytes in readers.join_all().await {
            assert_eq!(bytes, (wanted - 1_u32).to_be_bytes());
        }
        assert_eq!(loads.load(Ordering::SeqCst), wanted);
        purge(&nodes[0]).await;
    }
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn a_lease_ends_with_its_fill_or_by_itself() {
    let (mut connection, prefix) = (connect(&url()).await, fresh());
    let node = tier(connection.clone(), &prefix);
    let name =
        format!("{prefix}:{{{:032x}}}:l:{:032x}", u128::from_be_bytes(CLINIC.0), u128::from_be_bytes(KEY.0));
    let token = LeaseToken::random();
    let seen = yours(&node, token).await;
    let left: i64 = redis::cmd("PTTL").arg(&name).query_async(&mut connection).await.unwrap();
    assert!((1..=60_000).contains(&left), "{left}");
    let entry = NewEntry { key: KEY, seen, marks: &[TAG], bytes: b"x", life: MINUTE, lease: Some(token) };
    assert_eq!(node.fill(CLINIC, entry).await.unwrap(), Filled::Stored);
    let left: i64 = redis::cmd("PTTL").arg(&name).query_async(&mut connection).await.unwrap();
    assert_eq!(left, -2, "it is gone");
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn after_a_flush_it_is_anybodys_turn() {
    let server = RedisServer::start();
    let mut connection = connect(&server.url()).await;
    let node = tier(connection.clone(), "a");
    let [old, new] = [LeaseToken::random(), LeaseToken::random()];
    let seen = yours(&node, old).await;
    assert_eq!(ask(&node, new).await, Leased::Theirs(seen));
    let _: String = redis::cmd("FLUSHALL").query_async(&mut connection).await.unwrap();
    let fresh = yours(&node, new).await;
    let entry = NewEntry { key: KEY, seen, marks: &[TAG], bytes: b"x", life: MINUTE, lease: Some(old) };
    assert_eq!(node.fill(CLINIC, entry).await.unwrap(), Filled::Stale);
    assert_eq!(ask(&node, old).await, Leased::Theirs(fresh), "the lost lease frees nothing");
    assert_eq!(fill(&node, fresh).await, Filled::Stored);
}

async fn full(connection: &mut MultiplexedConnection, bytes: u64) {
    let bytes = bytes.to_string();
    let _: String =
        redis::cmd("CONFIG").arg(&["SET", "maxmemory", &bytes]).query_async(connection).await.unwrap();
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn without_room_for_a_lease_everybody_loads() {
    let server = RedisServer::with(&["--maxmemory-policy", "noeviction"]);
    let mut connection = connect(&server.url()).await;
    let node = tier(connection.clone(), "a");
    keep(&node).await;
    let held = Lease { renew: MINUTE * 60, ..lease(LeaseToken::random()) };
    let Leased::Hit { entry, is_leased: true } = node.fetch_or_lease(CLINIC, KEY.into(), held).await.unwrap()
    else {
        panic!("it is to be renewed")
    };
    let (seen, lease) = (entry.now, Some(held.token));
    full(&mut connection, 1).await;
    let entry = NewEntry { key: KEY, seen, marks: &[TAG], bytes: b"y", life: MINUTE, lease };
    assert!(matches!(node.fill(CLINIC, entry).await, Err(SharedError::Full(_))));
    full(&mut connection, 0).await;
    let held = Lease { token: LeaseToken::random(), ..held };
    let next = node.fetch_or_lease(CLINIC, KEY.into(), held).await.unwrap();
    let Leased::Hit { entry, is_leased: true } = next else { panic!("the lease was given back: {next:?}") };
    assert_eq!(entry.bytes, b"x");
    purge(&node).await;
    // What was kept is removed by whoever comes first; who removed something may write.
    fence(&node).await;
    node.release(CLINIC, KEY, held.token).await.unwrap();
    full(&mut connection, 1).await;
    let token = LeaseToken::random();
    for token in [token, LeaseToken::random(), token] {
        yours(&node, token).await;
    }
    node.release(CLINIC, KEY, token).await.unwrap();
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn nobody_waits_for_what_other_hands_wrote() {
    let (mut connection, prefix) = (connect(&url()).await, fresh());
    let node = tier(connection.clone(), &prefix);
    keep(&node).await;
    let base = format!("{prefix}:{{{:032x}}}:", u128::from_be_bytes(CLINIC.0));
    let value = format!("{base}v:{:032x}", u128::from_be_bytes(KEY.0));
    let good: Vec<u8> = redis::cmd("GET").arg(&value).query_async(&mut connection).await.unwrap();
    // Cut off behind what the scripts read.
    let cut = &good[..54];
    let _: String = redis::cmd("SET")
        .arg(&value)
        .arg(cut)
        .arg("PX")
        .arg(60_000)
        .query_async(&mut connection)
        .await
        .unwrap();
    yours(&node, LeaseToken::random()).await;
    purge(&node).await;
    let _: i64 = redis::cmd("DEL").arg(&value).query_async(&mut connection).await.unwrap();
    for odd in [&b""[..], b"x", &[0xff; 100]] {
        let name = format!("{base}l:{:032x}", u128::from_be_bytes(KEY.0));
        let _: String = redis::cmd("SET").arg(&name).arg(odd).query_async(&mut connection).await.unwrap();
        yours(&node, LeaseToken::random()).await;
    }
}
