//! Notices within one process.

use crate::shared::{error::SharedError, tier::Listener};
use async_trait::async_trait;
use std::sync::Arc;
use tokio::sync::broadcast;

/// Whoever is further behind loses its link, as with a server that bounds what it keeps for a subscriber.
const KEPT: usize = 4_096;

#[derive(Clone)]
pub(super) struct Bus(broadcast::Sender<Arc<[u8]>>);

impl Default for Bus {
    fn default() -> Self {
        Self(broadcast::Sender::new(KEPT))
    }
}

impl Bus {
    pub(super) fn tell(&self, notice: &[u8]) {
        if !notice.is_empty() {
            // An error is that nobody listens.
            let _ = self.0.send(notice.into());
        }
    }

    pub(super) fn listen(&self) -> Ear {
        Ear(self.0.subscribe())
    }
}

#[derive(Debug)]
pub(super) struct Ear(broadcast::Receiver<Arc<[u8]>>);

#[async_trait]
impl Listener for Ear {
    async fn next(&mut self) -> Result<Vec<u8>, SharedError> {
        let heard = self.0.recv().await.map_err(|error| SharedError::Away(Box::new(error)))?;
        Ok(heard.to_vec())
    }
}
