use super::{
    listen::Sources,
    tier::{Inner, RedisShared},
};
use crate::shared::limits::{SharedLimits, SharedLimitsError};
use healthcare_resilience::RedisLink;
use redis::{
    Client,
    aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig},
};
use std::{fmt, sync::Arc, time::Duration};

/// How long one try to connect may take, and how long is waited at most before the next.
const CONNECT: Duration = Duration::from_secs(1);

/// The tier cannot be built as described.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedisSharedError {
    /// Neither a URL nor a link nor a connection nor a pool was given.
    #[error("call url(..), link(..), connection(..), or pool(..) with the feature deadpool")]
    NoConnection,
    /// No URL of a Redis server. It is not repeated here, for it may hold a password.
    #[error(
        "the URL is not understood: redis://host:6379/, or rediss://user:password@host:6379/ where redis is built with TLS"
    )]
    Url,
    /// A prefix that is empty, longer than 64 bytes, or could move keys to another slot of a cluster.
    #[error("a prefix is 1 to 64 letters, digits, or any of : _ - .")]
    Prefix,
    /// Limits that make no sense.
    #[error(transparent)]
    Limits(#[from] SharedLimitsError),
}

/// Describes a [`RedisShared`].
#[must_use = "call build()"]
pub struct RedisSharedBuilder {
    url: Option<String>,
    link: Option<RedisLink>,
    sources: Sources,
    prefix: String,
    limits: SharedLimits,
}

impl RedisSharedBuilder {
    pub(super) fn new() -> Self {
        Self {
            url: None,
            link: None,
            sources: Sources::new(),
            prefix: "cache".to_owned(),
            limits: SharedLimits::default(),
        }
    }

    /// A server by its URL, for who has no connection yet: connected when it is first used, again whenever it is lost, and
    /// listened to over a second socket. Takes the place of [`link`](Self::link) and [`listener`](Self::listener).
    ///
    /// ```
    /// # use healthcare_cache::RedisShared;
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// let tier = RedisShared::builder().url("redis://127.0.0.1:6379/").build()?;
    /// # Ok::<(), healthcare_cache::RedisSharedError>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// The host's own Redis. Give it a time-out: the tier has none of its own.
    pub fn link(mut self, link: RedisLink) -> Self {
        self.link = Some(link);
        self
    }

    /// The host's own connection, whose clones share a socket. Give it a time-out, too, and let it be one that finds its way back, as
    /// a `ConnectionManager` or a cluster's does: after a restart of the server, a `MultiplexedConnection` would leave the node deaf for
    /// good.
    pub fn connection(self, connection: impl ConnectionLike + Clone + Send + Sync + 'static) -> Self {
        self.link(RedisLink::new(connection))
    }

    /// The host's own pool.
    #[cfg(feature = "deadpool")]
    #[cfg_attr(docsrs, doc(cfg(feature = "deadpool")))]
    pub fn pool(self, pool: deadpool_redis::Pool) -> Self {
        self.link(RedisLink::pool(pool))
    }

    /// Where the node hears what others forget: subscribing takes a socket of its own. For a cluster call it for several of
    /// its servers: each speaks for all, and when one is gone the next is asked.
    pub fn listener(mut self, client: redis::Client) -> Self {
        self.sources.add(client);
        self
    }

    /// What all keys begin with; `cache` when never called. Nodes that share values share it.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How much is kept and taken. The same for all nodes.
    pub const fn limits(mut self, limits: SharedLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The tier. Nothing is sent yet.
    ///
    /// # Errors
    /// [`RedisSharedError`] names what was forgotten or makes no sense.
    pub fn build(mut self) -> Result<RedisShared, RedisSharedError> {
        if let Some(url) = self.url.take() {
            let client = Client::open(url).map_err(|_| RedisSharedError::Url)?;
            let manager = ConnectionManager::new_lazy_with_config(client.clone(), patience());
            self = self.connection(manager.map_err(|_| RedisSharedError::Url)?).listener(client);
        }
        let link = self.link.ok_or(RedisSharedError::NoConnection)?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b":_-.".contains(&byte);
        if !(1..=64).contains(&self.prefix.len()) || !self.prefix.bytes().all(is_plain) {
            return Err(RedisSharedError::Prefix);
        }
        let limits = self.limits.checked()?;
        Ok(RedisShared(Arc::new(Inner::new(link, self.sources, self.prefix, limits))))
    }
}

fn patience() -> ConnectionManagerConfig {
    ConnectionManagerConfig::new().set_connection_timeout(Some(CONNECT)).set_max_delay(CONNECT)
}

/// Shows no URL: it may hold a password.
impl fmt::Debug for RedisSharedBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSharedBuilder")
            .field("link", &self.link)
            .field("prefix", &self.prefix)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
