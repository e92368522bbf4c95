//! What goes over the wire: how often, and how little it tells.

use super::{CLINIC, KEY, TAG, connect, fence, fresh, keep, purge, tier, url};
use healthcare_cache::{
    Fetched, Forget, Lease, LeaseToken, Leased, Mark, Namer, NewEntry, SharedTier as _, Sought, Verb, Verdict,
};
use healthcare_core::ClinicId;
use healthcare_resilience::testing::{FaultyRedis, RedisServer};
use redis::{
    Arg, Cmd, Pipeline, RedisFuture, Value,
    aio::{ConnectionLike, MultiplexedConnection},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};
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
    let faulty = FaultyRedis::new(connection.clone());
    let node = tier(faulty.clone(), "a");
    let forget = Forget { marks: &[TAG], keys: &[KEY], verb: Verb::Purge };
    let many: Vec<Sought<'_>> = (0..100_u128).map(|number| Mark(number.to_be_bytes()).into()).collect();
    for round in 0..2 {
        let _: String = redis::cmd("CONFIG").arg("RESETSTAT").query_async(&mut connection).await.unwrap();
        let seen = fence(&node).await;
        let (marks, token) = ([TAG; 16], LeaseToken::random());
        let lease = Lease { token, longest: MINUTE, renew: MINUTE };
        node.fetch_or_lease(CLINIC, KEY.into(), lease).await.unwrap();
        let entry = NewEntry { key: KEY, seen, marks: &marks, bytes: b"x", life: MINUTE, lease: Some(token) };
        faulty.commands();
        node.fill(CLINIC, entry).await.unwrap();
        node.release(CLINIC, KEY, token).await.unwrap();
        node.fetch(CLINIC, KEY).await.unwrap();
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
        // Each script is sent in full once: two before, and six since.
        let scripts = if round == 0 { 6 } else { 0 };
        assert_eq!(
            (faulty.commands(), sent("eval")),
            (11 + scripts, scripts as u64 + 2 * (1 - round)),
            "{counted:?}"
        );
        // The scripts publish, not the client.
        assert_eq!(sent("publish"), 5, "{counted:?}");
        node.say(b"notice").await.unwrap();
        assert_eq!(calls(&mut connection).await.get("publish"), Some(&6));
    }
}

/// How many round trips a look takes. The scripts are known.
#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn what_is_current_is_found_in_one_round_trip_and_without_a_script() {
    let (mut connection, faulty) = (connect(&url()).await, FaultyRedis::new(connect(&url()).await));
    let node = tier(faulty.clone(), &fresh());
    let other = Forget { marks: &[Mark([7; 16])], keys: &[], verb: Verb::Purge };
    let asked = |likely| Sought { key: KEY, likely };
    let lease = || Lease { token: LeaseToken::random(), longest: MINUTE, renew: Duration::ZERO };
    let _ = fence(&node).await;
    node.fetch_or_lease(CLINIC, KEY.into(), lease()).await.unwrap();
    keep(&node).await;
    let absent = Mark([6; 16]);
    faulty.commands();
    for sought in [asked(&[]), asked(&[TAG]), absent.into()] {
        node.fetch_many(CLINIC, &[sought]).await.unwrap();
        assert_eq!(faulty.commands(), 1, "{sought:?}");
    }
    node.fetch_many(CLINIC, &[absent.into(), asked(&[]), absent.into()]).await.unwrap();
    assert_eq!(faulty.commands(), 1);
    let Leased::Hit { entry, .. } = node.fetch_or_lease(CLINIC, asked(&[]), lease()).await.unwrap() else {
        panic!("it is kept")
    };
    assert_eq!(faulty.commands(), 1);
    // Something else was forgotten since: then it matters what the value depends on.
    node.forget(CLINIC, other, &[]).await.unwrap();
    faulty.commands();
    for (likely, trips) in [(&[][..], 2), (&[TAG], 1), (&[Mark([5; 16]), TAG], 1)] {
        assert!(matches!(node.fetch_many(CLINIC, &[asked(likely)]).await.unwrap()[..], [Fetched::Hit(_)]));
        assert_eq!(faulty.commands(), trips, "{likely:?}");
        node.fetch_or_lease(CLINIC, asked(likely), lease()).await.unwrap();
        assert_eq!(faulty.commands(), trips, "{likely:?}");
    }
    node.check(CLINIC, &[KEY, TAG], entry.seen).await.unwrap();
    assert_eq!(faulty.commands(), 1);
    // Where it is mostly not enough, the script is asked at once, until it would be again.
    for _ in 0..40 {
        node.fetch_or_lease(CLINIC, absent.into(), lease()).await.unwrap();
    }
    faulty.commands();
    node.fetch_or_lease(CLINIC, absent.into(), lease()).await.unwrap();
    assert_eq!(faulty.commands(), 1);
    for _ in 0..100 {
        node.fetch_or_lease(CLINIC, asked(&[TAG]), lease()).await.unwrap();
    }
    let before = calls(&mut connection).await.get("getex").copied();
    node.fetch_or_lease(CLINIC, asked(&[TAG]), lease()).await.unwrap();
    assert!(calls(&mut connection).await.get("getex").copied() > before, "plain again");
}

/// Keeps what is sent as pipelines.
#[derive(Clone)]
struct Kept(MultiplexedConnection, Arc<Mutex<Vec<Pipeline>>>);

impl ConnectionLike for Kept {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        self.0.req_packed_command(command)
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        self.1.lock().unwrap().push(pipeline.clone());
        self.0.req_packed_commands(pipeline, offset, count)
    }

    fn get_db(&self) -> i64 {
        0
    }
}

/// A replica may not have heard of a purge yet: a client of a cluster that reads from replicas has to send each look to the primary.
#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn no_look_is_for_a_replica() {
    let sent = Arc::default();
    let node = tier(Kept(connect(&url()).await, Arc::clone(&sent)), &fresh());
    keep(&node).await;
    let Fetched::Hit(entry) = node.fetch(CLINIC, KEY).await.unwrap() else { panic!("it is kept") };
    node.fetch_many(CLINIC, &[KEY.into(), TAG.into()]).await.unwrap();
    assert_eq!(node.check(CLINIC, &[KEY, TAG], entry.seen).await.unwrap(), Verdict::Current);
    let sent = sent.lock().unwrap();
    assert!(sent.len() >= 4, "looks of all kinds: {}", sent.len());
    for pipeline in sent.iter() {
        // The one command of a look that no client takes for one that a replica can answer.
        let mut commands = pipeline.cmd_iter().map(|command| command.args_iter().next());
        let is_for_primary = commands.any(|name| matches!(name, Some(Arg::Simple(b"GETEX"))));
        assert!(is_for_primary, "{:?}", pipeline.get_packed_pipeline());
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
        node.fetch_or_lease(scope, key.into(), lease).await.unwrap();
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
