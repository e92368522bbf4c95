//! What lies in the shared tier: values as bytes, compressed, and sealed for one clinic and one key.

mod codec;
mod envelope;
mod rows;
mod squeeze;

pub use self::codec::{CacheCodec, CodecError, JsonCodec};
pub(crate) use self::envelope::{Form, Unpacked};

use self::{envelope::Coded, rows::Rows};
use crate::Mark;
use healthcare_core::{CacheCipher, CacheKeys, ClinicId, Record, Sealed, StorageDoor};
use std::{fmt, sync::Arc, time::Duration};

/// Seals the values of one cache, and opens them.
///
/// Every failure is the same *nothing*: bytes of another clinic, key, kind or program, under an older key, cut off, changed
/// or swelling beyond all bounds are a miss, and a value that cannot be sealed stays in memory.
pub(crate) struct Wire<V> {
    cipher: CacheCipher,
    form: Arc<dyn Form<V>>,
}

/// Values that a codec turns into bytes.
pub(crate) fn coded<V: 'static>(codec: impl CacheCodec<V>) -> Arc<dyn Form<V>> {
    Arc::new(Coded(codec))
}

/// Rows of the repositories that hold this door.
pub(crate) fn rows<T: Record>(door: StorageDoor) -> Arc<dyn Form<Sealed<T>>> {
    Arc::new(Rows(door))
}

impl<V: 'static> Wire<V> {
    pub(crate) const fn new(cipher: CacheCipher, form: Arc<dyn Form<V>>) -> Self {
        Self { cipher, form }
    }

    /// The bytes of a value that was loaded for `key` of `clinic` and lives so long from the beginning of its load.
    pub(crate) async fn pack(
        &self,
        clinic: ClinicId,
        key: Mark,
        life: Duration,
        value: &V,
    ) -> Option<Vec<u8>> {
        self.form.pack(&*self.keys(clinic).await?, key, life, value)
    }

    /// The value that was packed for `key` of `clinic`.
    pub(crate) async fn unpack(&self, clinic: ClinicId, key: Mark, bytes: &[u8]) -> Option<Unpacked<V>> {
        self.form.unpack(&*self.keys(clinic).await?, key, bytes)
    }

    /// Held but for the first time: nothing is awaited then.
    async fn keys(&self, clinic: ClinicId) -> Option<Arc<CacheKeys>> {
        match self.cipher.held(clinic) {
            Some(keys) => Some(keys),
            None => self.cipher.keys(clinic).await.ok(),
        }
    }
}

impl<V> fmt::Debug for Wire<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("form", &self.form).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
