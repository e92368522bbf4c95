//! One sealed message: `version 1 | key id 8 | nonce 12 | ciphertext | tag 16`.

use super::KeyId;
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, KeyType, Salt},
    rand::{SecureRandom, SystemRandom},
};
use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const HEADER: usize = 1 + KeyId::LENGTH + NONCE_LEN;

/// How many bytes longer than its content a message is.
pub(super) const OVERHEAD: usize = HEADER + 16;

/// Messages one subkey may seal in the life of a process. With random 96-bit nonces NIST SP 800-38D permits 2^32 for a key. The count
/// is the process's own: over restarts and several processes nothing adds it up.
const MESSAGES_MAX: u64 = 1 << 31;

/// Something about a key or a sealed message is wrong. Nothing of either is repeated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The bytes were not sealed here, not for this place, or were changed.
    #[error("sealed bytes do not open: another key, another place, or changed")]
    DoesNotOpen,
    /// The bytes name a key that is not known.
    #[error("sealed under key {0}, which the key provider does not have")]
    UnknownKey(KeyId),
    /// The person's key is gone.
    #[error("the key of this person is not there: destroyed, or never made")]
    NoSubjectKey,
    /// The key has sealed as many messages as it may.
    #[error("this key has sealed as many messages as it may: rotate it")]
    Exhausted,
    /// The system gave no random bytes, or refused a key.
    #[error("the system's cryptography failed")]
    System,
    /// A key file or variable cannot be used.
    #[error("{0}")]
    Provider(String),
    /// The scope keys could not be loaded or stored.
    #[error("the scope keys could not be loaded or stored")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<KeyError> for crate::AccessError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Store(_) => Self::Storage(Box::new(error)),
            other => Self::Sealed(Box::new(other)),
        }
    }
}

/// Fills a key with random bytes.
pub(super) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, KeyError> {
    let mut bytes = Zeroizing::new([0; N]);
    SystemRandom::new().fill(bytes.as_mut_slice()).map_err(|_| KeyError::System)?;
    Ok(bytes)
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-SHA256 with the crate's salt; each part of `info` is length-prefixed, so that no two purposes can meet.
pub(super) fn derive(key: &[u8; 32], info: &[&[u8]]) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let info = place(info);
    let mut derived = Zeroizing::new([0; 32]);
    Salt::new(HKDF_SHA256, b"healthcare-core keys v1")
        .extract(key)
        .expand(&[&info], Length(32))
        .and_then(|okm| okm.fill(derived.as_mut_slice()))
        .map_err(|_| KeyError::System)?;
    Ok(derived)
}

/// Associated data: parts, each with its length before it.
pub(super) fn place(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 4).sum());
    for part in parts {
        bytes.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

/// A key for one purpose.
pub(super) struct Subkey {
    id: KeyId,
    key: LessSafeKey,
    sealed: AtomicU64,
}

impl fmt::Debug for Subkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subkey({})", self.id)
    }
}

impl Subkey {
    pub(super) fn derived(id: KeyId, key: &[u8; 32], info: &[&[u8]]) -> Result<Self, KeyError> {
        let bytes = derive(key, info)?;
        let key = UnboundKey::new(&AES_256_GCM, bytes.as_slice()).map_err(|_| KeyError::System)?;
        Ok(Self { id, key: LessSafeKey::new(key), sealed: AtomicU64::new(0) })
    }

    pub(super) fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.seal_after(&[], place, plain)
    }

    /// A message with `prefix` before it, which is not authenticated.
    pub(super) fn seal_after(&self, prefix: &[u8], place: &[u8], plain: &[u8]) -> Result<Vec<u8>, KeyError> {
        if self.sealed.fetch_add(1, Ordering::Relaxed) >= MESSAGES_MAX {
            return Err(KeyError::Exhausted);
        }
        let nonce = random::<NONCE_LEN>()?;
        let mut message = Vec::with_capacity(prefix.len() + OVERHEAD + plain.len());
        message.extend_from_slice(prefix);
        message.push(VERSION);
        message.extend_from_slice(self.id.as_bytes());
        message.extend_from_slice(nonce.as_slice());
        message.extend_from_slice(plain);
        let (_, sealed) = message.split_at_mut(prefix.len());
        let (header, body) = sealed.split_at_mut(HEADER);
        let aad = Aad::from(bind(header, place));
        let tag = self
            .key
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(*nonce), aad, body)
            .map_err(|_| KeyError::System)?;
        message.extend_from_slice(tag.as_ref());
        Ok(message)
    }

    /// Lets the key have sealed all it may.
    #[cfg(test)]
    pub(super) fn spend(&self) {
        self.sealed.store(MESSAGES_MAX, Ordering::Relaxed);
    }

    pub(super) fn open(&self, place: &[u8], message: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let id = key_of(message)?;
        if id != self.id {
            return Err(KeyError::UnknownKey(id));
        }
        let (header, body) = message.split_at_checked(HEADER).ok_or(KeyError::DoesNotOpen)?;
        let nonce = header.get(HEADER - NONCE_LEN..).ok_or(KeyError::DoesNotOpen)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| KeyError::DoesNotOpen)?;
        let mut body = Zeroizing::new(body.to_vec());
        let aad = Aad::from(bind(header, place));
        let length = self.key.open_in_place(nonce, aad, &mut body).map_err(|_| KeyError::DoesNotOpen)?.len();
        body.truncate(length);
        Ok(body)
    }
}

// The header is authenticated with the place, so that version and key id cannot be exchanged.
fn bind(header: &[u8], place: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(header.len() + place.len());
    bytes.extend_from_slice(header);
    bytes.extend_from_slice(place);
    bytes
}

/// The key a message was sealed under.
pub(super) fn key_of(message: &[u8]) -> Result<KeyId, KeyError> {
    match message.split_first() {
        Some((&VERSION, rest)) => {
            rest.first_chunk().copied().map(KeyId::from_bytes).ok_or(KeyError::DoesNotOpen)
        }
        _ => Err(KeyError::DoesNotOpen),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subkey(byte: u8, info: &[u8]) -> Subkey {
        Subkey::derived(KeyId::from_bytes([byte; 8]), &[byte; 32], &[info]).unwrap()
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_refused() {
        let key = subkey(1, b"column");
        let sealed = key.seal(b"here", b"Ada").unwrap();
        assert_eq!(key.open(b"here", &sealed).unwrap().as_slice(), b"Ada");
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(key.open(b"here", &changed).is_err(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(key.open(b"here", &sealed[..length]).is_err(), "length {length}");
        }
        assert!(key.open(b"there", &sealed).is_err(), "another place");
        assert!(subkey(1, b"queue").open(b"here", &sealed).is_err(), "another purpose");
        assert!(matches!(subkey(2, b"column").open(b"here", &sealed), Err(KeyError::UnknownKey(_))));
    }

    #[test]
    fn places_cannot_run_into_each_other() {
        assert_ne!(place(&[b"ab", b"c"]), place(&[b"a", b"bc"]));
        assert_ne!(place(&[b"", b"x"]), place(&[b"x", b""]));
    }

    #[test]
    fn a_key_seals_a_limited_number_of_messages() {
        let key = subkey(1, b"column");
        key.spend();
        assert!(matches!(key.seal(b"here", b"Ada"), Err(KeyError::Exhausted)));
    }

    // The expected bytes were computed from RFC 5869 by another implementation. If they change, stored data does not open.
    #[test]
    fn derivation_is_as_it_was() {
        let derived = derive(&[7; 32], &[b"column", b"clinic"]).unwrap();
        let again = derive(&[7; 32], &[b"column", b"clinic"]).unwrap();
        assert_eq!(derived, again);
        assert_ne!(derived, derive(&[7; 32], &[b"columnclinic"]).unwrap());
        let hex: String = derived.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, GOLDEN);
    }
    const GOLDEN: &str = "d4cea1013e2cfb67979867bb97275bed71b5e093460f212bbb2fe948694e63df";
}
