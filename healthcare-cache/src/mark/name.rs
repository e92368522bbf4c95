use super::{KeyWriter, sip::sip128};
use crate::CachedAs;
use healthcare_core::ClinicId;
use std::{
    fmt,
    hash::{BuildHasher as _, Hasher as _, RandomState},
};
use uuid::Uuid;

/// What a key, a subject or a tag of one clinic is called: a keyed hash, which cannot be turned back without the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mark(pub [u8; 16]);

/// What a clinic is called, in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScopeMark(pub [u8; 16]);

/// Makes marks.
#[derive(Clone)]
pub struct Namer([u8; 16]);

impl Namer {
    /// With a key that the operating system's randomness seeds, for this process alone: its marks mean nothing elsewhere.
    #[must_use]
    pub fn random() -> Self {
        let draw = || u128::from(RandomState::new().build_hasher().finish());
        // The standard library draws once per thread and counts on from there; the hash of nothing differs all the same.
        Self((draw() | (draw() << 64)).to_le_bytes())
    }

    /// With a secret that all who share a tier have, such as `vault.secret("cache-names")`: what one of them calls something, the
    /// others call it too. Who knows it can find out which names are in use by trying them.
    #[must_use]
    pub const fn with_secret(secret: &[u8; 32]) -> Self {
        // The secret is the output of a key derivation: any part of it is as good as a key drawn for this alone.
        let [key, _] = secret.as_chunks::<16>().0 else { return Self([0; 16]) };
        Self(*key)
    }

    /// With this key, so that a test can know beforehand which marks share a slot.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub const fn with_key(key: [u8; 16]) -> Self {
        Self(key)
    }

    /// The clinic.
    #[must_use]
    pub fn scope(&self, clinic: ClinicId) -> ScopeMark {
        ScopeMark(self.hash("clinic", clinic, |_| {}).0)
    }

    /// A key.
    #[must_use]
    pub fn key<K: CachedAs>(&self, key: &K) -> Mark {
        self.hash("key", key.clinic(), |out| {
            out.text(K::KIND);
            key.write(out);
        })
    }

    /// A subject: a patient, or whatever else values are about.
    #[must_use]
    pub fn subject(&self, clinic: ClinicId, subject: Uuid) -> Mark {
        self.hash("subject", clinic, |out| {
            out.id(subject);
        })
    }

    /// A tag.
    #[must_use]
    pub fn tag(&self, clinic: ClinicId, tag: &str) -> Mark {
        self.hash("tag", clinic, |out| {
            out.text(tag);
        })
    }

    fn hash(&self, what: &str, clinic: ClinicId, rest: impl FnOnce(&mut KeyWriter)) -> Mark {
        let mut out = KeyWriter::default();
        out.text(what).id(clinic.as_uuid());
        rest(&mut out);
        Mark(sip128(self.0, out.as_bytes()))
    }
}

/// Shows nothing of the key.
impl fmt::Debug for Namer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namer").finish_non_exhaustive()
    }
}
