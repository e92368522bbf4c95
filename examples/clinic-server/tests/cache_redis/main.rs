//! Two servers on one database that remember with the help of a Redis: what one writes the other forgets, and nobody reads it there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod canary;
mod coherence;
mod killed;
mod register;
mod restart;

use clinic_server::{
    commands::{Running, start},
    config::{Config, DatabaseConfig, KeySource, OpsConfig, Rate, RatePeriod},
};
use common::{Client, Site};
use healthcare_resilience::testing::RedisServer;
use std::time::Duration;
use tokio::time::Instant;

const PATIENTS: &str = "/api/v1/patients";
/// How long anything may take before a test gives up. Nothing is slow on purpose; machines are.
const PATIENCE: Duration = Duration::from_secs(120);

/// Two servers, and the Redis between them.
struct Pair {
    redis: RedisServer,
    site: Site,
    one: Running,
    other: Running,
}

impl Pair {
    async fn start() -> Self {
        let redis = RedisServer::start();
        let mut site = Site::postgres().await;
        site.config.redis = Some(redis.url().parse().unwrap());
        site.config.ops = Some(OpsConfig { listen: ([127, 0, 0, 1], 0).into(), token: None });
        // Enough for whatever a test sends.
        let plenty = Rate { requests: 10_000_000, per: RatePeriod::Hour };
        let limits = &mut site.config.limits;
        (limits.user, limits.clinic, limits.address) = (plenty, plenty, plenty);
        let one = site.start().await;
        let KeySource::Generated(key) = site.config.key.clone() else { panic!("a demonstration's key") };
        let data_dir = site.dir.path().join("second");
        let config = Config { data_dir, key: KeySource::File(key), ..site.config.clone() };
        let other = start(&config).await.unwrap_or_else(|error| panic!("{error}"));
        let pair = Self { redis, site, one, other };
        pair.until_both_hear().await;
        pair
    }

    async fn until_both_hear(&self) {
        let hears = |running: &Running| running.server.app.caches.node().is_hearing();
        until("both hear", async || hears(&self.one) && hears(&self.other)).await;
    }

    /// The same person at either server.
    async fn signed_in(&self, role: &str) -> [Client; 2] {
        let one = Client::signed_in(self.one.address, &format!("{role}@harbour.example")).await;
        let other = Client { address: self.other.address, ..one.clone() };
        [one, other]
    }

    /// The database, for whoever changes it behind the servers' backs.
    fn owner_url(&self) -> String {
        let DatabaseConfig::Postgres { application, .. } = &self.site.config.database else {
            panic!("PostgreSQL")
        };
        let server = std::env::var("HEALTHCARE_TEST_POSTGRES_URL").unwrap();
        let name = application.expose().split('?').next().unwrap().rsplit('/').next().unwrap().to_owned();
        format!("{}/{name}", server.rsplit_once('/').unwrap().0)
    }

    async fn stop(self) {
        let both = [self.one.stop().await, self.other.stop().await];
        for report in both {
            assert!(report.is_clean(), "{report}");
            let goodbye = report.stages.iter().find(|stage| stage.name == "cache").expect("a stage");
            assert_eq!(goodbye.finished, 1, "the node said goodbye before the stage was over");
        }
    }
}

/// Asks until it is so.
async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < end, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What a server's cache counted: hits of its memory, and of the shared tier.
fn hits(running: &Running, cache: &str) -> (u64, u64) {
    let counted = running.server.app.caches.statistics();
    let counted = counted.iter().find(|counted| counted.name == cache).expect("it is kept");
    (counted.hits, counted.shared_hits)
}

async fn ids(client: &Client, path: &str) -> Vec<String> {
    let items = client.get(path).await.expect(200).json()["items"].as_array().unwrap().clone();
    items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}
