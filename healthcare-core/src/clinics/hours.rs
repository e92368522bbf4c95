//! Weekly working hours, in local time.

use super::Zone;
use crate::{Column, ColumnMismatch, Interval, Value, ValueKind};
use jiff::{
    ToSpan,
    civil::{Date, Time, Weekday},
};
use serde::{Deserialize, Serialize};

/// One window of one weekday. A window that ends at or before its start goes on past midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// 1 is Monday, 7 is Sunday (ISO 8601).
    pub weekday: i8,
    /// Its first minute, local time.
    pub from: Time,
    /// Its end, local time.
    pub to: Time,
}

/// The windows of a week.
///
/// ```
/// use healthcare_core::WeeklyHours;
/// let hours = WeeklyHours::weekdays("09:00".parse()?, "17:00".parse()?)?;
/// assert_eq!(hours.windows().len(), 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct WeeklyHours(Vec<Window>);

/// The windows are not those of a week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("working hours are at most 28 windows, each on a weekday from 1 (Monday) to 7")]
pub struct InvalidHours;

impl WeeklyHours {
    /// The most windows a week may have.
    pub const WINDOWS_MAX: usize = 28;

    /// These windows.
    ///
    /// # Errors
    /// [`InvalidHours`] when there are too many, or one is on no weekday.
    pub fn new(windows: Vec<Window>) -> Result<Self, InvalidHours> {
        let good = windows.len() <= Self::WINDOWS_MAX
            && windows.iter().all(|window| (1..=7).contains(&window.weekday));
        if good { Ok(Self(windows)) } else { Err(InvalidHours) }
    }

    /// Monday to Friday, the same window each day.
    ///
    /// # Errors
    /// Never for any two times; the signature is that of [`new`](Self::new).
    pub fn weekdays(from: Time, to: Time) -> Result<Self, InvalidHours> {
        Self::new((1..=5).map(|weekday| Window { weekday, from, to }).collect())
    }

    /// The windows.
    #[must_use]
    pub fn windows(&self) -> &[Window] {
        &self.0
    }

    /// The windows of one day as instants. A window whose ends fall into a gap or a fold of the clocks is moved as jiff's
    /// "compatible" rule moves it (RFC 5545): a skipped time goes later, a repeated one is its first.
    pub fn on(&self, day: Date, zone: &Zone) -> impl Iterator<Item = Interval> {
        let instant = move |day: Date, time: Time| {
            zone.as_jiff().to_ambiguous_timestamp(day.to_datetime(time)).compatible().ok()
        };
        self.0.iter().filter(move |window| window.weekday == weekday(day)).filter_map(move |window| {
            let last = if window.to <= window.from { day.checked_add(1.day()).ok()? } else { day };
            Interval::new(instant(day, window.from)?, instant(last, window.to)?).ok()
        })
    }
}

fn weekday(day: Date) -> i8 {
    Weekday::to_monday_one_offset(day.weekday())
}

impl<'de> Deserialize<'de> for WeeklyHours {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl Column for WeeklyHours {
    const KIND: ValueKind = ValueKind::Text;
    fn to_value(&self) -> Value {
        Value::Text(serde_json::to_string(self).unwrap_or_else(|_| "[]".to_owned()))
    }
    fn from_value(value: Value) -> Result<Self, ColumnMismatch> {
        serde_json::from_str(&String::from_value(value)?).map_err(|_| ColumnMismatch)
    }
}
