//! Time zones, and times as people say them.

use crate::{Column, ColumnMismatch, Value, ValueKind};
use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{borrow::Cow, fmt, str::FromStr};

/// An IANA time zone, such as `Europe/London`.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// The text is not the name of a time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time zone: write its IANA name, such as Europe/London")]
pub struct InvalidZone;

impl FromStr for Zone {
    type Err = InvalidZone;
    fn from_str(text: &str) -> Result<Self, InvalidZone> {
        if text.len() > 64 {
            return Err(InvalidZone);
        }
        let zone = TimeZone::get(text).map_err(|_| InvalidZone)?;
        zone.iana_name().ok_or(InvalidZone)?;
        Ok(Self(zone))
    }
}

impl Zone {
    /// The IANA name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }
    /// The zone, as jiff knows it.
    #[must_use]
    pub const fn as_jiff(&self) -> &TimeZone {
        &self.0
    }
}
impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
impl Column for Zone {
    const KIND: ValueKind = ValueKind::Text;
    fn to_value(&self) -> Value {
        Value::Text(self.name().to_owned())
    }
    fn from_value(value: Value) -> Result<Self, ColumnMismatch> {
        String::from_value(value)?.parse().map_err(|_| ColumnMismatch)
    }
}

/// A time as a caller gives it: RFC 3339 with an offset, or local time at the location.
///
/// ```
/// use healthcare_core::{LocalTimeError, StartTime, Zone};
/// let zone: Zone = "Europe/London".parse()?;
/// let summer: StartTime = "2026-07-01T09:00:00".parse()?;
/// assert_eq!(summer.resolve(&zone)?.to_string(), "2026-07-01T08:00:00Z");
/// // The clocks go forward at 01:00: half past one does not exist that night.
/// let gap: StartTime = "2026-03-29T01:30:00".parse()?;
/// assert_eq!(gap.resolve(&zone), Err(LocalTimeError::Gap));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartTime {
    /// An instant.
    Instant(Timestamp),
    /// Local time, wherever the location is.
    Local(DateTime),
}

/// A local time that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LocalTimeError {
    /// Not a time.
    #[error("not a time: write RFC 3339, such as 2026-03-01T09:00:00+01:00, or local time without an offset")]
    Malformed,
    /// The clocks skip it.
    #[error("this local time does not exist there: the clocks go forward over it")]
    Gap,
    /// The clocks show it twice.
    #[error("this local time comes twice there: send it with an offset")]
    Fold,
}

impl FromStr for StartTime {
    type Err = LocalTimeError;
    fn from_str(text: &str) -> Result<Self, LocalTimeError> {
        if text.len() > 40 {
            return Err(LocalTimeError::Malformed);
        }
        // A timestamp needs an offset, a civil time has none: no text is both. `[zone]` annotations are neither.
        if text.contains('[') {
            return Err(LocalTimeError::Malformed);
        }
        if let Ok(instant) = text.parse::<Timestamp>() {
            return Ok(Self::Instant(instant));
        }
        let has_time = text.contains(['T', 't', ' ']);
        text.parse::<DateTime>().ok().filter(|_| has_time).map(Self::Local).ok_or(LocalTimeError::Malformed)
    }
}

impl StartTime {
    /// The instant meant, at a location in `zone`.
    ///
    /// # Errors
    /// [`LocalTimeError::Gap`] or [`LocalTimeError::Fold`] for a local time that the zone's clocks skip or repeat.
    pub fn resolve(self, zone: &Zone) -> Result<Timestamp, LocalTimeError> {
        let local = match self {
            Self::Instant(instant) => return Ok(instant),
            Self::Local(local) => local,
        };
        match zone.as_jiff().to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => {
                offset.to_timestamp(local).map_err(|_| LocalTimeError::Malformed)
            }
            AmbiguousOffset::Gap { .. } => Err(LocalTimeError::Gap),
            AmbiguousOffset::Fold { .. } => Err(LocalTimeError::Fold),
        }
    }
}
