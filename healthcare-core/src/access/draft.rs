//! Drafts: the next version of a row.

use super::{Change, Released, Sealed, case::Case, change::Write};
use crate::{AccessError, Field, FieldSet, Hidden, Kernel, Outcome, Phi, Record};
use std::{fmt, ops::Deref, sync::Arc};

/// A row being edited. It begins as the stored row, so what the editor may not see survives; it reads as the old version.
///
/// Dropping it records the access as abandoned.
#[must_use = "a draft is stored by `change` and a repository's commit"]
pub struct Draft<T: Record> {
    old: Released<T>,
    new: T,
    joined: bool,
    hidden: FieldSet,
    case: Case,
}

impl<T: Record> Draft<T> {
    pub(super) fn new(sealed: Sealed<T>, hidden: FieldSet, case: Case) -> Self {
        let joined = sealed.decided_for(case.number());
        let old = Released::new(sealed.into_row(), hidden);
        Self { new: (**old.row()).clone(), old, joined, hidden, case }
    }

    /// Sets a protected field.
    ///
    /// # Errors
    /// [`Hidden`] when the policy hides the field from the editor.
    pub fn set<F: Field<Record = T>>(&mut self, _: F, value: Phi<F>) -> Result<(), Hidden> {
        if self.hidden.contains::<F>() {
            return Err(Hidden(F::NAME));
        }
        *F::of_mut(self.new.parts_mut(&Kernel(())).1) = value;
        Ok(())
    }

    /// The plain columns, to change them.
    pub fn plain_mut(&mut self) -> &mut T::Plain {
        self.new.parts_mut(&Kernel(())).0
    }

    /// The new version as it stands, for views that answer before the commit.
    #[must_use]
    pub fn preview(&self) -> Released<T> {
        let mut row = self.new.clone();
        row.set_version(&Kernel(()), self.old.version() + 1);
        Released::new(Arc::new(row), self.hidden)
    }

    /// The change that stores the new version.
    ///
    /// # Errors
    /// [`AccessError::OutsideGrant`] when the new version is of another clinic, id or person, [`AccessError::OutsideTerms`] when it is no longer
    /// within the filter.
    pub async fn change(mut self) -> Result<Change<T>, AccessError> {
        let outside = if !self.case.covers(&self.new) {
            Some(AccessError::OutsideGrant)
        } else if !self.case.terms.rows.admits(&self.new, self.joined) {
            Some(AccessError::OutsideTerms)
        } else {
            None
        };
        if let Some(outside) = outside {
            self.case.settle(Outcome::Withheld).await?;
            return Err(outside);
        }
        Ok(Change::new(self.case, Write::Update, self.new))
    }
}

impl<T: Record> Deref for Draft<T> {
    type Target = Released<T>;
    fn deref(&self) -> &Released<T> {
        &self.old
    }
}
impl<T: Record> fmt::Debug for Draft<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Draft({} {})", T::KIND, self.old.id())
    }
}
