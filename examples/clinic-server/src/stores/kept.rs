//! The rows of a store that are remembered, kind by kind.

use super::told::ByRef;
use crate::Caches;
use healthcare_cache::{Cache, CachedReader, RowKey};
use healthcare_core::{Clinic, Location, Patient, Practitioner, Reader, Record, Sealed, StorageDoor};
use std::{
    any::{Any, TypeId},
    collections::HashMap,
    fmt,
    marker::PhantomData,
    sync::Arc,
};

/// A reader that remembers, for each kind that is remembered. Which they are is decided once, when the server is wired.
pub(super) struct KeptRows<S> {
    readers: HashMap<TypeId, Box<dyn Any + Send + Sync>>,
    of: PhantomData<fn() -> S>,
}

impl<S> KeptRows<S>
where
    S: Reader<Patient> + Reader<Practitioner> + Reader<Location> + Reader<Clinic> + 'static,
{
    /// As the caches say, round `store`, whose door this is.
    pub(super) fn of(store: &Arc<S>, door: &StorageDoor, caches: &Caches) -> Self {
        let rows = Self { readers: HashMap::new(), of: PhantomData };
        let Some(kept) = caches.kept() else { return rows };
        rows.with(store, door, &kept.patients)
            .with(store, door, &kept.practitioners)
            .with(store, door, &kept.locations)
            .with(store, door, &kept.clinics)
    }
}

impl<S: 'static> KeptRows<S> {
    fn with<T: Record>(
        mut self,
        store: &Arc<S>,
        door: &StorageDoor,
        cache: &Cache<RowKey<T>, Sealed<T>>,
    ) -> Self
    where
        S: Reader<T>,
    {
        let reader = CachedReader::new(ByRef(Arc::clone(store)), door.clone(), cache.clone());
        self.readers.insert(TypeId::of::<T>(), Box::new(reader));
        self
    }

    /// The one for this kind, if it is remembered.
    pub(super) fn reader<T: Record>(&self) -> Option<&CachedReader<T, ByRef<S>>> {
        self.readers.get(&TypeId::of::<T>()).and_then(|reader| reader.downcast_ref())
    }
}

impl<S> fmt::Debug for KeptRows<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeptRows({})", self.readers.len())
    }
}
