//! What the rooms are told.

use super::BOARD;
use async_trait::async_trait;
use healthcare_core::DomainEvent;
use healthcare_messaging::{Envelope, Handler, HandlerError, Hub, RoomName, Subscription};

/// Tells the board what happened to appointments.
#[derive(Debug)]
pub(crate) struct Feed {
    hub: Hub,
    board: RoomName,
}

impl Feed {
    pub(crate) fn new(hub: Hub) -> Result<Self, healthcare_messaging::InvalidRoom> {
        Ok(Self { hub, board: BOARD.parse()? })
    }

    /// Nobody's work waits for a page: what cannot be told is said to be missed.
    pub(crate) fn subscription() -> Subscription {
        Subscription::best_effort("live").kind("appointment.*").queue(1_024)
    }
}

#[async_trait]
impl Handler for Feed {
    async fn handle(&self, event: &DomainEvent) -> Result<(), HandlerError> {
        self.hub.publish(event.clinic, &self.board, &Envelope::of(event));
        Ok(())
    }

    async fn missed(&self, _: u64) {
        self.hub.reset();
    }
}
