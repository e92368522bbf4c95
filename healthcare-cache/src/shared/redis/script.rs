use super::link::Link;
use redis::{Cmd, ErrorKind, RedisResult, Script, ServerErrorKind, Value};
use std::fmt;

/// A script as the server runs it.
pub(super) struct Code {
    text: &'static str,
    hash: String,
}

/// Everything the shared tier asks of the server.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) fetch: Code,
    pub(super) fill: Code,
    pub(super) check: Code,
    pub(super) forget: Code,
    pub(super) bar: Code,
    pub(super) lift: Code,
    pub(super) generation: Code,
}

macro_rules! about_a_clinic {
    ($($file:literal),+) => { Code::new(concat!($(include_str!($file)),+)) };
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            fetch: about_a_clinic!("common.lua", "fetch.lua"),
            fill: about_a_clinic!("common.lua", "fill.lua"),
            check: about_a_clinic!("common.lua", "check.lua"),
            forget: about_a_clinic!("first.lua", "common.lua", "forget.lua"),
            bar: about_a_clinic!("first.lua", "common.lua", "bar.lua"),
            lift: about_a_clinic!("first.lua", "common.lua", "lift.lua"),
            generation: Code::new(include_str!("generation.lua")),
        }
    }
}

impl Code {
    fn new(text: &'static str) -> Self {
        Self { text, hash: Script::new(text).get_hash().to_owned() }
    }

    /// One round trip; two when the server does not know the script, because it was restarted or told to forget.
    pub(super) async fn run(&self, link: &dyn Link, question: &Question) -> RedisResult<Value> {
        match send(link, question.command("EVALSHA", &self.hash)).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                send(link, question.command("EVAL", self.text)).await
            }
            answered => answered,
        }
    }
}

/// A connection may hand out the server's error as a value: a `MultiplexedConnection` does.
async fn send(link: &dyn Link, command: Cmd) -> RedisResult<Value> {
    link.send(&command).await?.extract_error()
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({})", self.hash)
    }
}

/// What a script is asked: its keys and its arguments.
#[derive(Default)]
pub(super) struct Question {
    keys: Vec<Vec<u8>>,
    arguments: Vec<Vec<u8>>,
}

impl Question {
    pub(super) fn key(mut self, key: String) -> Self {
        self.keys.push(key.into_bytes());
        self
    }

    pub(super) fn arg(mut self, argument: impl Into<Vec<u8>>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    pub(super) fn number(self, number: u64) -> Self {
        self.arg(number.to_string())
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(self.keys.len()).arg(&self.keys).arg(&self.arguments);
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
            let answer: &[u8] = if is_hash { b"-NOSCRIPT gone\r\n" } else { b":7\r\n" };
            let value = redis::parse_redis_value(answer).unwrap();
            let answer = if self.as_value { Ok(value) } else { value.extract_error() };
            Box::pin(async move { answer })
        }
    }

    #[tokio::test]
    async fn a_server_that_forgot_a_script_is_told_it_again() {
        for as_value in [false, true] {
            let question = Question::default().key("{a}:s".to_owned()).number(1);
            let answer = Scripts::new().fetch.run(&Forgetful { as_value }, &question).await.unwrap();
            assert_eq!(answer, Value::Int(7), "errors as values: {as_value}");
        }
    }
}
