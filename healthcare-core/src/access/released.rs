//! What a release gives.

use crate::{Cursor, Field, FieldSet, Hidden, Kernel, Record};
use std::{fmt, ops::Deref, sync::Arc};

/// A row whose access is decided and durably recorded. Plain columns are read directly, protected fields by
/// [`reveal`](Self::reveal).
pub struct Released<T> {
    row: Arc<T>,
    hidden: FieldSet,
}

impl<T> Released<T> {
    pub(super) const fn new(row: Arc<T>, hidden: FieldSet) -> Self {
        Self { row, hidden }
    }
    pub(super) const fn row(&self) -> &Arc<T> {
        &self.row
    }
}

impl<T: Record> Released<T> {
    /// The value of a protected field.
    ///
    /// # Errors
    /// [`Hidden`] when the policy hides the field from this reader.
    pub fn reveal<F: Field<Record = T>>(&self, _: F) -> Result<&F::Value, Hidden> {
        if self.hidden.contains::<F>() {
            return Err(Hidden(F::NAME));
        }
        Ok(&F::of(self.row.protected(&Kernel(()))).0)
    }

    /// The hidden fields' names.
    pub fn hidden(&self) -> impl Iterator<Item = &'static str> {
        self.hidden.names(T::FIELDS)
    }
}

impl<T> Deref for Released<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.row
    }
}
impl<T: Record> fmt::Debug for Released<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Released({} {})", T::KIND, self.row.id())
    }
}

/// One page of a listing, released.
#[derive(Debug)]
pub struct Page<T: Record> {
    /// The rows.
    pub items: Vec<Released<T>>,
    /// Where the next page begins, when there is one.
    pub next: Option<Cursor>,
}
