//! The memory tier against the contract, and through a trait object.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use async_trait::async_trait;
use healthcare_cache::{
    Bar, CacheTier, Fence, Lookup, MemoryTier, Purge, PurgeScope, Put, TierError,
    testing::{Rig, SampleKey, tier_contract},
};
use healthcare_core::{ClinicId, Clock as _, ManualClock};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use uuid::Uuid;

struct InMemory<T> {
    clock: Arc<ManualClock>,
    tier: T,
}

impl<T: CacheTier<SampleKey, Vec<u8>>> Rig for InMemory<T> {
    type Tier = T;
    fn tier(&self) -> &T {
        &self.tier
    }
    async fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }
}

#[tokio::test]
async fn the_memory_tier_keeps_the_contract() {
    tier_contract(async || {
        let clock = Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
        let tier: MemoryTier<SampleKey, Vec<u8>> =
            MemoryTier::builder().clock(clock.clone()).build().unwrap();
        InMemory { clock, tier }
    })
    .await;
}

/// What most programs have at home: a map with lives, and removal on purge.
#[derive(Debug)]
struct HomeMade {
    clock: Arc<ManualClock>,
    map: Mutex<HashMap<SampleKey, (Vec<u8>, Duration)>>,
}

#[async_trait]
impl Purge for HomeMade {
    async fn purge(&self, scope: PurgeScope) -> Result<(), TierError> {
        self.map.lock().unwrap().retain(|key, _| match scope {
            PurgeScope::Subject(clinic, subject) => (key.clinic, key.subject) != (clinic, Some(subject)),
            PurgeScope::Clinic(clinic) => key.clinic != clinic,
            _ => false,
        });
        Ok(())
    }
    async fn bar(&self, clinic: ClinicId, subject: Uuid, _: Duration) -> Result<Bar, TierError> {
        self.purge(PurgeScope::Subject(clinic, subject)).await?;
        Ok(Bar::new(0, 0, clinic, subject))
    }
    async fn lift(&self, bar: Bar) -> Result<(), TierError> {
        let (clinic, subject) = bar.subject();
        self.purge(PurgeScope::Subject(clinic, subject)).await
    }
}

#[async_trait]
impl CacheTier<SampleKey, Vec<u8>> for HomeMade {
    async fn get(&self, key: &SampleKey) -> Result<Lookup<SampleKey, Vec<u8>>, TierError> {
        let map = self.map.lock().unwrap();
        Ok(match map.get(key).filter(|(_, until)| self.clock.monotonic() < *until) {
            Some((value, _)) => Lookup::Hit(value.clone()),
            None => Lookup::Miss(Fence::open(*key, 0, [0; 4])),
        })
    }
    async fn put(&self, fence: Fence<SampleKey>, value: Vec<u8>, life: Duration) -> Result<Put, TierError> {
        let until = self.clock.monotonic() + life;
        self.map.lock().unwrap().insert(*fence.key(), (value, until));
        Ok(Put::Stored)
    }
    async fn purge_key(&self, key: &SampleKey) -> Result<(), TierError> {
        self.map.lock().unwrap().remove(key);
        Ok(())
    }
}

#[tokio::test]
#[should_panic(expected = "an old load landed behind a purge")]
async fn the_suite_finds_what_a_home_made_cache_gets_wrong() {
    tier_contract(async || {
        let clock = Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
        let tier = HomeMade { clock: clock.clone(), map: Mutex::default() };
        InMemory { clock, tier }
    })
    .await;
}

#[test]
fn the_seam_is_object_safe_and_gives_its_purge() {
    let tier: Arc<dyn CacheTier<SampleKey, Vec<u8>>> = Arc::new(MemoryTier::builder().build().unwrap());
    let _purge: Arc<dyn Purge> = tier;
}
