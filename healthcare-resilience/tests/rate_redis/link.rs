//! Connections that count what goes over them, and that lose answers.

use redis::{
    Cmd, ErrorKind, Pipeline, RedisError, RedisFuture, Value,
    aio::{ConnectionLike, MultiplexedConnection},
};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

#[derive(Clone)]
pub(crate) struct Counted {
    inner: MultiplexedConnection,
    commands: Arc<AtomicUsize>,
    lose: Arc<AtomicUsize>,
}

impl Counted {
    pub(crate) fn new(inner: MultiplexedConnection) -> Self {
        Self { inner, commands: Arc::default(), lose: Arc::default() }
    }

    /// How many commands were sent since this was last asked.
    pub(crate) fn commands(&self) -> usize {
        self.commands.swap(0, Ordering::SeqCst)
    }

    /// The next commands are carried out, and their answers are lost.
    pub(crate) fn lose(&self, answers: usize) {
        self.lose.store(answers, Ordering::SeqCst);
    }
}

impl ConnectionLike for Counted {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            self.commands.fetch_add(1, Ordering::SeqCst);
            let answer = self.inner.req_packed_command(command).await;
            let lost = self.lose.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            match lost {
                Ok(_) => Err(RedisError::from((ErrorKind::Io, "the connection broke"))),
                Err(_) => answer,
            }
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        self.inner.req_packed_commands(pipeline, offset, count)
    }

    fn get_db(&self) -> i64 {
        self.inner.get_db()
    }
}
