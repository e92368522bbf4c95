use super::{
    listen::Sources,
    tier::{Inner, RedisShared},
};
use crate::shared::limits::{SharedLimits, SharedLimitsError};
use healthcare_resilience::RedisLink;
use redis::aio::ConnectionLike;
use std::sync::Arc;

/// The tier cannot be built as described.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedisSharedError {
    /// Neither a link nor a connection nor a pool was given.
    #[error("call link(..), connection(..), or pool(..) with the feature deadpool")]
    NoConnection,
    /// A prefix that is empty, longer than 64 bytes, or could move keys to another slot of a cluster.
    #[error("a prefix is 1 to 64 letters, digits, or any of : _ - .")]
    Prefix,
    /// Limits that make no sense.
    #[error(transparent)]
    Limits(#[from] SharedLimitsError),
}

/// Describes a [`RedisShared`].
#[derive(Debug)]
#[must_use = "call build()"]
pub struct RedisSharedBuilder {
    link: Option<RedisLink>,
    sources: Sources,
    prefix: String,
    limits: SharedLimits,
}

impl RedisSharedBuilder {
    pub(super) fn new() -> Self {
        Self {
            link: None,
            sources: Sources::new(),
            prefix: "cache".to_owned(),
            limits: SharedLimits::default(),
        }
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
    pub fn build(self) -> Result<RedisShared, RedisSharedError> {
        let link = self.link.ok_or(RedisSharedError::NoConnection)?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b":_-.".contains(&byte);
        if !(1..=64).contains(&self.prefix.len()) || !self.prefix.bytes().all(is_plain) {
            return Err(RedisSharedError::Prefix);
        }
        let limits = self.limits.checked()?;
        Ok(RedisShared(Arc::new(Inner::new(link, self.sources, self.prefix, limits))))
    }
}
