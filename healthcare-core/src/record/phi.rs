//! Protected values, and the only way they become bytes.

use super::Field;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value as Json};
use std::fmt;

/// A value of a protected field. It has no `Display` and no `Serialize`, and its `Debug` shows the field's name alone.
///
/// ```compile_fail
/// # use healthcare_core::{Phi, Field};
/// fn log<F: Field>(value: &Phi<F>) where F::Value: std::fmt::Display { println!("{value}"); }
/// ```
pub struct Phi<F: Field>(pub(crate) F::Value);

impl<F: Field> Phi<F> {
    /// Takes a value under protection.
    #[must_use]
    pub const fn new(value: F::Value) -> Self {
        Self(value)
    }
}

impl<F: Field> Clone for Phi<F> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<F: Field> fmt::Debug for Phi<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Phi({})", F::NAME)
    }
}

impl<'de, F: Field> Deserialize<'de> for Phi<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The format's own error would repeat the value it could not read.
        F::Value::deserialize(deserializer)
            .map(Self)
            .map_err(|_| serde::de::Error::custom(format_args!("{} is not valid", F::NAME)))
    }
}

/// The bytes are not a record of this kind. Nothing of them is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stored bytes are not a record of this kind: the key, the schema or the program differ")]
pub struct UnreadableRecord;

/// Collects a record's protected fields on the way to ciphertext. Only the kernel makes one.
pub struct PhiWriter(pub(crate) Map<String, Json>);

impl fmt::Debug for PhiWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhiWriter")
    }
}

impl PhiWriter {
    /// Adds one field.
    pub fn field<F: Field>(&mut self, name: &'static str, value: &Phi<F>) {
        // A value that cannot be written as JSON is stored as absent and refused when read back; the types used by records can.
        self.0.insert(name.to_owned(), serde_json::to_value(&value.0).unwrap_or(Json::Null));
    }
}

/// Hands out a record's protected fields on the way from ciphertext. Only the kernel makes one.
pub struct PhiReader(pub(crate) Map<String, Json>);

impl fmt::Debug for PhiReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhiReader")
    }
}

impl PhiReader {
    /// Takes one field. A field that was added to the record later reads as null.
    ///
    /// # Errors
    /// [`UnreadableRecord`] when the stored value is not of the field's type.
    pub fn field<F: Field>(&mut self, name: &'static str) -> Result<Phi<F>, UnreadableRecord> {
        let value = self.0.remove(name).unwrap_or(Json::Null);
        serde_json::from_value(value).map(Phi).map_err(|_| UnreadableRecord)
    }
}
