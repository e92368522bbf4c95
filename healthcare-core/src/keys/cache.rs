//! Sealing for caches outside the process.

use super::{
    KeyError, KeyId, Vault,
    aead::{self, Subkey, key_of, place},
};
use crate::ClinicId;
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};
use zeroize::Zeroizing;

/// Gives a cache the keys it seals with, clinic by clinic, and nothing else of the vault.
///
/// They hang from the clinic's scope key: when its wrapped form is destroyed, what lies in a shared cache is noise for every
/// process that does not hold the key any more. So after destroying it call [`forget`](Self::forget) in every process.
#[derive(Clone)]
pub struct CacheCipher(Arc<Vault>);

impl fmt::Debug for CacheCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CacheCipher").finish_non_exhaustive()
    }
}

impl CacheCipher {
    pub(super) const fn new(vault: Arc<Vault>) -> Self {
        Self(vault)
    }

    /// The keys of a clinic if they are in memory: no look-up, nothing awaited.
    #[must_use]
    pub fn held(&self, clinic: ClinicId) -> Option<Arc<CacheKeys>> {
        self.0.held(clinic).map(|keys| Arc::clone(&keys.cache))
    }

    /// The keys of a clinic, made when it has none yet. Whoever keeps them keeps them from being forgotten.
    ///
    /// # Errors
    /// [`KeyError`] when they cannot be loaded, unwrapped or stored: go on without the cache.
    pub async fn keys(&self, clinic: ClinicId) -> Result<Arc<CacheKeys>, KeyError> {
        self.0.keys_of(clinic).await.map(|keys| Arc::clone(&keys.cache))
    }

    /// As [`Vault::forget`].
    pub fn forget(&self, clinic: ClinicId) {
        self.0.forget(clinic);
    }

    /// As [`Vault::forget_where`].
    pub fn forget_where(&self, is_meant: impl Fn(ClinicId) -> bool) {
        self.0.forget_where(is_meant);
    }
}

/// What one clinic's cached values are sealed with.
///
/// Many processes fill one cache for months, so counting messages in each of them would not hold NIST's limit for one key. Each
/// process draws a salt and seals under a subkey of its own, and draws another when that has sealed as much as it may; the
/// salt stands before the message, and whoever opens it derives the same subkey.
pub struct CacheKeys {
    clinic: ClinicId,
    id: KeyId,
    root: Zeroizing<[u8; 32]>,
    own: RwLock<Arc<Salted>>,
    others: RwLock<HashMap<[u8; SALT], Arc<Salted>>>,
}

struct Salted {
    salt: [u8; SALT],
    subkey: Subkey,
}

const SALT: usize = 8;

impl fmt::Debug for CacheKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CacheKeys({})", self.id)
    }
}

impl CacheKeys {
    /// How many bytes longer than its content a sealed message is.
    pub const OVERHEAD: usize = SALT + aead::OVERHEAD;

    /// The most subkeys of other processes that are kept; beyond it all are derived anew.
    const OTHERS_MAX: usize = 256;

    pub(super) fn new(clinic: ClinicId, id: KeyId, scope_key: &[u8; 32]) -> Result<Self, KeyError> {
        let root = aead::derive(scope_key, &[b"scope-cache", clinic.as_uuid().as_bytes()])?;
        let own = RwLock::new(Arc::new(Salted::drawn(id, &root)?));
        Ok(Self { clinic, id, root, own, others: RwLock::default() })
    }

    /// The clinic.
    #[must_use]
    pub const fn clinic(&self) -> ClinicId {
        self.clinic
    }

    /// Seals a value. `context` says what it is and under which key it lies: it is authenticated, and must be the same when
    /// opened.
    ///
    /// # Errors
    /// [`KeyError::System`] when the system's cryptography fails.
    pub fn seal(&self, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.seal_at(&self.place(context), plain)
    }

    pub(super) fn seal_at(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, KeyError> {
        let own = Arc::clone(&self.own.read().unwrap_or_else(PoisonError::into_inner));
        match own.seal(place, plain) {
            Err(KeyError::Exhausted) => self.renewed(&own)?.seal(place, plain),
            sealed => sealed,
        }
    }

    /// Opens what [`seal`](Self::seal) sealed, in whatever process, for the same clinic and context.
    ///
    /// # Errors
    /// [`KeyError::DoesNotOpen`] when it was not, or was changed; [`KeyError::UnknownKey`] when it was sealed under another key
    /// of the clinic.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        self.open_at(&self.place(context), sealed)
    }

    pub(super) fn open_at(&self, place: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let (salt, message) = sealed.split_first_chunk::<SALT>().ok_or(KeyError::DoesNotOpen)?;
        let id = key_of(message)?;
        if id != self.id {
            return Err(KeyError::UnknownKey(id));
        }
        if let Some(known) = self.known(*salt) {
            return known.subkey.open(place, message);
        }
        let other = Salted::derived(self.id, &self.root, *salt)?;
        let plain = other.subkey.open(place, message)?;
        // Only what opened is worth keeping: anyone can write salts into a cache.
        let mut others = self.others.write().unwrap_or_else(PoisonError::into_inner);
        if others.len() >= Self::OTHERS_MAX {
            others.clear();
        }
        others.insert(*salt, Arc::new(other));
        Ok(plain)
    }

    fn place(&self, context: &[u8]) -> Vec<u8> {
        place(&[b"cache", self.clinic.as_uuid().as_bytes(), context])
    }

    fn known(&self, salt: [u8; SALT]) -> Option<Arc<Salted>> {
        let own = self.own.read().unwrap_or_else(PoisonError::into_inner);
        if own.salt == salt {
            return Some(Arc::clone(&own));
        }
        self.others.read().unwrap_or_else(PoisonError::into_inner).get(&salt).cloned()
    }

    /// A new subkey of this process instead of `spent`, unless somebody has made one meanwhile.
    fn renewed(&self, spent: &Arc<Salted>) -> Result<Arc<Salted>, KeyError> {
        let mut own = self.own.write().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&own, spent) {
            *own = Arc::new(Salted::drawn(self.id, &self.root)?);
        }
        Ok(Arc::clone(&own))
    }
}

impl Salted {
    fn drawn(id: KeyId, root: &[u8; 32]) -> Result<Self, KeyError> {
        Self::derived(id, root, *aead::random::<SALT>()?)
    }

    fn derived(id: KeyId, root: &[u8; 32], salt: [u8; SALT]) -> Result<Self, KeyError> {
        Ok(Self { salt, subkey: Subkey::derived(id, root, &[b"cache-process", &salt])? })
    }

    fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.subkey.seal_after(&self.salt, place, plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(clinic: ClinicId) -> CacheKeys {
        CacheKeys::new(clinic, KeyId::from_bytes([3; 8]), &[9; 32]).unwrap()
    }

    #[test]
    fn two_processes_open_each_others_values_and_never_seal_under_one_key() {
        let clinic = ClinicId::random();
        let (one, other) = (keys(clinic), keys(clinic));
        let sealed = one.seal(b"here", b"Ada").unwrap();
        assert_eq!(sealed.len(), 3 + CacheKeys::OVERHEAD);
        assert_eq!(other.open(b"here", &sealed).unwrap().as_slice(), b"Ada");
        assert_eq!(other.open(b"here", &sealed).unwrap().as_slice(), b"Ada", "from the kept subkey too");
        assert_ne!(one.seal(b"here", b"Ada").unwrap()[..8], other.seal(b"here", b"Ada").unwrap()[..8]);
    }

    #[test]
    fn a_spent_subkey_is_followed_by_another() {
        let clinic = ClinicId::random();
        let (one, other) = (keys(clinic), keys(clinic));
        let before = one.seal(b"here", b"Ada").unwrap();
        one.own.read().unwrap().subkey.spend();
        let after = one.seal(b"here", b"Ada").unwrap();
        assert_ne!(before[..8], after[..8]);
        for sealed in [before, after] {
            assert_eq!(one.open(b"here", &sealed).unwrap().as_slice(), b"Ada");
            assert_eq!(other.open(b"here", &sealed).unwrap().as_slice(), b"Ada");
        }
    }

    #[test]
    fn strangers_salts_are_not_kept() {
        let one = keys(ClinicId::random());
        let sealed = one.seal(b"here", b"Ada").unwrap();
        for byte in 1..=255 {
            let mut changed = sealed.clone();
            changed[0] ^= byte;
            assert!(one.open(b"here", &changed).is_err());
        }
        assert!(one.others.read().unwrap().is_empty());
    }

    #[test]
    fn the_kept_salts_have_a_limit() {
        let clinic = ClinicId::random();
        let one = keys(clinic);
        for _ in 0..CacheKeys::OTHERS_MAX + 1 {
            assert!(one.open(b"here", &keys(clinic).seal(b"here", b"Ada").unwrap()).is_ok());
        }
        assert_eq!(one.others.read().unwrap().len(), 1);
    }
}
