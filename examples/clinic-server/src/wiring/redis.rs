//! The Redis that several processes share, if there is one.

use super::StartError;
use crate::{config::RedisUrl, http::SharedCounts};
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

/// Reaches for it, and does not wait: a server starts and serves without it.
pub(super) fn connect(url: &RedisUrl, vault: &Vault) -> Result<SharedCounts, StartError> {
    // One process-wide choice; a second call finds it made.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::open(url.expose()).map_err(|_| StartError::Redis)?;
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(ANSWER_MAX))
        .set_response_timeout(Some(ANSWER_MAX))
        .set_max_delay(PAUSE_MAX);
    let connection =
        ConnectionManager::new_lazy_with_config(client, config).map_err(|_| StartError::Redis)?;
    let secret = vault.secret("rate-limit-keys").map_err(StartError::Keys)?;
    Ok(SharedCounts::new(RedisLink::new(connection), secret.as_slice()))
}
