//! What the host is asked about a client.

use super::{close::Close, room_name::RoomName};
use async_trait::async_trait;

/// How somebody is in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Presence {
    /// Those who are shown there see that they come and go, and they see those.
    Shown,
    /// Nobody sees them, and they see nobody.
    Hidden,
}

/// Somebody may not be in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RoomRefused {
    /// They may not, or there is no such room: one answer for both.
    #[error("not permitted")]
    Denied,
    /// It could not be decided, which means no.
    #[error("could not be decided")]
    Unavailable,
}

/// Decides for one connection. The host makes one from what the ticket was given for.
///
/// # Contract
/// - The answers are those of the moment: nothing is remembered longer than the host would remember it for a request.
/// - An error in deciding means no.
/// - Both are asked again, again and again, as long as the connection lives, and may be dropped at any await.
#[async_trait]
pub trait Rights: Send + Sync + 'static {
    /// Whether the sign-in behind the connection still lives, with the rights the ticket was given for.
    ///
    /// # Errors
    /// How the connection is to be closed: [`Close::Ended`], [`Close::Outdated`], or [`Close::Unavailable`] when it could not
    /// be found out.
    async fn lives(&self) -> Result<(), Close>;

    /// Whether they may be in this room of their clinic now.
    ///
    /// # Errors
    /// [`RoomRefused`] when not.
    async fn may_join(&self, room: &RoomName) -> Result<Presence, RoomRefused>;
}
