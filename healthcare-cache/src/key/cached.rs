use super::CacheKey;
use crate::KeyWriter;

/// A [`CacheKey`] that has a name outside its own process.
///
/// Apart from [`CacheKey`], because a kind and a way of writing have no default that would be right: with one, two kinds of
/// value would share their names and nobody would notice. What is only ever looked up in one tier of one type needs neither.
///
/// ```
/// use healthcare_cache::{CacheKey, CachedAs, KeyWriter};
/// use healthcare_core::ClinicId;
/// use uuid::Uuid;
///
/// #[derive(Clone, PartialEq, Eq, Hash, Debug)]
/// struct BedKey { clinic: ClinicId, patient: Uuid }
/// impl CacheKey for BedKey {
///     fn clinic(&self) -> ClinicId { self.clinic }
///     fn subject(&self) -> Option<Uuid> { Some(self.patient) }
/// }
/// impl CachedAs for BedKey {
///     const KIND: &'static str = "bed";
///     fn write(&self, out: &mut KeyWriter) { out.id(self.patient); }
/// }
/// ```
pub trait CachedAs: CacheKey {
    /// What the value is. Unique among all kinds that are cached; change it when the value's form changes.
    const KIND: &'static str;

    /// Writes every part that makes two keys of this kind and clinic different. The kind and the clinic are written already.
    fn write(&self, out: &mut KeyWriter);
}
