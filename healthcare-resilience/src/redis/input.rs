use redis::{Arg, Cmd, ToRedisArgs};
use std::fmt;

/// What a [`RedisScript`](crate::RedisScript) is run with: its keys and its arguments, each in order.
///
/// All keys a script touches belong here, and in a cluster into one slot: give them one part in braces.
#[derive(Clone)]
#[must_use = "pass it to RedisScript::run"]
pub struct RedisInput {
    // As the client writes them, each into one buffer.
    keys: Cmd,
    arguments: Cmd,
}

impl RedisInput {
    /// No keys and no arguments.
    pub fn new() -> Self {
        Self { keys: Cmd::new(), arguments: Cmd::new() }
    }

    /// One more key; several, when it is an array or a vector of them, and none when it is `None`.
    pub fn key(mut self, key: impl ToRedisArgs) -> Self {
        self.keys.arg(key);
        self
    }

    /// One more argument; several, when it is an array or a vector of them, and none when it is `None`.
    pub fn arg(mut self, argument: impl ToRedisArgs) -> Self {
        self.arguments.arg(argument);
        self
    }

    /// `name script key-count keys… arguments…`
    pub(super) fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(self.keys.args_iter().len());
        for word in self.keys.args_iter().chain(self.arguments.args_iter()) {
            if let Arg::Simple(bytes) = word {
                command.arg(bytes);
            }
        }
        command
    }
}

impl Default for RedisInput {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for RedisInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Keys and values may be a person's.
        f.debug_struct("RedisInput")
            .field("keys", &self.keys.args_iter().len())
            .field("arguments", &self.arguments.args_iter().len())
            .finish()
    }
}
