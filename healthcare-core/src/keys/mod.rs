//! Keys and sealing: AES-256-GCM (NIST SP 800-38D) under keys derived by HKDF-SHA256 (RFC 5869).
//!
//! ```text
//! master key (provider: file, environment, a KMS of yours)
//!   └─ wraps ── scope key, one per clinic ── subkeys: column · wrap · queue · reply · cursor · cache · index · source · fingerprint
//!                 └─ wraps ── subject key, one per person ── column: destroy it and the person's rows are noise
//! ```

mod aead;
mod cache;
mod cached;
#[cfg(feature = "key-files")]
mod files;
mod master;
mod rows;
mod scope;
mod vault;

pub use aead::KeyError;
pub use cache::{CacheCipher, CacheKeys};
#[cfg(feature = "key-files")]
pub use files::{KeyFile, KeyVariable};
pub use master::{KeyId, KeyProvider, MasterKey, MemoryKeys};
pub use rows::BlindToken;
pub use scope::{ScopeKeys, SubjectKey, WrappedKey};
pub use vault::{HouseCipher, MemoryScopeKeys, ScopeKeyStore, Vault};
