//! The Redis that several processes share, if there is one.

use super::StartError;
use crate::{config::RedisUrl, http::SharedCounts};
use healthcare_cache::RedisShared;
use healthcare_core::Vault;
use healthcare_resilience::RedisLink;
use redis::{
    Client,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use std::time::Duration;

/// Longer than a network that works takes, shorter than a person notices.
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// How long it is waited between two tries to reach it, at most: it is back within so much of its restart.
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// The connection for questions, and where a node of the cache listens.
pub(super) struct SharedRedis {
    link: RedisLink,
    client: Client,
}

/// Reaches for it, and does not wait: a server starts and serves without it.
pub(super) fn connect(url: &RedisUrl) -> Result<SharedRedis, StartError> {
    // One process-wide choice; a second call finds it made.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::open(url.expose()).map_err(|_| StartError::Redis)?;
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(ANSWER_MAX))
        .set_response_timeout(Some(ANSWER_MAX))
        .set_max_delay(PAUSE_MAX);
    let connection = ConnectionManager::new_lazy_with_config(client.clone(), config);
    Ok(SharedRedis { link: RedisLink::new(connection.map_err(|_| StartError::Redis)?), client })
}

impl SharedRedis {
    /// Where rates are counted.
    pub(super) fn counts(&self, vault: &Vault) -> Result<SharedCounts, StartError> {
        let secret = vault.secret("rate-limit-keys").map_err(StartError::Keys)?;
        Ok(SharedCounts::new(self.link.clone(), secret.as_slice()))
    }

    /// Where rows are kept, sealed. A house of another master key has keys and a channel of its own, also on the same Redis.
    pub(super) fn tier(&self, vault: &Vault) -> Result<RedisShared, StartError> {
        let house = vault.secret("cache-prefix").map_err(StartError::Keys)?;
        let house = house.iter().take(4).fold(0_u32, |all, byte| all << 8 | u32::from(*byte));
        RedisShared::builder()
            .link(self.link.clone())
            .listener(self.client.clone())
            .prefix(format!("clinic-cache-{house:08x}"))
            .build()
            .map_err(|error| StartError::Wiring(error.into()))
    }
}
