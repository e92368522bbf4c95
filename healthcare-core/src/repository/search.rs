//! What a search asks for.

use crate::{Field, Phi, Record, Term};
use std::{fmt, marker::PhantomData};

/// Values of protected fields that a record must all have. The values stay protected; a repository sees normalised terms, or
/// keyed tokens of them.
///
/// A field that has no [`Index`](crate::Index), or a value with nothing to search for, finds nothing rather than everything.
pub struct Criteria<T> {
    terms: Vec<Term>,
    impossible: bool,
    record: PhantomData<fn() -> T>,
}

impl<T: Record> Default for Criteria<T> {
    fn default() -> Self {
        Self { terms: Vec::new(), impossible: false, record: PhantomData }
    }
}

impl<T: Record> Criteria<T> {
    /// The most terms one search may have; one with more finds nothing.
    pub const TERMS_MAX: usize = 16;

    /// No criterion yet; a search without any finds nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks that the field match this value.
    #[must_use]
    pub fn field<F: Field<Record = T>>(mut self, _: F, value: &Phi<F>) -> Self {
        let name = F::NAME.rsplit('.').next().unwrap_or(F::NAME);
        let terms = F::INDEX.searched(name, &value.0);
        self.impossible |= terms.is_empty();
        self.terms.extend(terms);
        // A criterion that was left out would find more than was asked for.
        self.impossible |= self.terms.len() > Self::TERMS_MAX;
        self
    }

    /// The terms that must all be found, or `None` when nothing can match.
    #[must_use]
    pub fn terms(&self) -> Option<&[Term]> {
        (!self.impossible && !self.terms.is_empty()).then_some(&self.terms)
    }
}

impl<T> fmt::Debug for Criteria<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Criteria({} terms)", self.terms.len())
    }
}
