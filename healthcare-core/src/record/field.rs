//! Fields as types.

use super::{Index, Phi, Record};
use std::fmt;

/// A protected field of a record: a unit type such as `patient::Family`. Written by [`record!`](crate::record!).
pub trait Field: Sized + 'static {
    /// Whose field it is.
    type Record: Record;
    /// What it holds.
    type Value: Clone + Send + Sync + serde::Serialize + serde::de::DeserializeOwned;
    /// Its place in a [`FieldSet`].
    const BIT: u32;
    /// Its name, `kind.field`, as policies and audit records write it.
    const NAME: &'static str;
    /// How it can be searched, if at all.
    const INDEX: Index<Self::Value>;
    /// The field of these protected fields.
    fn of(protected: &<Self::Record as Record>::Protected) -> &Phi<Self>;
    /// The field of these protected fields, to change it.
    fn of_mut(protected: &mut <Self::Record as Record>::Protected) -> &mut Phi<Self>;
}

/// Some of a record's protected fields, at most 64.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct FieldSet(u64);

/// The record has no protected field of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{kind}` has no protected field `{field}`; it has: {known}")]
pub struct UnknownField {
    /// The record's kind.
    pub kind: &'static str,
    /// The name that was asked for.
    pub field: String,
    /// The names there are.
    pub known: String,
}

impl FieldSet {
    /// No field.
    pub const NONE: Self = Self(0);
    /// Every field.
    pub const ALL: Self = Self(u64::MAX);

    /// The named fields of `T`.
    ///
    /// # Errors
    /// [`UnknownField`] for a name that `T` does not have.
    pub fn named<T: Record>(names: &[&str]) -> Result<Self, UnknownField> {
        Self::among(T::KIND, T::FIELDS, names)
    }

    /// The named ones among `fields` of `kind`: for policies, which know records by text.
    ///
    /// # Errors
    /// [`UnknownField`] for a name that is not among them.
    pub fn among(kind: &'static str, fields: &[&str], names: &[&str]) -> Result<Self, UnknownField> {
        names.iter().try_fold(Self::NONE, |set, name| {
            fields.iter().position(|field| field == name).map_or_else(
                || Err(UnknownField { kind, field: (*name).to_owned(), known: fields.join(", ") }),
                |bit| Ok(Self(set.0 | 1 << bit)),
            )
        })
    }

    /// Whether the field with this bit is in.
    #[must_use]
    pub const fn holds(self, bit: u32) -> bool {
        self.0 >> bit & 1 == 1
    }

    /// Whether `F` is in.
    #[must_use]
    pub const fn contains<F: Field>(self) -> bool {
        self.holds(F::BIT)
    }

    /// Whether no field is in.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The fields of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The fields in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The names of the fields that are in, among a record's.
    pub fn names<'f>(self, fields: &'f [&'f str]) -> impl Iterator<Item = &'f str> {
        (0u32..).zip(fields).filter(move |(bit, _)| self.holds(*bit)).map(|(_, name)| *name)
    }
}

impl fmt::Debug for FieldSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldSet({:#b})", self.0)
    }
}

/// The policy hides this field from the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the field {0} is hidden from this role")]
pub struct Hidden(pub &'static str);
