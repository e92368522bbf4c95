//! A real cluster of three nodes, through a cluster's client.

use crate::{builder, fresh, reason};
use healthcare_resilience::{
    Quota, RateToken, RedisInput, RedisLink, RedisScript, RejectReason, testing::RedisCluster,
};
use redis::cluster_async::ClusterConnection;

async fn connect(cluster: &RedisCluster) -> ClusterConnection {
    redis::cluster::ClusterClient::new(cluster.urls()).unwrap().get_async_connection().await.unwrap()
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn keys_on_all_nodes_of_a_cluster_are_limited_each_on_its_own() {
    let cluster = RedisCluster::start();
    let connection = connect(&cluster).await;
    let instance = || builder(Quota::per_hour(3), connection.clone()).build().unwrap();
    let (one, two) = (instance(), instance());
    // Thirty keys lie on every node but for a chance of one in sixty thousand.
    for _ in 0..30 {
        let (key, token) = (fresh(), RateToken::random());
        one.acquire(&key).await.unwrap();
        for limit in [&one, &two, &one] {
            assert_eq!(limit.acquire_once(&key, 1, token).await.unwrap().remaining(), 1);
        }
        two.acquire(&key).await.unwrap();
        assert_eq!(reason(one.acquire(&key).await), RejectReason::RateLimited);
    }
    for url in cluster.urls() {
        let mut node = crate::connect(&url).await;
        let keys: usize = redis::cmd("DBSIZE").query_async(&mut node).await.unwrap();
        assert!(keys > 0, "{url} was left out");
    }
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn leases_are_spent_over_a_cluster_too() {
    let cluster = RedisCluster::start();
    let connection = connect(&cluster).await;
    let limit = builder(Quota::per_hour(25), connection).lease(10).build().unwrap();
    for _ in 0..5 {
        let key = fresh();
        let mut admitted = 0;
        for _ in 0..50 {
            admitted += usize::from(limit.acquire(&key).await.is_ok());
        }
        assert_eq!(admitted, 25);
    }
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn each_node_learns_a_script_and_keys_of_two_slots_are_refused() {
    let cluster = RedisCluster::start();
    let link = RedisLink::new(connect(&cluster).await);
    let add = RedisScript::new("return redis.call('INCRBY', KEYS[1], ARGV[1])");
    for number in 0..30 {
        let input = RedisInput::new().key(format!("{{{number}}}")).arg(number);
        assert_eq!(add.run::<u64>(&link, &input).await.unwrap(), number);
    }
    let two = RedisInput::new().key("{a}").key("{b}").arg(1);
    assert_eq!(add.run::<u64>(&link, &two).await.unwrap_err().code(), Some("CROSSSLOT"));
}
