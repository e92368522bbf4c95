//! Rooms, tickets and sockets.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod limits;
mod model;
mod rights;
mod rooms;
mod site;
mod socket;
mod ticket;
