use redis::{Cmd, ErrorKind, Pipeline, RedisError, RedisFuture, Value, aio::ConnectionLike};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// A connection that counts what goes over it and loses answers when told to. Clones count together.
#[derive(Debug, Clone)]
pub struct FaultyRedis<C> {
    inner: C,
    commands: Arc<AtomicUsize>,
    lose: Arc<AtomicUsize>,
}

impl<C: ConnectionLike> FaultyRedis<C> {
    /// Around a connection, without any fault yet.
    #[must_use]
    pub fn new(inner: C) -> Self {
        Self { inner, commands: Arc::default(), lose: Arc::default() }
    }

    /// How many commands were sent since this was last asked, a pipeline being one.
    pub fn commands(&self) -> usize {
        self.commands.swap(0, Ordering::SeqCst)
    }

    /// So many of the next commands are carried out, and their answers are lost with a broken connection.
    pub fn lose(&self, answers: usize) {
        self.lose.store(answers, Ordering::SeqCst);
    }

    fn is_lost(&self) -> bool {
        self.lose.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }
}

fn broken() -> RedisError {
    RedisError::from((ErrorKind::Io, "the connection broke"))
}

impl<C: ConnectionLike + Send> ConnectionLike for FaultyRedis<C> {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            self.commands.fetch_add(1, Ordering::SeqCst);
            let answer = self.inner.req_packed_command(command).await;
            if self.is_lost() { Err(broken()) } else { answer }
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            self.commands.fetch_add(1, Ordering::SeqCst);
            let answers = self.inner.req_packed_commands(pipeline, offset, count).await;
            if self.is_lost() { Err(broken()) } else { answers }
        })
    }

    fn get_db(&self) -> i64 {
        self.inner.get_db()
    }
}
