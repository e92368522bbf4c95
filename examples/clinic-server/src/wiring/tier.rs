//! Processes on one database share a Redis, or none of them has one.
//!
//! What is to be forgotten is carried by the outbox, and whoever relays it says that it is done. A process without the Redis would say so of what
//! nobody was told.

use super::{Server, StartError};
use crate::config::Config;
use healthcare_core::Clock;
use healthcare_db::{Database, DbError, MemoryTier, SqlMemoryTiers};
use healthcare_resilience::{Shutdown, Token};
use std::{sync::Arc, time::Duration};

/// How often a process says that it is still there: three times as often as it must.
const EVERY: Duration = Duration::from_secs(20);

/// What this process said of itself.
#[derive(Debug, Clone)]
pub(super) struct Tier {
    tiers: SqlMemoryTiers,
    is_shared: bool,
}

impl Tier {
    /// Says what this process has, unless one of the other kind is at work.
    pub(super) async fn enter(
        config: &Config,
        database: &Database,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        let tier = if config.redis.is_some() { MemoryTier::Shared } else { MemoryTier::None };
        let tiers = SqlMemoryTiers::new(database.clone(), Arc::clone(clock), tier);
        let others = tiers.hold().await.map_err(StartError::Database)?;
        if let Some(until) = others.opposed_until {
            tiers.leave().await.map_err(StartError::Database)?;
            let seconds = until.duration_since(clock.now()).as_secs().max(0) + 1;
            return Err(match tier {
                MemoryTier::Shared => StartError::WithoutRedis { seconds },
                MemoryTier::None => StartError::WithRedis { seconds },
            });
        }
        Ok(Self { tiers, is_shared: tier == MemoryTier::Shared })
    }

    /// Says it again and again, until the last stage: by then the others were told what they are to forget.
    pub(super) fn keep(&self, shutdown: &Shutdown) -> Result<(), StartError> {
        let stage = shutdown.stage("ops").map_err(|error| StartError::Wiring(error.into()))?;
        let kept = renew(self.tiers.clone(), stage.token());
        drop(stage.spawn("memory-tier", kept).map_err(|error| StartError::Wiring(error.into()))?);
        Ok(())
    }
}

async fn renew(tiers: SqlMemoryTiers, token: Token) {
    let mut turns = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = token.until_stopping() => break,
            _ = turns.tick() => said(tiers.hold().await.map(|others| others.opposed_until.is_some())),
        }
    }
    if let Err(error) = tiers.leave().await {
        tracing::warn!(%error, "that this process ends could not be said: for a minute it is taken to be there");
    }
}

/// It was away for longer than it is taken to be there, and one of the other kind has begun.
fn said(renewed: Result<bool, DbError>) {
    match renewed {
        Ok(false) => {}
        Ok(true) => tracing::error!(
            "processes with and without --redis-url work on this database: rows may be shown that are old. Give it to all or to none"
        ),
        Err(error) => tracing::warn!(%error, "that this process is there could not be said"),
    }
}

impl Server {
    /// Forgets what lies in the Redis: it may be from before a time in which nobody shared it. That others share it says nothing: they may
    /// have begun at the same moment.
    pub(super) async fn forget_stale(&self) {
        if self.tier.is_shared {
            let reach = self.app.caches.node().purge_all().await;
            tracing::info!(?reach, "what lay in the Redis is forgotten");
        }
    }
}
