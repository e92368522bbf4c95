//! How a hub is described.

use super::{
    hub::{Hub, Inner, Tally},
    table::{Sizes, Table},
};
use healthcare_core::{Clock, SystemClock};
use std::{ops::RangeInclusive, sync::Arc, time::Duration};

const CLIENTS: RangeInclusive<usize> = 1..=100_000;
const USER_CLIENTS: RangeInclusive<usize> = 1..=1_000;
const ROOMS: RangeInclusive<usize> = 1..=100_000;
const CLIENT_ROOMS: RangeInclusive<usize> = 1..=256;
const ROOM_CLIENTS: RangeInclusive<usize> = 1..=100_000;
const QUEUE_BYTES: RangeInclusive<usize> = 4_096..=(16 << 20);
const KEPT: RangeInclusive<usize> = 0..=4_096;

/// A hub cannot be so large, or so small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HubConfigError {
    /// A size outside its range.
    #[error("{name} must be {least} to {most}")]
    Size {
        /// Which.
        name: &'static str,
        /// The least.
        least: usize,
        /// The most.
        most: usize,
    },
    /// A check without time would always fail.
    #[error("checks must have more than no time")]
    NoTime,
}

/// Describes a [`Hub`].
#[derive(Debug)]
#[must_use = "call build()"]
pub struct HubBuilder {
    sizes: Sizes,
    clock: Arc<dyn Clock>,
    check_time: Duration,
    decided_for: Duration,
}

impl Default for HubBuilder {
    fn default() -> Self {
        Self {
            sizes: Sizes {
                clients: 10_000,
                user_clients: 16,
                rooms: 10_000,
                client_rooms: 16,
                room_clients: 1_000,
                queue_bytes: 64 << 10,
                kept: 64,
                linger: Duration::from_secs(120),
            },
            clock: Arc::new(SystemClock::default()),
            check_time: Duration::from_secs(5),
            decided_for: Duration::from_secs(300),
        }
    }
}

impl HubBuilder {
    /// The most connections; 10,000 unless told otherwise.
    pub const fn clients(mut self, most: usize) -> Self {
        self.sizes.clients = most;
        self
    }

    /// The most connections of one user; 16 unless told otherwise.
    pub const fn user_clients(mut self, most: usize) -> Self {
        self.sizes.user_clients = most;
        self
    }

    /// The most rooms; 10,000 unless told otherwise.
    pub const fn rooms(mut self, most: usize) -> Self {
        self.sizes.rooms = most;
        self
    }

    /// The most rooms one connection is in; 16 unless told otherwise.
    pub const fn client_rooms(mut self, most: usize) -> Self {
        self.sizes.client_rooms = most;
        self
    }

    /// The most connections in one room; 1,000 unless told otherwise.
    pub const fn room_clients(mut self, most: usize) -> Self {
        self.sizes.room_clients = most;
        self
    }

    /// How many bytes may wait for one connection before it is closed; 64 KiB unless told otherwise.
    pub const fn queue_bytes(mut self, most: usize) -> Self {
        self.sizes.queue_bytes = most;
        self
    }

    /// How many envelopes of a room are kept for those who come back; 64 unless told otherwise.
    pub const fn kept(mut self, most: usize) -> Self {
        self.sizes.kept = most;
        self
    }

    /// How long a room that nobody is in keeps its stream; 2 minutes unless told otherwise.
    pub const fn linger(mut self, time: Duration) -> Self {
        self.sizes.linger = time;
        self
    }

    /// The clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// How long a question to the host may take before the answer is no; 5 seconds unless told otherwise.
    pub const fn check_time(mut self, time: Duration) -> Self {
        self.check_time = time;
        self
    }

    /// How long a decision about a room is believed when nothing is said to have changed; 5 minutes unless told otherwise.
    pub const fn decided_for(mut self, time: Duration) -> Self {
        self.decided_for = time;
        self
    }

    /// The hub.
    ///
    /// # Errors
    /// [`HubConfigError`] for a size or a time that cannot be.
    pub fn build(self) -> Result<Hub, HubConfigError> {
        let sizes = &self.sizes;
        for (name, size, range) in [
            ("clients", sizes.clients, CLIENTS),
            ("clients of a user", sizes.user_clients, USER_CLIENTS),
            ("rooms", sizes.rooms, ROOMS),
            ("rooms of a client", sizes.client_rooms, CLIENT_ROOMS),
            ("clients of a room", sizes.room_clients, ROOM_CLIENTS),
            ("bytes of a queue", sizes.queue_bytes, QUEUE_BYTES),
            ("kept envelopes", sizes.kept, KEPT),
        ] {
            if !range.contains(&size) {
                return Err(HubConfigError::Size { name, least: *range.start(), most: *range.end() });
            }
        }
        if self.check_time.is_zero() {
            return Err(HubConfigError::NoTime);
        }
        Ok(Hub(Arc::new(Inner {
            table: Table::new(self.sizes),
            clock: self.clock,
            check_time: self.check_time,
            decided_for: self.decided_for,
            tally: Tally::default(),
        })))
    }
}
