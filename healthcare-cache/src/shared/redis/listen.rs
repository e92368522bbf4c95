use crate::shared::{error::SharedError, tier::Listener};
use async_trait::async_trait;
use futures_util::StreamExt as _;
use redis::{Client, RedisError, aio::PubSubStream};
use std::{
    fmt, io,
    sync::atomic::{AtomicUsize, Ordering},
};

/// Where a node listens: a server that speaks to subscribers alone on a socket, so the host's connection cannot serve.
pub(super) struct Sources {
    clients: Vec<Client>,
    turn: AtomicUsize,
}

impl Sources {
    /// Each node begins with another, so that they do not all lie on one server.
    pub(super) fn new() -> Self {
        Self { clients: Vec::new(), turn: AtomicUsize::new(fastrand::usize(..)) }
    }

    pub(super) fn add(&mut self, client: Client) {
        self.clients.push(client);
    }

    /// Subscribes at the next source, so that one that is gone does not make the node deaf.
    pub(super) async fn listen(&self, channel: &str) -> Result<Ear, SharedError> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let source = turn.checked_rem(self.clients.len()).and_then(|at| self.clients.get(at));
        let client = source.ok_or(SharedError::Deaf)?;
        subscribe(client, channel).await.map_err(SharedError::from)
    }
}

async fn subscribe(client: &Client, channel: &str) -> Result<Ear, RedisError> {
    let (mut sink, stream) = client.get_async_pubsub().await?.split();
    sink.subscribe(channel).await?;
    Ok(Ear(stream))
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A client's own Debug shows where it connects to, and as whom.
        write!(f, "Sources({})", self.clients.len())
    }
}

pub(super) struct Ear(PubSubStream);

#[async_trait]
impl Listener for Ear {
    async fn next(&mut self) -> Result<Vec<u8>, SharedError> {
        match self.0.next().await {
            Some(message) => Ok(message.get_payload_bytes().to_vec()),
            None => Err(SharedError::Away(Box::new(io::Error::from(io::ErrorKind::ConnectionReset)))),
        }
    }
}

impl fmt::Debug for Ear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ear(..)")
    }
}
