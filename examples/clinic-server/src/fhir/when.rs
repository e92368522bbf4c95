//! FHIR's date and dateTime.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Deserializer, de};
use std::{borrow::Cow, fmt};

/// A `date`, `dateTime` or `instant` of FHIR: a year, a month, a day, or a moment (<https://hl7.org/fhir/R4/datatypes.html#dateTime>).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Somewhere in this year.
    Year(i16),
    /// Somewhere in this month.
    Month(i16, i8),
    /// This day, in whatever zone it was written.
    Day(Date),
    /// This moment.
    Moment(Timestamp),
}

impl When {
    /// Reads FHIR's text form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let number =
            |part: &str| part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse::<i16>().ok()).flatten();
        match (text.len(), text.is_ascii()) {
            (4, true) => number(text).filter(|year| *year > 0).map(Self::Year),
            (7, true) => {
                let (year, month) = text.split_once('-')?;
                let (year, month) = (number(year)?, i8::try_from(number(month)?).ok()?);
                (year > 0 && Date::new(year, month, 1).is_ok()).then_some(Self::Month(year, month))
            }
            (10, true) => text.parse().ok().map(Self::Day),
            // RFC 3339: a moment without an offset is no moment. The longest has nanoseconds and an offset; a zone's name in
            // brackets is RFC 9557 and not FHIR.
            (20..=35, true) if text.as_bytes().get(10) == Some(&b'T') && !text.contains('[') => {
                text.parse().ok().map(Self::Moment)
            }
            _ => None,
        }
    }

    /// The earliest moment it can mean, days being those of `zone`.
    #[must_use]
    pub fn earliest(self, zone: &TimeZone) -> Option<Timestamp> {
        let day = match self {
            Self::Moment(moment) => return Some(moment),
            Self::Day(day) => day,
            Self::Month(year, month) => Date::new(year, month, 1).ok()?,
            Self::Year(year) => Date::new(year, 1, 1).ok()?,
        };
        day.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp())
    }

    /// The day, when it says one.
    #[must_use]
    pub fn day(self, zone: &TimeZone) -> Option<Date> {
        match self {
            Self::Day(day) => Some(day),
            Self::Moment(moment) => Some(moment.to_zoned(zone.clone()).date()),
            Self::Month(..) | Self::Year(_) => None,
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Year(year) => write!(f, "{year:04}"),
            Self::Month(year, month) => write!(f, "{year:04}-{month:02}"),
            Self::Day(day) => day.fmt(f),
            Self::Moment(moment) => moment.fmt(f),
        }
    }
}

/// A date of birth or of a visit is personal data.
impl fmt::Debug for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("When(..)")
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("not a FHIR date or dateTime"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_each_precision_and_refuses_the_rest() {
        for good in ["1987", "1987-04", "1987-04-30", "2019-05-31T10:00:00-04:00", "2019-05-31T10:00:00.123Z"]
        {
            assert!(When::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "19",
            "0000",
            "+198",
            "1987-13",
            "1987-02-30",
            "2019-05-31T10:00:00",
            "2019-05-31 10:00:00Z",
            "20190531",
            "2019-05-31T25:00:00Z",
            "1987-4",
            "١٩٨٧",
            "2019-05-31T10:00:00Z[UTC]",
        ] {
            assert!(When::parse(bad).is_none(), "{bad}");
        }
        let moment = When::parse("2019-05-31T23:00:00-04:00").unwrap();
        assert_eq!(moment.day(&TimeZone::UTC).unwrap().to_string(), "2019-06-01");
        assert_eq!(
            When::parse("1987-04").unwrap().earliest(&TimeZone::UTC).unwrap().to_string(),
            "1987-04-01T00:00:00Z"
        );
        assert_eq!(format!("{moment:?}"), "When(..)");
    }
}
