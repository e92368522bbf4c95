//! Master keys and where they come from.

use super::{KeyError, aead};
use std::{fmt, sync::Arc};
use zeroize::Zeroizing;

/// The public name of a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; 8]);

impl KeyId {
    pub(super) const LENGTH: usize = 8;
    /// The id with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }
    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
    pub(super) fn random() -> Result<Self, KeyError> {
        aead::random::<8>().map(|bytes| Self(*bytes))
    }
}
impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A key that wraps others. It is wiped from memory when it is dropped.
#[derive(Clone)]
pub struct MasterKey {
    id: KeyId,
    bytes: Zeroizing<[u8; 32]>,
}

impl MasterKey {
    /// The key with these bytes.
    #[must_use]
    pub fn new(id: KeyId, bytes: [u8; 32]) -> Self {
        Self { id, bytes: Zeroizing::new(bytes) }
    }
    /// A new random key.
    ///
    /// # Errors
    /// [`KeyError::System`] when the system gives no random bytes.
    pub fn random() -> Result<Self, KeyError> {
        Ok(Self { id: KeyId::random()?, bytes: aead::random()? })
    }
    /// Its name.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }
    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }
}
impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.id)
    }
}

/// Where master keys come from: a file, the environment, a KMS of yours.
pub trait KeyProvider: fmt::Debug + Send + Sync {
    /// Every key, the one to wrap with last. The first never changes: what must be found again, such as sign-in names, is
    /// hashed under it. Called once, when a vault is made.
    ///
    /// # Errors
    /// [`KeyError::Provider`] when there is none.
    fn keys(&self) -> Result<Vec<MasterKey>, KeyError>;
}

/// Keys given in memory.
#[derive(Debug, Clone)]
pub struct MemoryKeys(Arc<[MasterKey]>);

impl MemoryKeys {
    /// These keys, the one to wrap with last.
    #[must_use]
    pub fn new(keys: impl Into<Arc<[MasterKey]>>) -> Self {
        Self(keys.into())
    }
    /// One new random key, gone with the process.
    ///
    /// # Errors
    /// [`KeyError::System`] when the system gives no random bytes.
    pub fn random() -> Result<Self, KeyError> {
        Ok(Self::new([MasterKey::random()?]))
    }
}

impl KeyProvider for MemoryKeys {
    fn keys(&self) -> Result<Vec<MasterKey>, KeyError> {
        Ok(self.0.to_vec())
    }
}
