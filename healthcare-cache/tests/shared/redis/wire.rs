//! What goes over the wire: how often, and how little it tells.

use super::{CLINIC, KEY, TAG, connect, fence, fresh, keep, purge, tier, url};
use healthcare_cache::{Forget, Lease, LeaseToken, Mark, Namer, NewEntry, SharedTier as _, Verb};
use healthcare_core::ClinicId;
use healthcare_resilience::testing::RedisServer;
use redis::aio::MultiplexedConnection;
use std::{collections::BTreeMap, time::Duration};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use uuid::Uuid;

const MINUTE: Duration = Duration::from_secs(60);

/// How often clients sent each command.
async fn calls(connection: &mut MultiplexedConnection) -> BTreeMap<String, u64> {
    let text: String = redis::cmd("INFO").arg("commandstats").query_async(connection).await.unwrap();
    text.lines()
        .filter_map(|line| {
            let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            Some((name.to_owned(), rest.split(',').next()?.parse().ok()?))
        })
        .collect()
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn each_call_is_one_round_trip() {
    let server = RedisServer::start();
    let mut connection = connect(&server.url()).await;
    let node = tier(connection.clone(), "a");
    let forget = Forget { marks: &[TAG], keys: &[KEY], verb: Verb::Purge };
    let many: Vec<Mark> = (0..100_u128).map(|number| Mark(number.to_be_bytes())).collect();
    for round in 0..2 {
        let _: String = redis::cmd("CONFIG").arg("RESETSTAT").query_async(&mut connection).await.unwrap();
        let seen = fence(&node).await;
        let (marks, token) = ([TAG; 16], LeaseToken::random());
        let lease = Lease { token, longest: MINUTE, renew: MINUTE };
        node.fetch_or_lease(CLINIC, KEY, lease).await.unwrap();
        let entry = NewEntry { key: KEY, seen, marks: &marks, bytes: b"x", life: MINUTE, lease: Some(token) };
        node.fill(CLINIC, entry).await.unwrap();
        node.release(CLINIC, KEY, token).await.unwrap();
        node.fetch_many(CLINIC, &many).await.unwrap();
        node.check(CLINIC, &[TAG], seen).await.unwrap();
        node.forget(CLINIC, forget, b"notice").await.unwrap();
        node.forget_clinic(CLINIC, Verb::Expire, b"notice").await.unwrap();
        node.purge_all(b"notice").await.unwrap();
        node.generation().await.unwrap();
        let bar = node.bar(CLINIC, &[TAG], MINUTE, b"notice").await.unwrap();
        node.lift(&bar, b"notice").await.unwrap();
        let counted = calls(&mut connection).await;
        let sent = |name: &str| counted.get(name).copied().unwrap_or_default();
        // Eight scripts about clinics and one about the generation: each is sent in full once.
        assert_eq!((sent("evalsha"), sent("eval")), (12, if round == 0 { 9 } else { 0 }), "{counted:?}");
        // The scripts publish, not the client.
        assert_eq!(sent("publish"), 5, "{counted:?}");
        node.say(b"notice").await.unwrap();
        assert_eq!(calls(&mut connection).await.get("publish"), Some(&6));
    }
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn a_server_that_was_told_to_forget_scripts_is_told_them_again() {
    let server = RedisServer::start();
    let mut connection = connect(&server.url()).await;
    let node = tier(connection.clone(), "a");
    keep(&node).await;
    let _: String = redis::cmd("SCRIPT").arg("FLUSH").query_async(&mut connection).await.unwrap();
    purge(&node).await;
    keep(&node).await;
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn the_wire_tells_nothing_and_stays_in_one_slot() {
    let server = RedisServer::start();
    let address = server.url().replace("redis://", "").replace('/', "");
    let mut monitor = tokio::net::TcpStream::connect(address).await.unwrap();
    monitor.write_all(b"MONITOR\r\n").await.unwrap();
    monitor.read_exact(&mut [0; 5]).await.unwrap();
    let node = tier(connect(&server.url()).await, "cache");
    let (namer, clinic, patient) = (Namer::random(), ClinicId::random(), Uuid::now_v7());
    let scope = namer.scope(clinic);
    let (key, tags) =
        (namer.tag(clinic, "key of Ivanova"), [namer.tag(clinic, "Ivanova"), namer.subject(clinic, patient)]);
    for _ in 0..2 {
        let healthcare_cache::Fetched::Miss(seen) = node.fetch(scope, key).await.unwrap() else {
            panic!("kept")
        };
        let lease = Lease { token: LeaseToken::random(), longest: MINUTE, renew: MINUTE };
        node.fetch_or_lease(scope, key, lease).await.unwrap();
        let lease = Some(lease.token);
        let entry = NewEntry { key, seen, marks: &tags, bytes: b"\x01sealed", life: MINUTE, lease };
        node.fill(scope, entry).await.unwrap();
        let forget = Forget { marks: &tags, keys: &[key], verb: Verb::Purge };
        node.forget(scope, forget, b"notice").await.unwrap();
        node.purge_all(b"notice").await.unwrap();
        let bar = node.bar(scope, &tags, MINUTE, b"notice").await.unwrap();
        node.lift(&bar, b"notice").await.unwrap();
    }
    node.generation().await.unwrap();
    let mut connection = connect(&server.url()).await;
    let _: String = redis::cmd("ECHO").arg("the end").query_async(&mut connection).await.unwrap();
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains("the end") {
        assert_ne!(monitor.read_buf(&mut heard).await.unwrap(), 0, "the monitor was cut off");
    }
    let heard = String::from_utf8_lossy(&heard);
    let (id, plain) = (patient.to_string(), clinic.as_uuid().to_string());
    for secret in ["Ivanova", &id, &id.replace('-', ""), &plain, &plain.replace('-', "")] {
        assert!(!heard.contains(secret), "{secret}");
    }
    let names: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap();
    let tag = format!("cache:{{{:032x}}}:", u128::from_be_bytes(scope.0));
    assert!(names.iter().all(|name| name == "cache:g" || name.starts_with(&tag)), "{names:?}");
    // A script that touches what it did not declare is refused by a cluster: here, what ran is compared.
    for line in heard.lines().filter(|line| line.contains(" lua] ")) {
        let mut words = line.split("lua] ").nth(1).unwrap().split('"').filter(|word| !word.trim().is_empty());
        let (command, name) = (words.next().unwrap(), words.next().unwrap_or_default());
        let is_bus = command == "PUBLISH" && name == "cache:bus";
        assert!(command == "TIME" || is_bus || name == "cache:g" || name.starts_with(&tag), "{line}");
    }
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn marks_are_kept_longer_than_values_and_not_for_ever() {
    let (mut connection, prefix) = (connect(&url()).await, fresh());
    let node = tier(connection.clone(), &prefix);
    keep(&node).await;
    purge(&node).await;
    keep(&node).await;
    let base = format!("{prefix}:{{{:032x}}}:", u128::from_be_bytes(CLINIC.0));
    let mut left = Vec::new();
    for name in ["s".to_owned(), "m".to_owned(), format!("v:{:032x}", u128::from_be_bytes(KEY.0))] {
        let ms: i64 =
            redis::cmd("PTTL").arg(format!("{base}{name}")).query_async(&mut connection).await.unwrap();
        left.push(ms);
    }
    assert!(left[2] > 0 && left[0] > left[2] && left[1] > left[2] && left[0] < 4_000_000, "{left:?}");
}
