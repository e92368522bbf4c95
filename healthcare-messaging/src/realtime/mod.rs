//! Clients that are told at once: rooms by clinic, over WebSockets.

mod build;
mod close;
mod connection;
mod envelope;
mod hub;
mod queue;
mod rights;
mod room;
mod room_name;
mod serve;
#[cfg(feature = "axum")]
mod socket;
mod table;
mod ticket;
mod wire;

#[cfg(feature = "axum")]
pub use self::socket::{SocketOffer, WEB_SOCKET_PROTOCOL};
pub use self::{
    build::{HubBuilder, HubConfigError},
    close::Close,
    connection::Connection,
    envelope::Envelope,
    hub::{Hub, HubCounts},
    queue::Next,
    rights::{Presence, Rights, RoomRefused},
    room_name::{InvalidRoom, RoomName},
    serve::{Frame, Heard, Socket, SocketGone, SocketTimes, serve, turn_away},
    table::Who,
    ticket::{TicketRefused, TicketText, Tickets},
};
