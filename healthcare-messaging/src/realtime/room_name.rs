//! What a room is called.

use std::{fmt, str::FromStr, sync::Arc};

const LENGTH_MAX: usize = 64;

/// A room's name within its clinic: 1 to 64 of `a` to `z`, `0` to `9`, `-`, `.` and `:`. It goes over the wire and into logs, so it
/// is made of kinds and ids: `board`, `chart:018f6c3e-7b1a-7c3d-9e55-0242ac120002`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomName(Arc<str>);

/// The text is no room's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a room's name: write 1 to 64 of a-z, 0-9, `-`, `.` and `:`")]
pub struct InvalidRoom;

impl RoomName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RoomName {
    type Err = InvalidRoom;
    fn from_str(text: &str) -> Result<Self, InvalidRoom> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.:".contains(&b);
        if text.is_empty() || text.len() > LENGTH_MAX || !text.bytes().all(plain) {
            return Err(InvalidRoom);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
