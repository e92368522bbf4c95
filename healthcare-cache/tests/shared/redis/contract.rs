use super::{connect, fresh, url};
use healthcare_cache::{
    Fetched, Mark, RedisShared, RedisSharedError, ScopeMark, SharedLimits, SharedLimitsError,
    SharedTier as _,
    testing::{Loss, SharedRig, shared_contract, shared_limits},
};
use healthcare_resilience::{RedisLink, testing::RedisCluster};
use redis::{Client, aio::MultiplexedConnection, cluster::ClusterClient};
use std::time::Duration;

pub(super) struct InRedis {
    link: RedisLink,
    servers: Vec<MultiplexedConnection>,
    clients: Vec<Client>,
    prefix: String,
}

impl SharedRig for InRedis {
    type Tier = RedisShared;

    fn node(&self) -> RedisShared {
        let mut builder = RedisShared::builder().link(self.link.clone()).prefix(self.prefix.clone());
        for client in &self.clients {
            builder = builder.listener(client.clone());
        }
        builder.limits(shared_limits()).build().unwrap()
    }

    async fn pass(&self, time: Duration) {
        let end = self.now().await + time;
        while self.now().await <= end {
            tokio::task::yield_now().await;
        }
    }

    async fn lose(&self, scope: ScopeMark, loss: Loss) {
        let lost = [(loss.numbers, "s"), (loss.marks, "m"), (loss.values, "[vl]:*")];
        for name in lost.iter().filter(|(is_lost, _)| *is_lost).map(|(_, name)| name) {
            let name = format!("{}:{{{:032x}}}:{name}", self.prefix, u128::from_be_bytes(scope.0));
            for mut server in self.servers.clone() {
                let names: Vec<String> =
                    redis::cmd("KEYS").arg(&name).query_async(&mut server).await.unwrap();
                if !names.is_empty() {
                    let _: i64 = redis::cmd("DEL").arg(names).query_async(&mut server).await.unwrap();
                }
            }
        }
    }
}

impl InRedis {
    async fn now(&self) -> Duration {
        let mut connection = self.servers[0].clone();
        let (seconds, micros): (u64, u64) = redis::cmd("TIME").query_async(&mut connection).await.unwrap();
        Duration::from_secs(seconds) + Duration::from_micros(micros)
    }

    /// Runs the suite over `link`, whose servers are at `urls`, listening to `clients`.
    pub(super) async fn contract(link: RedisLink, clients: Vec<Client>, urls: &[String]) {
        let mut servers = Vec::new();
        for url in urls {
            servers.push(connect(url).await);
        }
        let make = async || Self {
            link: link.clone(),
            servers: servers.clone(),
            clients: clients.clone(),
            prefix: fresh(),
        };
        shared_contract(make).await;
    }
}

fn clients(urls: &[String]) -> Vec<Client> {
    urls.iter().map(|url| Client::open(url.as_str()).unwrap()).collect()
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn the_tier_in_redis_keeps_the_contract() {
    Box::pin(InRedis::contract(RedisLink::new(connect(&url()).await), clients(&[url()]), &[url()])).await;
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn the_tier_over_a_pool_keeps_the_contract() {
    let pool = deadpool_redis::Config::from_url(url())
        .create_pool(Some(deadpool_redis::Runtime::Tokio1))
        .expect("a valid address");
    Box::pin(InRedis::contract(RedisLink::pool(pool), clients(&[url()]), &[url()])).await;
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn the_tier_keeps_the_contract_in_the_third_version_of_the_protocol() {
    let newer = format!("{}?protocol=resp3", url());
    Box::pin(InRedis::contract(RedisLink::new(connect(&newer).await), clients(&[url()]), &[url()])).await;
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn the_tier_in_a_cluster_keeps_the_contract() {
    let cluster = RedisCluster::start();
    let urls = cluster.urls();
    let client = ClusterClient::new(urls.clone()).unwrap();
    let link = RedisLink::new(client.get_async_connection().await.unwrap());
    Box::pin(InRedis::contract(link, clients(&urls), &urls)).await;
    for url in urls {
        let kept: u64 = redis::cmd("DBSIZE").query_async(&mut connect(&url).await).await.unwrap();
        assert!(kept > 10, "the clinics lie on all servers: {kept}");
    }
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn what_makes_no_sense_is_refused() {
    let connection = connect(&url()).await;
    let build = |prefix: &str, limits| {
        RedisShared::builder()
            .connection(connection.clone())
            .prefix(prefix)
            .limits(limits)
            .build()
            .map(|_| ())
    };
    assert_eq!(RedisShared::builder().build().map(|_| ()), Err(RedisSharedError::NoConnection));
    assert_eq!(build("a:b_c-d.9", SharedLimits::default()), Ok(()));
    for prefix in ["", "{a}", "a b", "é", &"a".repeat(65)] {
        assert_eq!(build(prefix, SharedLimits::default()), Err(RedisSharedError::Prefix), "{prefix}");
    }
    let limits = SharedLimits::default().value_max(0);
    assert_eq!(build("a", limits), Err(RedisSharedError::Limits(SharedLimitsError::Value)));
    let by_url = |url: &str| RedisShared::builder().url(url).build().map(|_| ());
    assert_eq!(by_url("http://host/"), Err(RedisSharedError::Url));
    assert_eq!(by_url("redis://nobody:secret@127.0.0.1:1/"), Ok(()), "nothing is sent yet");
    assert!(!format!("{:?}", RedisShared::builder().url("redis://nobody:secret@host/")).contains("secret"));
}

/// The history's nodes use the URL through stalls, kills and restarts of the server.
#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn a_url_is_enough_to_keep_values_and_to_hear() {
    let tier = RedisShared::builder().url(url()).prefix("by-url").build().unwrap();
    let mut ear = tier.listen().await.unwrap();
    tier.say(b"here").await.unwrap();
    assert_eq!(ear.next().await.unwrap(), b"here");
    let found = tier.fetch(ScopeMark(fastrand::u128(..).to_be_bytes()), Mark([1; 16])).await.unwrap();
    assert!(matches!(found, Fetched::Miss(_)));
}
