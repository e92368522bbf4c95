//! The vault: every clinic's keys, loaded when they are needed.

use super::{
    CacheCipher, KeyError, KeyId, KeyProvider, MasterKey, ScopeKeys, WrappedKey,
    aead::{self, Subkey, key_of, place},
};
use crate::{ClinicId, ClinicScope};
use async_trait::async_trait;
use ring::hmac;
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError, RwLock},
};
use zeroize::Zeroizing;

/// Keeps scope keys in their wrapped form.
///
/// # Contract
/// `put_absent` is atomic: whoever comes second gets the first one's key.
#[async_trait]
pub trait ScopeKeyStore: fmt::Debug + Send + Sync {
    /// The wrapped key of a clinic.
    ///
    /// # Errors
    /// [`KeyError::Store`].
    async fn get(&self, clinic: ClinicId) -> Result<Option<WrappedKey>, KeyError>;
    /// Stores a clinic's wrapped key unless it has one, and says which it has now.
    ///
    /// # Errors
    /// [`KeyError::Store`].
    async fn put_absent(&self, clinic: ClinicId, key: WrappedKey) -> Result<WrappedKey, KeyError>;
}

/// Wrapped scope keys in memory.
#[derive(Debug, Default)]
pub struct MemoryScopeKeys(Mutex<HashMap<ClinicId, WrappedKey>>);

#[async_trait]
impl ScopeKeyStore for MemoryScopeKeys {
    async fn get(&self, clinic: ClinicId) -> Result<Option<WrappedKey>, KeyError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&clinic).cloned())
    }
    async fn put_absent(&self, clinic: ClinicId, key: WrappedKey) -> Result<WrappedKey, KeyError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(clinic).or_insert(key).clone())
    }
}

/// Holds the master keys, and the scope keys it has unwrapped. Hand it to storage and to nobody else.
pub struct Vault {
    masters: Vec<MasterKey>,
    store: Arc<dyn ScopeKeyStore>,
    scopes: RwLock<Scopes>,
}

/// The scope keys that were unwrapped.
#[derive(Default)]
struct Scopes {
    held: HashMap<ClinicId, Arc<ScopeKeys>>,
    /// How often something was forgotten: a key whose look-up began before is not held afterwards.
    forgotten: u64,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("masters", &self.masters).finish_non_exhaustive()
    }
}

impl Vault {
    /// The most clinics whose keys are held unwrapped.
    const SCOPES_MAX: usize = 10_000;

    /// A vault of these master keys over this store.
    ///
    /// # Errors
    /// [`KeyError::Provider`] when the provider has no key.
    pub fn new(provider: &dyn KeyProvider, store: Arc<dyn ScopeKeyStore>) -> Result<Self, KeyError> {
        let masters = provider.keys()?;
        if masters.is_empty() {
            return Err(KeyError::Provider("the key provider has no key: give it at least one".into()));
        }
        Ok(Self { masters, store, scopes: RwLock::default() })
    }

    /// The keys of a clinic, made when it has none yet.
    ///
    /// # Errors
    /// [`KeyError`] when they cannot be loaded, unwrapped or stored.
    pub async fn scope(&self, scope: ClinicScope) -> Result<Arc<ScopeKeys>, KeyError> {
        self.keys_of(scope.clinic()).await
    }

    /// Forgets the unwrapped keys of a clinic, and those that are being loaded: for when their wrapped form was destroyed or
    /// replaced. Each process is to be told, for nothing else ends a key that it holds; what holds the keys already goes on
    /// until it lets go of them.
    pub fn forget(&self, clinic: ClinicId) {
        self.forget_where(|held| held == clinic);
    }

    /// Forgets the unwrapped keys of all clinics of which `is_meant` says so: for who knows them by another name.
    pub fn forget_where(&self, is_meant: impl Fn(ClinicId) -> bool) {
        let mut scopes = self.scopes.write().unwrap_or_else(PoisonError::into_inner);
        scopes.forgotten = scopes.forgotten.wrapping_add(1);
        scopes.held.retain(|clinic, _| !is_meant(*clinic));
    }

    pub(super) fn held(&self, clinic: ClinicId) -> Option<Arc<ScopeKeys>> {
        self.scopes.read().unwrap_or_else(PoisonError::into_inner).held.get(&clinic).cloned()
    }

    pub(super) async fn keys_of(&self, clinic: ClinicId) -> Result<Arc<ScopeKeys>, KeyError> {
        if let Some(keys) = self.held(clinic) {
            return Ok(keys);
        }
        let forgotten = self.scopes.read().unwrap_or_else(PoisonError::into_inner).forgotten;
        let wrapped = match self.store.get(clinic).await? {
            Some(wrapped) => wrapped,
            None => self.store.put_absent(clinic, self.new_scope_key(clinic)?).await?,
        };
        let keys = Arc::new(self.unwrap(clinic, &wrapped)?);
        let mut scopes = self.scopes.write().unwrap_or_else(PoisonError::into_inner);
        if scopes.forgotten != forgotten {
            return Ok(keys);
        }
        if scopes.held.len() >= Self::SCOPES_MAX {
            scopes.held.clear();
        }
        Ok(Arc::clone(scopes.held.entry(clinic).or_insert(keys)))
    }

    fn new_scope_key(&self, clinic: ClinicId) -> Result<WrappedKey, KeyError> {
        let mut plain = Zeroizing::new([0; KeyId::LENGTH + 32]);
        let (head, tail) = plain.split_at_mut(KeyId::LENGTH);
        head.copy_from_slice(KeyId::random()?.as_bytes());
        tail.copy_from_slice(aead::random::<32>()?.as_slice());
        let master = self.newest()?;
        let wrap = Subkey::derived(master.id(), master.bytes(), &[b"master-wrap"])?;
        wrap.seal(&scope_place(clinic), plain.as_slice()).map(WrappedKey)
    }

    fn unwrap(&self, clinic: ClinicId, wrapped: &WrappedKey) -> Result<ScopeKeys, KeyError> {
        let master = self.named(key_of(&wrapped.0)?)?;
        let wrap = Subkey::derived(master.id(), master.bytes(), &[b"master-wrap"])?;
        let plain = wrap.open(&scope_place(clinic), &wrapped.0)?;
        let (id, bytes) = plain.split_first_chunk::<{ KeyId::LENGTH }>().ok_or(KeyError::DoesNotOpen)?;
        ScopeKeys::new(clinic, KeyId::from_bytes(*id), bytes.first_chunk().ok_or(KeyError::DoesNotOpen)?)
    }

    /// A cipher for caches outside the process. Give a cache this, and not the vault.
    #[must_use]
    pub fn cache_cipher(self: &Arc<Self>) -> CacheCipher {
        CacheCipher::new(Arc::clone(self))
    }

    /// A cipher for what must open without the database: the audit log of each clinic, the users of the house.
    #[must_use]
    pub fn house_cipher(&self) -> HouseCipher {
        HouseCipher { masters: self.masters.clone().into(), subkeys: Arc::default() }
    }

    /// A secret for one purpose of the house, the same every time: a signing key, a pepper.
    ///
    /// # Errors
    /// [`KeyError::System`] when the system's cryptography fails.
    pub fn secret(&self, purpose: &str) -> Result<Zeroizing<[u8; 32]>, KeyError> {
        aead::derive(self.oldest()?.bytes(), &[b"master-secret", purpose.as_bytes()])
    }

    /// A keyed hash of a name by which something is looked up across clinics, such as a sign-in address.
    ///
    /// # Errors
    /// [`KeyError::System`] when the system's cryptography fails.
    pub fn lookup(&self, purpose: &str, name: &str) -> Result<[u8; 32], KeyError> {
        let key = aead::derive(self.oldest()?.bytes(), &[b"master-lookup", purpose.as_bytes()])?;
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()), name.as_bytes());
        tag.as_ref().first_chunk().copied().ok_or(KeyError::System)
    }

    fn newest(&self) -> Result<&MasterKey, KeyError> {
        self.masters.last().ok_or(KeyError::System)
    }
    fn oldest(&self) -> Result<&MasterKey, KeyError> {
        self.masters.first().ok_or(KeyError::System)
    }
    fn named(&self, id: KeyId) -> Result<&MasterKey, KeyError> {
        self.masters.iter().find(|master| master.id() == id).ok_or(KeyError::UnknownKey(id))
    }
}

fn scope_place(clinic: ClinicId) -> Vec<u8> {
    place(&[b"scope-key", clinic.as_uuid().as_bytes()])
}

/// Seals and opens without a look-up: a subkey for each clinic and purpose is derived from the master key itself, and kept.
#[derive(Clone)]
pub struct HouseCipher {
    masters: Arc<[MasterKey]>,
    subkeys: Arc<RwLock<HashMap<SubkeyName, Arc<Subkey>>>>,
}

type SubkeyName = (KeyId, String, ClinicId);

impl fmt::Debug for HouseCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HouseCipher").field("masters", &self.masters).finish_non_exhaustive()
    }
}

impl HouseCipher {
    /// The most subkeys that are kept; beyond it all are derived anew.
    const SUBKEYS_MAX: usize = 10_000;

    /// Seals bytes of a clinic for one purpose. `context` is authenticated and must be the same when opened.
    ///
    /// # Errors
    /// [`KeyError`] when they cannot be sealed.
    pub fn seal(
        &self,
        purpose: &str,
        clinic: ClinicId,
        context: &[u8],
        plain: &[u8],
    ) -> Result<Vec<u8>, KeyError> {
        let master = self.masters.last().ok_or(KeyError::System)?;
        self.subkey(master, purpose, clinic)?.seal(&place(&[context]), plain)
    }

    /// Opens what [`seal`](Self::seal) sealed for the same purpose, clinic and context.
    ///
    /// # Errors
    /// [`KeyError::DoesNotOpen`] when it was not, or was changed; [`KeyError::UnknownKey`] when its master key is gone.
    pub fn open(
        &self,
        purpose: &str,
        clinic: ClinicId,
        context: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let id = key_of(sealed)?;
        let master = self.masters.iter().find(|master| master.id() == id).ok_or(KeyError::UnknownKey(id))?;
        self.subkey(master, purpose, clinic)?.open(&place(&[context]), sealed)
    }

    /// Kept, so that a record costs no derivation and the messages of a key are counted.
    fn subkey(&self, master: &MasterKey, purpose: &str, clinic: ClinicId) -> Result<Arc<Subkey>, KeyError> {
        let name = (master.id(), purpose.to_owned(), clinic);
        if let Some(subkey) = self.subkeys.read().unwrap_or_else(PoisonError::into_inner).get(&name) {
            return Ok(Arc::clone(subkey));
        }
        let scope = clinic.as_uuid();
        let info: &[&[u8]] = &[b"house", purpose.as_bytes(), scope.as_bytes()];
        let subkey = Arc::new(Subkey::derived(master.id(), master.bytes(), info)?);
        let mut subkeys = self.subkeys.write().unwrap_or_else(PoisonError::into_inner);
        if subkeys.len() >= Self::SUBKEYS_MAX {
            subkeys.clear();
        }
        Ok(Arc::clone(subkeys.entry(name).or_insert(subkey)))
    }
}
