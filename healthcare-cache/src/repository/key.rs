use crate::{Cache, CacheBuilder, CacheKey, CachePolicy, CachedAs, KeyWriter, wire::rows};
use healthcare_core::{ClinicId, Id, Record, Sealed, StorageDoor};
use std::{
    borrow::Cow,
    fmt,
    hash::{Hash, Hasher},
    marker::PhantomData,
};
use uuid::Uuid;

/// Which row of `T`, in which clinic.
pub struct RowKey<T> {
    clinic: ClinicId,
    id: Uuid,
    of: PhantomData<fn() -> T>,
}

impl<T: Record> RowKey<T> {
    /// The row with this id.
    #[must_use]
    pub const fn new(clinic: ClinicId, id: Id<T>) -> Self {
        Self { clinic, id: id.as_uuid(), of: PhantomData }
    }

    /// Describes a cache of such rows, for a [`CachedReader`](super::CachedReader). What a row weighs is an estimate, for nobody may
    /// look into it.
    pub fn cache(policy: CachePolicy) -> CacheBuilder<Self, Sealed<T>> {
        Cache::builder(policy).name(T::KIND).weigher(|_, _| {
            // A short text in each.
            size_of::<T>() + 48 * (T::FIELDS.len() + T::COLUMNS.len())
        })
    }
}

impl<T: Record> CacheBuilder<RowKey<T>, Sealed<T>> {
    /// Keeps rows in the node's shared tier as well, sealed by the door of their repository: as [`shared`](Self::shared), but there is
    /// no codec, for rows are readable to nobody on their way.
    pub fn shared_rows(self, door: &StorageDoor) -> Self {
        self.form(rows(door.clone()))
    }
}

impl<T: Record> CacheKey for RowKey<T> {
    fn clinic(&self) -> ClinicId {
        self.clinic
    }
    fn subject(&self) -> Option<Uuid> {
        T::SUBJECT_IS_SELF.then_some(self.id)
    }
}

impl<T: Record> CachedAs for RowKey<T> {
    const KIND: &'static str = RowName::KIND;
    fn write(&self, out: &mut KeyWriter) {
        RowName::write_parts(out, T::KIND, self.id);
    }
}

/// A row whose kind is known only at run time. It has the same name as its [`RowKey`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct RowName {
    pub(super) clinic: ClinicId,
    pub(super) kind: Cow<'static, str>,
    pub(super) id: Uuid,
}

impl RowName {
    fn write_parts(out: &mut KeyWriter, kind: &str, id: Uuid) {
        out.text(kind).id(id);
    }
}

impl CacheKey for RowName {
    fn clinic(&self) -> ClinicId {
        self.clinic
    }
    fn subject(&self) -> Option<Uuid> {
        None
    }
}

impl CachedAs for RowName {
    const KIND: &'static str = "row";
    fn write(&self, out: &mut KeyWriter) {
        Self::write_parts(out, &self.kind, self.id);
    }
}

/// The tag that a list of rows of this kind can be kept with: whoever writes one of them through a
/// [`PurgingWriter`](super::PurgingWriter) makes it forgotten.
///
/// ```
/// assert_eq!(healthcare_cache::rows_tag("location"), "rows:location");
/// ```
#[must_use]
pub fn rows_tag(kind: &str) -> String {
    format!("rows:{kind}")
}

impl<T> Clone for RowKey<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for RowKey<T> {}
impl<T> PartialEq for RowKey<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.clinic, self.id) == (other.clinic, other.id)
    }
}
impl<T> Eq for RowKey<T> {}
impl<T> Hash for RowKey<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.clinic, self.id).hash(state);
    }
}
impl<T: Record> fmt::Debug for RowKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RowKey({} {})", T::KIND, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Namer;
    use healthcare_core::record;

    record! {
        pub struct Bed in bed = "bed" {
            subject: none,
            plain { floor: i64 },
            protected {},
        }
    }
    record! {
        pub struct Ward in ward = "ward" {
            subject: none,
            plain { floor: i64 },
            protected {},
        }
    }

    #[test]
    fn a_row_has_one_name_whoever_names_it() {
        let (namer, clinic, id) = (Namer::random(), ClinicId::random(), Uuid::now_v7());
        let named = |clinic, kind: &'static str, id| namer.key(&RowName { clinic, kind: kind.into(), id });
        let bed = namer.key(&RowKey::<Bed>::new(clinic, Id::from_uuid(id)));
        assert_eq!(bed, named(clinic, "bed", id));
        assert_eq!(namer.key(&RowKey::<Ward>::new(clinic, Id::from_uuid(id))), named(clinic, "ward", id));
        assert_ne!(bed, named(clinic, "ward", id));
        assert_ne!(bed, named(ClinicId::random(), "bed", id));
        assert_ne!(bed, named(clinic, "bed", Uuid::now_v7()));
    }
}
