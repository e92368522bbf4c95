use super::{input::RedisInput, link::RedisLink};
use redis::{ErrorKind, FromRedisValue, RedisResult, Script, ServerErrorKind, Value};
use std::{borrow::Cow, fmt};

/// A Lua script that a server keeps by its hash.
///
/// A run is one round trip, and two when the server does not know the script, because it never saw it, was restarted, or was
/// told to forget. In a cluster each node learns it by itself. For an example see [`RedisLink`].
#[derive(Clone)]
pub struct RedisScript {
    code: Cow<'static, str>,
    hash: String,
}

impl RedisScript {
    /// A script. Nothing is sent.
    #[must_use]
    pub fn new(code: impl Into<Cow<'static, str>>) -> Self {
        let code = code.into();
        let hash = Script::new(&code).get_hash().to_owned();
        Self { code, hash }
    }

    /// Its SHA-1, as the server calls it.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Runs it on the server. Dropping the future may leave it run.
    ///
    /// # Errors
    /// As [`RedisLink::send`]; what the script raises; an answer that is no `T`.
    pub async fn run<T: FromRedisValue>(&self, link: &RedisLink, input: &RedisInput) -> RedisResult<T> {
        Ok(redis::from_redis_value(self.ask(link, input).await?)?)
    }

    async fn ask(&self, link: &RedisLink, input: &RedisInput) -> RedisResult<Value> {
        match link.send(&input.command("EVALSHA", &self.hash)).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                link.send(&input.command("EVAL", &self.code)).await
            }
            answered => answered,
        }
    }
}

impl fmt::Debug for RedisScript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisScript({})", self.hash)
    }
}
