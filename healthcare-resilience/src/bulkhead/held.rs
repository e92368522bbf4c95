use std::{ops::Deref, sync::Arc};

/// What a permit holds of its policy: a borrow in a plain call, so that nothing is counted there, or a share of it
/// where the permit moves elsewhere.
#[derive(Debug)]
pub(crate) enum Held<'a, T> {
    Borrowed(&'a T),
    Shared(Arc<T>),
}

impl<T> Deref for Held<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Self::Borrowed(held) => held,
            Self::Shared(held) => held,
        }
    }
}
