//! What a process may remember, and how it hears what others change.
//!
//! With a Redis all processes share a tier, and each hears what the others purge. Without one, nobody would tell: then only a process that
//! does everything itself remembers anything, and only on SQLite, for a PostgreSQL database may have a second one that nobody mentioned.

use super::{Process, Server, StartError, redis::SharedRedis};
use crate::Caches;
use healthcare_cache::{CacheNode, Coherence};
use healthcare_core::{Boundary, Clock, Vault};
use healthcare_db::{Database, Dialect};
use std::sync::Arc;

/// The stage in which a node says goodbye: longer than its bound of three seconds.
pub(super) const STAGE: &str = "cache";
pub(super) const GOODBYE_MAX: std::time::Duration = std::time::Duration::from_secs(4);

/// The caches of this process, and what keeps them coherent with those of the others.
pub(super) fn wire(
    redis: Option<&SharedRedis>,
    (database, process): (&Database, Process),
    boundary: &Boundary,
    (vault, clock): (&Arc<Vault>, &Arc<dyn Clock>),
) -> Result<(Caches, Option<Coherence>), StartError> {
    let wrong = |error: healthcare_resilience::BoxError| StartError::Wiring(error);
    let Some(redis) = redis else {
        let node = CacheNode::with_clock(Arc::clone(clock));
        // A command that runs beside a server is not told what that one writes.
        let is_alone = process == Process::All && database.dialect() == Dialect::Sqlite;
        let caches = if is_alone { Caches::keeping(node, &boundary.storage) } else { Ok(Caches::none(node)) };
        return Ok((caches.map_err(wrong)?, None));
    };
    let secret = vault.secret("cache-names").map_err(StartError::Keys)?;
    let (node, coherence) = CacheNode::builder()
        .clock(Arc::clone(clock))
        .shared(redis.tier(vault)?)
        .secret(&secret)
        .cipher(vault.cache_cipher())
        .build()
        .map_err(|error| wrong(error.into()))?;
    Ok((Caches::keeping(node, &boundary.storage).map_err(wrong)?, Some(coherence)))
}

impl Server {
    /// Begins to hear what other processes change, until the stage `cache` ends: after all that may still write, and with a goodbye, so that the others need not
    /// forget what they have. Before it is called, what is remembered is not used.
    ///
    /// # Errors
    /// When the server is stopping.
    pub async fn hear(&mut self) -> Result<(), StartError> {
        let Some(coherence) = self.coherence.take() else { return Ok(()) };
        let stage = self.shutdown.stage(STAGE).map_err(|error| StartError::Wiring(error.into()))?;
        let hearing = coherence.run_until(stage.until_stopping());
        drop(stage.spawn("coherence", hearing).map_err(|error| StartError::Wiring(error.into()))?);
        self.forget_stale().await;
        Ok(())
    }

    /// Ends a command that served nobody: what it owes the other processes is told, then log and database are closed.
    ///
    /// # Errors
    /// When the audit log cannot be closed.
    pub(crate) async fn close(self) -> Result<(), healthcare_resilience::BoxError> {
        self.shutdown.begin();
        self.shutdown.drain().await;
        let audit = self.app.audit.clone();
        tokio::task::spawn_blocking(move || audit.close()).await??;
        self.database.close().await;
        Ok(())
    }
}
