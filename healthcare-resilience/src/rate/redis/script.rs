use super::link::Link;
use redis::{Cmd, ErrorKind, RedisResult, Script, ServerErrorKind, Value};
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
        let value = match send(link, question.command("EVALSHA", self.0.get_hash())).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                send(link, question.command("EVAL", CODE)).await
            }
            answered => answered,
        }?;
        let (granted, used): (u32, u64) = redis::from_redis_value(value)?;
        Ok(Answer { granted, used })
    }
}

/// A connection may hand out the server's error as a value: a `MultiplexedConnection` does.
async fn send(link: &dyn Link, command: Cmd) -> RedisResult<Value> {
    link.send(&command).await?.extract_error()
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

#[cfg(test)]
mod tests {
    use super::*;
    use redis::RedisFuture;

    /// A server that knows no script, behind a connection that hands out errors as values, or as errors.
    struct Forgetful {
        as_value: bool,
    }

    impl Link for Forgetful {
        fn send<'a>(&'a self, command: &'a Cmd) -> RedisFuture<'a, Value> {
            let is_hash = command.args_iter().next() == Some(redis::Arg::Simple(b"EVALSHA"));
            let answer: &[u8] = if is_hash { b"-NOSCRIPT gone\r\n" } else { b"*2\r\n:1\r\n:20\r\n" };
            let value = redis::parse_redis_value(answer).unwrap();
            let answer = if self.as_value { Ok(value) } else { value.extract_error() };
            Box::pin(async move { answer })
        }
    }

    #[tokio::test]
    async fn a_server_that_forgot_the_script_is_told_it_again() {
        for as_value in [false, true] {
            let question = Question {
                bucket: b"bucket",
                decision: None,
                interval: 20,
                capacity: 100,
                needed: 1,
                wanted: 1,
                decision_ms: 1,
            };
            let answer = GcraScript::new().ask(&Forgetful { as_value }, &question).await.unwrap();
            assert_eq!(answer, Answer { granted: 1, used: 20 }, "errors as values: {as_value}");
        }
    }
}
