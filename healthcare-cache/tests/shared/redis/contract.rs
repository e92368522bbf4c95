use super::{client, connect, fresh, tier, url};
use healthcare_cache::{
    RedisShared, RedisSharedError, ScopeMark, SharedLimits, SharedLimitsError,
    testing::{Loss, SharedRig, shared_contract, shared_limits},
};
use redis::aio::MultiplexedConnection;
use std::time::Duration;

struct InRedis {
    connection: MultiplexedConnection,
    prefix: String,
    pool: Option<deadpool_redis::Pool>,
}

impl SharedRig for InRedis {
    type Tier = RedisShared;

    fn node(&self) -> RedisShared {
        match &self.pool {
            None => tier(self.connection.clone(), &self.prefix),
            Some(pool) => {
                let builder =
                    RedisShared::builder().pool(pool.clone()).prefix(self.prefix.clone()).listener(client());
                builder.limits(shared_limits()).build().unwrap()
            }
        }
    }

    async fn pass(&self, time: Duration) {
        let end = self.now().await + time;
        while self.now().await <= end {
            tokio::task::yield_now().await;
        }
    }

    async fn lose(&self, scope: ScopeMark, loss: Loss) {
        let mut connection = self.connection.clone();
        let base = format!("{}:{{{:032x}}}:", self.prefix, u128::from_be_bytes(scope.0));
        let mut names = Vec::new();
        if loss.numbers {
            names.push(format!("{base}s"));
        }
        if loss.marks {
            names.push(format!("{base}m"));
        }
        if loss.values {
            let values: Vec<String> =
                redis::cmd("KEYS").arg(format!("{base}[vl]:*")).query_async(&mut connection).await.unwrap();
            names.extend(values);
        }
        for name in names {
            let _: i64 = redis::cmd("DEL").arg(name).query_async(&mut connection).await.unwrap();
        }
    }
}

impl InRedis {
    async fn now(&self) -> Duration {
        let mut connection = self.connection.clone();
        let (seconds, micros): (u64, u64) = redis::cmd("TIME").query_async(&mut connection).await.unwrap();
        Duration::from_secs(seconds) + Duration::from_micros(micros)
    }
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn the_tier_in_redis_keeps_the_contract() {
    let connection = connect(&url()).await;
    shared_contract(async || InRedis { connection: connection.clone(), prefix: fresh(), pool: None }).await;
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn the_tier_over_a_pool_keeps_the_contract() {
    let connection = connect(&url()).await;
    let pool = deadpool_redis::Config::from_url(url())
        .create_pool(Some(deadpool_redis::Runtime::Tokio1))
        .expect("a valid address");
    let make = async || InRedis { connection: connection.clone(), prefix: fresh(), pool: Some(pool.clone()) };
    shared_contract(make).await;
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
}
