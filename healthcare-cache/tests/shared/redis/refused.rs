//! Servers that do not let their user do what the tier must, and what they say then.

use super::{CLINIC, KEY, TAG, connect, contract::InRedis, keep, tier};
use healthcare_cache::{Fetched, Forget, RedisShared, ScopeMark, SharedError, SharedTier as _, Verb};
use healthcare_resilience::{
    RedisLink,
    testing::{RedisCluster, RedisServer},
};
use redis::Client;

/// All that the tier needs, as the guide says it. The suite draws its prefixes, so keys and channels are all.
const COMMANDS: &str = "+eval +evalsha +del +get +getex +hdel +hget +hmget +hset +mget +pexpire +pttl +set +time +unlink +zadd +zcard \
     +zcount +zmscore +zrange +zrangebyscore +zremrangebyscore +zrevrangebyscore +zscore +publish +subscribe";

async fn grant(server: &RedisServer, rules: &str) {
    let mut admin = connect(&server.url()).await;
    let mut command = redis::cmd("ACL");
    command.arg("SETUSER").arg("cache").arg("reset").arg("on").arg(">secret");
    for rule in rules.split_whitespace() {
        command.arg(rule);
    }
    let _: String = command.query_async(&mut admin).await.unwrap();
}

fn as_user(server: &RedisServer, password: &str) -> String {
    server.url().replace("redis://", &format!("redis://cache:{password}@"))
}

async fn user(server: &RedisServer) -> RedisShared {
    let url = as_user(server, "secret");
    let builder = RedisShared::builder().connection(connect(&url).await).prefix("a");
    builder.listener(Client::open(url).unwrap()).build().unwrap()
}

fn is_refused<T: std::fmt::Debug>(answer: Result<T, SharedError>) {
    assert!(matches!(answer, Err(SharedError::Refused(_))), "{answer:?}");
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn the_tier_needs_no_more_than_the_guide_says() {
    let server = RedisServer::start();
    grant(&server, &format!("{COMMANDS} ~* &*")).await;
    let url = as_user(&server, "secret");
    let link = RedisLink::new(connect(&url).await);
    Box::pin(InRedis::contract(link, vec![Client::open(url).unwrap()], &[server.url()])).await;
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn what_is_not_granted_is_told() {
    let server = RedisServer::start();
    let forget = Forget { marks: &[TAG], keys: &[], verb: Verb::Purge };
    grant(&server, &format!("{COMMANDS} ~a:* &a:bus")).await;
    let node = user(&server).await;
    keep(&node).await;
    node.forget(CLINIC, forget, b"heard").await.unwrap();
    node.listen().await.unwrap();
    // Its channel: what it goes with has happened all the same.
    grant(&server, &format!("{COMMANDS} ~a:* resetchannels")).await;
    let node = user(&server).await;
    keep(&node).await;
    is_refused(node.forget(CLINIC, forget, b"not heard").await);
    let Fetched::Miss(_) = node.fetch(CLINIC, KEY).await.unwrap() else { panic!("it was purged") };
    is_refused(node.say(b"not heard").await);
    is_refused(node.listen().await);
    // Its keys, its scripts, a command of theirs.
    for rules in [
        format!("{COMMANDS} ~other:* &a:bus"),
        format!("{COMMANDS} -evalsha -eval ~a:* &a:bus"),
        format!("{COMMANDS} -hmget ~a:* &a:bus"),
    ] {
        grant(&server, &rules).await;
        let node = user(&server).await;
        is_refused(node.fetch(CLINIC, KEY).await);
        is_refused(node.forget(CLINIC, forget, &[]).await);
    }
    let wrong = RedisShared::builder().connection(connect(&server.url()).await).prefix("a");
    let wrong = wrong.listener(Client::open(as_user(&server, "wrong")).unwrap()).build().unwrap();
    is_refused(wrong.listen().await);
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn one_server_of_a_cluster_is_not_enough() {
    let cluster = RedisCluster::start();
    let node = tier(connect(&cluster.urls()[0]).await, "a");
    let mut elsewhere = 0;
    for number in 0..40_u128 {
        match node.fetch(ScopeMark(number.to_be_bytes()), KEY).await {
            Ok(_) => {}
            Err(SharedError::Cluster(_)) => elsewhere += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!((1..40).contains(&elsewhere), "{elsewhere} of 40 clinics lie elsewhere");
}
