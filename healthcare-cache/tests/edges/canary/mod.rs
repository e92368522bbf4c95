//! What is about a person is not seen outside: not in traces, metrics, `Debug`, answers to operators, nor by Redis.

mod ears;
mod use_all;

use ears::{Ears, SECRETS, contains_any};
use healthcare_cache::{CacheNode, MemoryServer, NodeBuilder, RedisShared};
use healthcare_resilience::testing::RedisServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use use_all::Told;

/// Nothing of what was said or shown may have a secret in it, and each place must have said something.
fn check(told: &Told, ears: &Ears) {
    let traces = ears.traces();
    for (place, said) in [
        ("traces", traces.as_str()),
        ("metrics", &ears.metrics()),
        ("Debug", &told.shown),
        ("operators", &told.answers),
    ] {
        assert!(said.len() > 100, "nothing was said by {place}");
        assert_eq!(contains_any(said), None, "{place}: {said}");
    }
    assert!(traces.contains("cache_load") && traces.contains("was not recorded"), "{traces}");
}

fn run<F: Future>(work: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

#[test]
fn the_secrets_would_be_seen() {
    let ears = Ears::open();
    tracing::info_span!("span", key = SECRETS[0]);
    tracing::debug!("{}", SECRETS[1]);
    metrics::counter!("c", "tag" => SECRETS[2]).increment(1);
    assert_eq!(contains_any(&ears.metrics()), Some(SECRETS[2]));
    let traces = ears.traces();
    assert!(traces.contains(SECRETS[0]) && traces.contains(SECRETS[1]), "{traces}");
}

#[test]
fn nothing_about_a_person_is_traced_counted_shown_or_answered() {
    let ears = Ears::open();
    let told = run(async { use_all::use_all(alone()).await });
    check(&told, &ears);
    let server = MemoryServer::new();
    let told = run(async { use_all::use_all(CacheNode::builder().shared(server.node())).await });
    check(&told, &ears);
    assert_eq!(contains_any(&format!("{server:?}")), None);
}

fn alone() -> NodeBuilder {
    CacheNode::builder()
}

#[test]
#[ignore = "needs Redis: cargo xtask test"]
fn redis_sees_names_hashed_and_values_sealed() {
    let ears = Ears::open();
    let (told, heard) = run(async {
        let server = RedisServer::start();
        let address = server.url().replace("redis://", "").replace('/', "");
        let mut monitor = tokio::net::TcpStream::connect(address).await.unwrap();
        monitor.write_all(b"MONITOR\r\n").await.unwrap();
        monitor.read_exact(&mut [0; 5]).await.unwrap();
        let client = redis::Client::open(server.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let tier = RedisShared::builder().connection(connection.clone()).listener(client).build().unwrap();
        let shown = format!("{tier:?}");
        let mut told = use_all::use_all(CacheNode::builder().shared(tier)).await;
        told.shown.push_str(&shown);
        let _: String = redis::cmd("ECHO").arg("the end").query_async(&mut connection).await.unwrap();
        let mut heard = Vec::new();
        while !String::from_utf8_lossy(&heard).contains("the end") {
            assert_ne!(monitor.read_buf(&mut heard).await.unwrap(), 0, "the monitor was cut off");
        }
        (told, String::from_utf8_lossy(&heard).into_owned())
    });
    check(&told, &ears);
    assert!(told.was_shared && heard.contains("evalsha") || heard.contains("EVALSHA"), "{heard}");
    assert_eq!(contains_any(&heard), None);
    for id in &told.ids {
        let plain = id.to_string();
        assert!(!heard.contains(&plain) && !heard.contains(&plain.replace('-', "")), "{plain}");
        // As the monitor writes bytes that are no text.
        let escaped: String = id.as_bytes().iter().map(|byte| format!("\\x{byte:02x}")).collect();
        assert!(!heard.contains(&escaped), "{plain}");
    }
}
