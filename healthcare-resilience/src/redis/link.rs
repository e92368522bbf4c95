use redis::{Cmd, ErrorKind, Pipeline, RedisFuture, RedisResult, Value, aio::ConnectionLike};
use std::{fmt, sync::Arc};

/// The host's own Redis, over whatever the host reaches it with: a connection whose clones share one socket, a cluster's,
/// or a pool. Cheap to clone; nothing is sent before it is used.
///
/// It has no time-out and tries nothing twice: that is for who uses it. After a restart of the server it works again as
/// soon as what it was made of does, so make it of something that finds its way back: a `ConnectionManager`, a
/// `ClusterConnection`, or a pool.
///
/// ```no_run
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// use healthcare_resilience::{RedisInput, RedisLink, RedisScript};
///
/// let client = redis::Client::open("redis://127.0.0.1/")?;
/// let link = RedisLink::new(client.get_multiplexed_async_connection().await?);
///
/// let most = RedisScript::new(
///     "local most = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), tonumber(ARGV[1]))
///      redis.call('SET', KEYS[1], most)
///      return most",
/// );
/// let most: u64 = most.run(&link, &RedisInput::new().key("{beds}:most").arg(12)).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RedisLink(Arc<dyn Carrier>);

/// Sends one command, or several in one round trip.
trait Carrier: Send + Sync {
    fn send<'a>(&'a self, command: &'a Cmd) -> RedisFuture<'a, Value>;
    fn send_all<'a>(&'a self, commands: &'a Pipeline) -> RedisFuture<'a, Vec<Value>>;
}

struct Cloned<C>(C);

impl<C: ConnectionLike + Clone + Send + Sync> Carrier for Cloned<C> {
    fn send<'a>(&'a self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        let mut connection = self.0.clone();
        Box::pin(async move { connection.req_packed_command(command).await })
    }

    fn send_all<'a>(&'a self, commands: &'a Pipeline) -> RedisFuture<'a, Vec<Value>> {
        let mut connection = self.0.clone();
        Box::pin(async move { connection.req_packed_commands(commands, 0, commands.len()).await })
    }
}

#[cfg(feature = "deadpool")]
struct Pooled(deadpool_redis::Pool);

#[cfg(feature = "deadpool")]
impl Pooled {
    async fn connection(&self) -> RedisResult<deadpool_redis::Connection> {
        self.0.get().await.map_err(|error| match error {
            deadpool_redis::PoolError::Backend(error) => error,
            _ => redis::RedisError::from((redis::ErrorKind::Io, "the pool has no connection")),
        })
    }
}

#[cfg(feature = "deadpool")]
impl Carrier for Pooled {
    fn send<'a>(&'a self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move { self.connection().await?.req_packed_command(command).await })
    }

    fn send_all<'a>(&'a self, commands: &'a Pipeline) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(
            async move { self.connection().await?.req_packed_commands(commands, 0, commands.len()).await },
        )
    }
}

impl RedisLink {
    /// Over a connection whose clones share one socket: a `MultiplexedConnection`, a `ConnectionManager`, a
    /// `ClusterConnection`, or a test's own.
    #[must_use]
    pub fn new(connection: impl ConnectionLike + Clone + Send + Sync + 'static) -> Self {
        Self(Arc::new(Cloned(connection)))
    }

    /// Over a pool: each command takes a connection of it and gives it back. How long it waits for one is the pool's.
    #[cfg(feature = "deadpool")]
    #[cfg_attr(docsrs, doc(cfg(feature = "deadpool")))]
    #[must_use]
    pub fn pool(pool: deadpool_redis::Pool) -> Self {
        Self(Arc::new(Pooled(pool)))
    }

    /// Sends one command and waits for its answer. In a cluster it goes to the node that has the command's first key.
    ///
    /// # Errors
    /// When it cannot be sent, when the connection breaks, or with what the server answers: an error of the server is an
    /// error here, also where a connection hands it out as a value.
    pub async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        self.0.send(command).await?.extract_error()
    }

    /// Sends several commands in one round trip and waits for their answers, in their order. The server carries them out one
    /// after the other, and may carry out others' in between; an atomic pipeline is refused. In a cluster all go to the node
    /// that has the keys, which must lie in one slot.
    ///
    /// # Errors
    /// As [`send`](Self::send); when one of them fails, that is the error, and the others have been carried out.
    pub async fn send_all(&self, commands: &Pipeline) -> RedisResult<Vec<Value>> {
        if commands.is_transaction() {
            return Err((ErrorKind::InvalidClientConfig, "a transaction is no plain pipeline").into());
        }
        let answers = self.0.send_all(commands).await?;
        answers.into_iter().map(Value::extract_error).collect()
    }
}

impl fmt::Debug for RedisLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The connection's own Debug may show a password.
        f.write_str("RedisLink(..)")
    }
}
