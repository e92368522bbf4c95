use super::link::Link;
use redis::{Cmd, ErrorKind, RedisError, RedisResult, Script, ServerErrorKind, Value};
use std::fmt;

/// What the script is asked.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    /// The bucket's key.
    pub(crate) bucket: &'a [u8],
    /// The decision's key, when it must not be charged twice.
    pub(crate) decision: Option<&'a [u8]>,
    pub(crate) interval: u64,
    pub(crate) capacity: u64,
    pub(crate) needed: u32,
    pub(crate) wanted: u32,
    pub(crate) decision_ms: u64,
}

/// What the script answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Permits; zero when refused.
    pub(crate) granted: u32,
    /// How much of the bucket is in use, in microseconds.
    pub(crate) used: u64,
}

/// The algorithm as the server runs it.
pub(crate) struct GcraScript(Script);

const CODE: &str = include_str!("gcra.lua");

impl GcraScript {
    pub(crate) fn new() -> Self {
        Self(Script::new(CODE))
    }

    /// One round trip; two when the server does not know the script, because it was restarted or told to forget.
    pub(crate) async fn ask(&self, link: &dyn Link, question: &Question<'_>) -> RedisResult<Answer> {
        let value = match link.send(&question.command("EVALSHA", self.0.get_hash())).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                link.send(&question.command("EVAL", CODE)).await
            }
            answered => answered,
        }?;
        // A connection may hand out the server's error as a value.
        let (granted, used): (u32, u64) = match value {
            Value::ServerError(error) => return Err(RedisError::from(error)),
            value => redis::from_redis_value(value)?,
        };
        Ok(Answer { granted, used })
    }
}

impl fmt::Debug for GcraScript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GcraScript({})", self.0.get_hash())
    }
}

impl Question<'_> {
    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(1 + usize::from(self.decision.is_some())).arg(self.bucket).arg(self.decision);
        command.arg(self.interval).arg(self.capacity).arg(self.needed).arg(self.wanted).arg(self.decision_ms);
        command
    }
}
