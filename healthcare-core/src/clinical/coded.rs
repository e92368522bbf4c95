//! The shapes of FHIR that chart records share.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A concept: FHIR `CodeableConcept` with one coding.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Coded {
    /// The code system's URI: `http://snomed.info/sct`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What was measured: FHIR `Quantity`, a concept, or words.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Measure {
    /// A number with its unit (UCUM where known). The number is kept as it was written: 1.0 and 1.00 are two measurements.
    Quantity {
        /// The number, in decimal.
        value: String,
        /// `<`, `<=`, `>=` or `>`, when the number is a bound.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comparator: Option<String>,
        /// The unit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unit: Option<String>,
    },
    /// A concept.
    Concept(Coded),
    /// Words.
    Text(String),
    /// Several measures, each under its own concept: systolic and diastolic.
    Components(Vec<(Coded, Measure)>),
}

/// From when to when, as far as known.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Period {
    /// The first instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Timestamp>,
    /// The end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Timestamp>,
}

macro_rules! redacted {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(***)"))
            }
        }
    )*};
}
redacted!(Coded, Measure, Period);
