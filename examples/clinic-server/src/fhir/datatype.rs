//! FHIR's data types, as far as the importer uses them (<https://hl7.org/fhir/R4/datatypes.html>).

use super::When;
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// A `string`: at most 64 KiB, no control characters but tab and line ends, as FHIR says. (A NUL would not even fit into PostgreSQL.)
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(String);

/// A `code`: a short word from a value set, such as a status.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(String);

/// A `decimal` with the precision it was written in: 1.0 and 1.00 are different measurements.
#[derive(Clone, PartialEq, Eq)]
pub struct Decimal(String);

const TEXT_BYTES_MAX: usize = 64 << 10;
const CODE_BYTES_MAX: usize = 128;
const DECIMAL_BYTES_MAX: usize = 40;

macro_rules! text {
    ($Type:ident) => {
        impl $Type {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
            /// The text, owned.
            #[must_use]
            pub fn into_string(self) -> String {
                self.0
            }
        }
        impl fmt::Debug for $Type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($Type), "(..)"))
            }
        }
    };
}
text!(Text);
text!(Code);
text!(Decimal);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let printable = |c: char| !c.is_control() || matches!(c, '\t' | '\r' | '\n');
        if text.len() > TEXT_BYTES_MAX || !text.chars().all(printable) {
            return Err(de::Error::custom("not a FHIR string"));
        }
        Ok(Self(text.into_owned()))
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let good = (1..=CODE_BYTES_MAX).contains(&text.len())
            && text.trim() == text
            && !text.chars().any(char::is_control);
        if good { Ok(Self(text.into_owned())) } else { Err(de::Error::custom("not a FHIR code")) }
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A number of binary floating point would lose the digits, and with them the precision.
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let number = raw.get();
        let starts = number.starts_with(|c: char| c == '-' || c.is_ascii_digit());
        if starts && number.len() <= DECIMAL_BYTES_MAX {
            Ok(Self(number.to_owned()))
        } else {
            Err(de::Error::custom("not a FHIR decimal"))
        }
    }
}

/// A code of a code system, with the words for it.
#[derive(Clone, Deserialize)]
pub struct Coding {
    /// The code system's URL.
    #[serde(default)]
    pub system: Option<Text>,
    /// The code.
    #[serde(default)]
    pub code: Option<Code>,
    /// The words.
    #[serde(default)]
    pub display: Option<Text>,
}

/// A concept: codes for it, words for it, or both.
#[derive(Clone, Default, Deserialize)]
pub struct CodeableConcept {
    /// The codes, in different systems.
    #[serde(default)]
    pub coding: Vec<Coding>,
    /// The words.
    #[serde(default)]
    pub text: Option<Text>,
}

impl CodeableConcept {
    /// The first coding.
    #[must_use]
    pub fn first(&self) -> Option<&Coding> {
        self.coding.first()
    }

    /// The first code.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.coding.iter().find_map(|coding| coding.code.as_ref()).map(Code::as_str)
    }

    /// The best words there are: the text, else a display, else a code.
    #[must_use]
    pub fn words(&self) -> Option<&str> {
        let display = || self.coding.iter().find_map(|coding| coding.display.as_ref());
        self.text.as_ref().or_else(display).map(Text::as_str).or_else(|| self.code())
    }

    /// Whether one of the codings has this code.
    #[must_use]
    pub fn has(&self, code: &str) -> bool {
        self.coding.iter().any(|coding| coding.code.as_ref().is_some_and(|c| c.as_str() == code))
    }
}

/// A measured amount.
#[derive(Clone, Deserialize)]
pub struct Quantity {
    /// The number.
    #[serde(default)]
    pub value: Option<Decimal>,
    /// `<`, `<=`, `>=` or `>`: how the number is to be understood.
    #[serde(default)]
    pub comparator: Option<Code>,
    /// The unit, in words.
    #[serde(default)]
    pub unit: Option<Text>,
    /// The unit's code, mostly UCUM.
    #[serde(default)]
    pub code: Option<Code>,
}

/// A name of a person.
#[derive(Clone, Deserialize)]
pub struct HumanName {
    /// `official`, `maiden`, …
    #[serde(default, rename = "use")]
    pub usage: Option<Code>,
    /// The family name.
    #[serde(default)]
    pub family: Option<Text>,
    /// The given names; a `null` stands for one that is known by extension only.
    #[serde(default)]
    pub given: Vec<Option<Text>>,
    /// Titles before the name.
    #[serde(default)]
    pub prefix: Vec<Option<Text>>,
    /// The whole name as one text.
    #[serde(default)]
    pub text: Option<Text>,
    /// When it was used.
    #[serde(default)]
    pub period: Option<Period>,
}

impl HumanName {
    /// The given names, separated by spaces.
    #[must_use]
    pub fn given_names(&self) -> String {
        joined(&self.given)
    }

    /// The titles, separated by spaces.
    #[must_use]
    pub fn prefixes(&self) -> String {
        joined(&self.prefix)
    }

    /// The name to call a person by: the usual or official one, else the first that is still in use.
    #[must_use]
    pub fn preferred(names: &[Self]) -> Option<&Self> {
        let used = |wanted: &str| {
            names.iter().find(|name| name.usage.as_ref().is_some_and(|u| u.as_str() == wanted))
        };
        used("usual").or_else(|| used("official")).or_else(|| names.first())
    }
}

fn joined(parts: &[Option<Text>]) -> String {
    parts.iter().flatten().map(Text::as_str).collect::<Vec<_>>().join(" ")
}

/// A business identifier: a record number, a licence number.
#[derive(Clone, Deserialize)]
pub struct Identifier {
    /// Whose numbers these are.
    #[serde(default)]
    pub system: Option<Text>,
    /// The number.
    #[serde(default)]
    pub value: Option<Text>,
    /// What kind of number.
    #[serde(default, rename = "type")]
    pub kind: Option<CodeableConcept>,
}

/// A span of time; either end may be open.
#[derive(Clone, Default, Deserialize)]
pub struct Period {
    /// The first moment.
    #[serde(default)]
    pub start: Option<When>,
    /// The last moment.
    #[serde(default)]
    pub end: Option<When>,
}

/// Writes a `Debug` that names the type and nothing of its content.
macro_rules! redacted {
    ($($Type:ident),* $(,)?) => {$(
        impl ::std::fmt::Debug for $Type {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(concat!(stringify!($Type), "(..)"))
            }
        }
    )*};
}
pub(super) use redacted;

redacted!(Coding, CodeableConcept, Quantity, HumanName, Identifier, Period);
