//! Processes on one database share a Redis, or none of them has one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;

use clinic_server::{
    config::{Config, KeySource},
    wiring::{Process, Server, StartError, wire_with},
};
use common::Site;
use healthcare_core::ManualClock;
use std::{sync::Arc, time::Duration};

on_both_databases!(
    a_process_without_the_redis_of_the_others_is_refused,
    a_process_with_a_redis_that_the_others_lack_is_refused,
    who_was_killed_counts_as_ended_after_a_minute,
);

/// One that nobody answers: what is asked here needs none.
const REDIS: &str = "redis://127.0.0.1:9/";

struct Town {
    site: Site,
    clock: Arc<ManualClock>,
    count: u32,
}

impl Town {
    fn new(site: Site) -> Self {
        Self { site, clock: Arc::new(ManualClock::at(jiff::Timestamp::now())), count: 0 }
    }

    /// A process with a data directory of its own.
    async fn process(&mut self, process: Process, redis: Option<&str>) -> Result<Server, StartError> {
        let (mut config, own) = (self.site.config.clone(), self.count > 0);
        if own {
            let KeySource::Generated(key) = config.key.clone() else { panic!("a demonstration's key") };
            let data_dir = self.site.dir.path().join(format!("data-{}", self.count));
            config = Config { data_dir, key: KeySource::File(key), ..config };
        }
        self.count += 1;
        config.redis = redis.map(|url| url.parse().unwrap());
        wire_with(&config, process, Arc::clone(&self.clock) as _).await
    }
}

async fn end(server: Server) {
    server.shutdown.begin();
    assert!(server.shutdown.drain().await.is_clean());
    let audit = server.app.audit.clone();
    tokio::task::spawn_blocking(move || audit.close()).await.unwrap().unwrap();
    server.database.close().await;
}

async fn a_process_without_the_redis_of_the_others_is_refused(site: Site) {
    let mut town = Town::new(site);
    let serve = town.process(Process::Serve, Some(REDIS)).await.unwrap();
    let worker = town.process(Process::Worker, Some(REDIS)).await.unwrap();
    for process in [Process::Worker, Process::Import, Process::Clinic, Process::Serve, Process::All] {
        let refused = town.process(process, None).await.unwrap_err();
        assert!(matches!(refused, StartError::WithRedis { seconds: 1..=61 }), "{refused:?}");
        assert!(refused.to_string().contains("--redis-url"), "{refused}");
    }
    // It left nothing behind, and the last one frees the place.
    end(town.process(Process::Import, Some(REDIS)).await.unwrap()).await;
    end(serve).await;
    town.process(Process::Worker, None).await.unwrap_err();
    end(worker).await;
    end(town.process(Process::Worker, None).await.unwrap()).await;
}

async fn a_process_with_a_redis_that_the_others_lack_is_refused(site: Site) {
    let mut town = Town::new(site);
    let worker = town.process(Process::Worker, None).await.unwrap();
    let refused = town.process(Process::Serve, Some(REDIS)).await.unwrap_err();
    assert!(matches!(refused, StartError::WithoutRedis { .. }), "{refused:?}");
    end(town.process(Process::Import, None).await.unwrap()).await;
    end(worker).await;
    end(town.process(Process::Serve, Some(REDIS)).await.unwrap()).await;
}

async fn who_was_killed_counts_as_ended_after_a_minute(site: Site) {
    let mut town = Town::new(site);
    // Nothing of it runs, and it does not say goodbye.
    let killed = town.process(Process::Worker, None).await.unwrap();
    killed.database.close().await;
    town.clock.advance(Duration::from_secs(59));
    town.process(Process::Serve, Some(REDIS)).await.unwrap_err();
    town.clock.advance(Duration::from_secs(1));
    end(town.process(Process::Serve, Some(REDIS)).await.unwrap()).await;
}
