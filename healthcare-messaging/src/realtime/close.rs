//! Why a connection ends, as a number that a client's script can act on.

use std::fmt;

/// Why a connection ends. The numbers never change their meaning.
///
/// | code | name | the client then |
/// | --- | --- | --- |
/// | 1001 | `going_away` | connects again after a random wait of a few seconds, with a new ticket |
/// | 1009 | `too_large` | has a fault: does not connect again |
/// | 1013 | `unavailable` | connects again after a wait that grows |
/// | 4001 | `ended` | signs in again first |
/// | 4002 | `outdated` | connects again with a new ticket: the rights have changed |
/// | 4003 | `too_slow` | connects again, and says where it was |
/// | 4004 | `malformed` | has a fault: does not connect again |
/// | 4005 | `flooding` | connects again after a wait that grows |
/// | 4006 | `too_many` | closes other connections first |
/// | 4007 | `silent` | connects again, and says where it was |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Close {
    /// The server stops.
    GoingAway,
    /// A message was larger than is taken.
    TooLarge,
    /// Whether the client may stay could not be found out: then it may not.
    Unavailable,
    /// The sign-in behind the connection is over.
    Ended,
    /// The user's rights are others than those the ticket was given for.
    Outdated,
    /// More was waiting for the client than is kept.
    TooSlow,
    /// A message was not the documented JSON.
    Malformed,
    /// Too many messages in too short a time.
    Flooding,
    /// The user, or the server, has as many connections as it may.
    TooMany,
    /// Nothing was heard of the client for too long.
    Silent,
}

impl Close {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::GoingAway,
        Self::TooLarge,
        Self::Unavailable,
        Self::Ended,
        Self::Outdated,
        Self::TooSlow,
        Self::Malformed,
        Self::Flooding,
        Self::TooMany,
        Self::Silent,
    ];

    /// The number of the WebSocket's close frame (RFC 6455 §7.4; 4000 to 4999 are an application's own).
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::GoingAway => 1001,
            Self::TooLarge => 1009,
            Self::Unavailable => 1013,
            Self::Ended => 4001,
            Self::Outdated => 4002,
            Self::TooSlow => 4003,
            Self::Malformed => 4004,
            Self::Flooding => 4005,
            Self::TooMany => 4006,
            Self::Silent => 4007,
        }
    }

    /// The name in the close frame.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GoingAway => "going_away",
            Self::TooLarge => "too_large",
            Self::Unavailable => "unavailable",
            Self::Ended => "ended",
            Self::Outdated => "outdated",
            Self::TooSlow => "too_slow",
            Self::Malformed => "malformed",
            Self::Flooding => "flooding",
            Self::TooMany => "too_many",
            Self::Silent => "silent",
        }
    }
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
