use redis::{Cmd, RedisFuture, Value, aio::ConnectionLike};
use std::fmt;

/// The host's own connection or pool, as the shared tier sees it.
pub(super) trait Link: Send + Sync {
    /// Sends one command and waits for its answer.
    fn send<'a>(&'a self, command: &'a Cmd) -> RedisFuture<'a, Value>;
}

/// A connection whose clones share one socket: `MultiplexedConnection`, `ConnectionManager`, a cluster's.
pub(super) struct Cloned<C>(pub(super) C);

impl<C: ConnectionLike + Clone + Send + Sync> Link for Cloned<C> {
    fn send<'a>(&'a self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        let mut connection = self.0.clone();
        Box::pin(async move { connection.req_packed_command(command).await })
    }
}

#[cfg(feature = "deadpool")]
pub(super) struct Pooled(pub(super) deadpool_redis::Pool);

#[cfg(feature = "deadpool")]
impl Link for Pooled {
    fn send<'a>(&'a self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let mut connection = self.0.get().await.map_err(|error| match error {
                deadpool_redis::PoolError::Backend(error) => error,
                _ => redis::RedisError::from((redis::ErrorKind::Io, "the pool has no connection")),
            })?;
            connection.req_packed_command(command).await
        })
    }
}

impl fmt::Debug for dyn Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its own Debug may show a password.
        f.write_str("Link(..)")
    }
}
