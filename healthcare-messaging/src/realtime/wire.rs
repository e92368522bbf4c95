//! The messages, as JSON. Ids, kinds and numbers alone.

use super::{
    envelope::Envelope,
    room::{Joined, Position},
    room_name::RoomName,
};
use healthcare_core::UserId;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, sync::Arc};
use uuid::Uuid;

/// What a client may say.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Said<'t> {
    Join {
        #[serde(borrow)]
        room: Cow<'t, str>,
        #[serde(default)]
        since: Option<Since<'t>>,
    },
    Leave {
        #[serde(borrow)]
        room: Cow<'t, str>,
    },
}

/// A place in a stream, as a client names it. The epoch is opaque to it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Since<'t> {
    #[serde(borrow)]
    epoch: Cow<'t, str>,
    offset: u64,
}

impl Since<'_> {
    /// Nothing for an epoch that none of ours can be: then nothing is recovered.
    pub(super) fn position(&self) -> Option<Position> {
        let epoch = u64::from_str_radix(&self.epoch, 16).ok()?;
        Some(Position { epoch, offset: self.offset })
    }
}

/// What a client is told.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Told<'a> {
    Joined {
        room: &'a str,
        epoch: String,
        offset: u64,
        recovered: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        present: Option<&'a [UserId]>,
    },
    Event {
        room: &'a str,
        offset: u64,
        kind: &'a str,
        record: &'a str,
        id: Uuid,
        version: i64,
    },
    Presence {
        room: &'a str,
        user: UserId,
        here: bool,
    },
    Reset {
        room: &'a str,
        epoch: String,
        offset: u64,
        recovered: bool,
    },
    Left {
        room: &'a str,
    },
    Refused {
        room: &'a str,
        reason: Reason,
    },
}

/// Why a client is not in a room, or not any more.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reason {
    /// It may not, or there is no such room: one answer for both.
    Denied,
    /// It could not be found out.
    Unavailable,
    /// It is in it already.
    Joined,
    /// There is no place.
    Full,
}

fn text(told: &Told<'_>) -> Arc<str> {
    // Names, numbers and ids always can be written.
    serde_json::to_string(told).unwrap_or_default().into()
}

fn hex(epoch: u64) -> String {
    format!("{epoch:016x}")
}

pub(super) fn joined(room: &RoomName, joined: &Joined<'_>) -> Arc<str> {
    let Position { epoch, offset } = joined.position;
    let (room, epoch, recovered) = (room.as_str(), hex(epoch), joined.recovered);
    text(&Told::Joined { room, epoch, offset, recovered, present: joined.present })
}

pub(super) fn event(room: &RoomName, offset: u64, envelope: &Envelope) -> Arc<str> {
    let Envelope { kind, record, id, version, .. } = envelope;
    text(&Told::Event { room: room.as_str(), offset, kind, record, id: *id, version: *version })
}

pub(super) fn presence(room: &RoomName, user: UserId, here: bool) -> Arc<str> {
    text(&Told::Presence { room: room.as_str(), user, here })
}

pub(super) fn reset(room: &RoomName, Position { epoch, offset }: Position) -> Arc<str> {
    text(&Told::Reset { room: room.as_str(), epoch: hex(epoch), offset, recovered: false })
}

pub(super) fn left(room: &RoomName) -> Arc<str> {
    text(&Told::Left { room: room.as_str() })
}

pub(super) fn refused(room: &str, reason: Reason) -> Arc<str> {
    text(&Told::Refused { room, reason })
}
