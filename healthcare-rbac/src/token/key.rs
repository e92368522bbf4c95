//! Keys of tokens, and the ring they turn in.

use super::{
    crypto::{self, RingSigner, RingVerifier},
    header::Compact,
    service::TokenRefused,
};
use jiff::Timestamp;
use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, EncodingKey,
    jwk::{Jwk, KeyOperations, PublicKeyUse},
    signature::{Signer as _, Verifier as _},
};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use std::{collections::HashMap, fmt, sync::Arc};

/// A key or a set of keys that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidKey {
    /// The key's name.
    #[error("a key id is 1 to 64 letters, digits, and any of . _ @ ~ -")]
    Id,
    /// The secret is too short for its hash.
    #[error("an HMAC secret needs at least 32 random bytes")]
    ShortSecret,
    /// The bytes are not a key of that kind.
    #[error("not a key of that algorithm: check its encoding (PKCS#8 for Ed25519)")]
    Encoding,
    /// A JWK that is not for checking signatures, or names no supported algorithm.
    #[error("the JWK must name a supported `alg`, and be for signatures (`use` sig, `key_ops` verify)")]
    Unsuitable,
    /// Two keys of one name.
    #[error("two keys have the same id")]
    Duplicate,
    /// Secrets and public keys in one ring.
    #[error("a ring holds either HMAC secrets or public keys, never both")]
    MixedFamilies,
    /// Nothing to sign with.
    #[error("the ring has no key")]
    Empty,
}

/// A key that checks signatures of exactly one algorithm.
#[derive(Clone)]
pub struct VerifyKey {
    algorithm: Algorithm,
    check: Arc<RingVerifier>,
}

impl fmt::Debug for VerifyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl VerifyKey {
    fn of(algorithm: Algorithm, key: &DecodingKey) -> Result<Self, InvalidKey> {
        let check = crypto::verifier(algorithm, key).map_err(|_| InvalidKey::Encoding)?;
        Ok(Self { algorithm, check: Arc::new(check) })
    }

    /// A key of another party as a JWK (RFC 7517). Its `alg` is required and binds the key: a token that names another
    /// algorithm is refused, whatever its signature.
    ///
    /// # Errors
    /// [`InvalidKey`] without a supported `alg`, for a key that is not for signatures, a short secret, or wrong bytes.
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, InvalidKey> {
        let common = &jwk.common;
        let named = common.key_algorithm.ok_or(InvalidKey::Unsuitable)?;
        let algorithm: Algorithm = named.to_string().parse().map_err(|_| InvalidKey::Unsuitable)?;
        let for_use = common.public_key_use.as_ref().is_none_or(|u| *u == PublicKeyUse::Signature);
        let may = common.key_operations.as_ref().is_none_or(|ops| ops.contains(&KeyOperations::Verify));
        if !for_use || !may {
            return Err(InvalidKey::Unsuitable);
        }
        let key = DecodingKey::from_jwk(jwk).map_err(|_| InvalidKey::Encoding)?;
        if algorithm.family() == AlgorithmFamily::Hmac
            && key.try_get_as_bytes().is_ok_and(|secret| secret.len() < 32)
        {
            return Err(InvalidKey::ShortSecret);
        }
        Self::of(algorithm, &key)
    }

    /// The algorithm the key is bound to.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Checks a compact JWS against this key and answers its payload. Claims are not looked at: for access tokens use
    /// [`TokenService::verify`](super::TokenService::verify).
    ///
    /// # Errors
    /// [`TokenRefused`] for anything but a strict compact JWS of this key's algorithm with a right signature.
    pub fn payload(&self, token: &str) -> Result<Vec<u8>, TokenRefused> {
        let compact = Compact::read(token)?;
        self.check(&compact)?;
        Ok(compact.payload)
    }

    pub(super) fn check(&self, compact: &Compact<'_>) -> Result<(), TokenRefused> {
        if compact.header()?.algorithm()? != self.algorithm {
            return Err(TokenRefused::Algorithm);
        }
        self.check.verify(compact.message, &compact.signature).map_err(|_| TokenRefused::Signature)
    }
}

/// A key of this system: signs, and checks what it signed.
#[derive(Clone)]
pub struct TokenKey {
    id: Arc<str>,
    verify: VerifyKey,
    sign: Arc<RingSigner>,
    from: Timestamp,
    retired: Timestamp,
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKey").field("id", &self.id).field("verify", &self.verify).finish_non_exhaustive()
    }
}

impl TokenKey {
    fn of(
        id: &str,
        algorithm: Algorithm,
        sign: &EncodingKey,
        verify: &DecodingKey,
    ) -> Result<Self, InvalidKey> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._@~-".contains(&b);
        if id.is_empty() || id.len() > 64 || !id.bytes().all(plain) {
            return Err(InvalidKey::Id);
        }
        let sign = crypto::signer(algorithm, sign).map_err(|_| InvalidKey::Encoding)?;
        let verify = VerifyKey::of(algorithm, verify)?;
        Ok(Self {
            id: id.into(),
            verify,
            sign: Arc::new(sign),
            from: Timestamp::MIN,
            retired: Timestamp::MAX,
        })
    }

    /// HMAC with SHA-256: for one program that both issues and checks.
    ///
    /// # Errors
    /// [`InvalidKey`] for a bad id or fewer than 32 bytes.
    pub fn hs256(id: &str, secret: &[u8]) -> Result<Self, InvalidKey> {
        if secret.len() < 32 {
            return Err(InvalidKey::ShortSecret);
        }
        Self::of(id, Algorithm::HS256, &EncodingKey::from_secret(secret), &DecodingKey::from_secret(secret))
    }

    /// Ed25519, from a PKCS#8 document: for programs that check tokens another one issues.
    ///
    /// # Errors
    /// [`InvalidKey`] for a bad id or a document that is not such a key.
    pub fn ed25519(id: &str, pkcs8: &[u8]) -> Result<Self, InvalidKey> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map_err(|_| InvalidKey::Encoding)?;
        let public = DecodingKey::from_ed_der(pair.public_key().as_ref());
        Self::of(id, Algorithm::EdDSA, &EncodingKey::from_ed_der(pkcs8), &public)
    }

    /// Signs only from this instant on; checks before it too, so that every process knows the key before one uses it.
    #[must_use]
    pub const fn signs_from(mut self, from: Timestamp) -> Self {
        self.from = from;
        self
    }

    /// Neither signs nor checks from this instant on. Set it one token life after the successor began to sign.
    #[must_use]
    pub const fn retired_at(mut self, at: Timestamp) -> Self {
        self.retired = at;
        self
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) const fn verify(&self) -> &VerifyKey {
        &self.verify
    }

    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        self.sign.try_sign(message).ok()
    }
}

/// The keys in use: signs with the newest, checks with every one that is not retired.
///
/// To rotate, build a ring with one key more and hand it to [`TokenService::replace_keys`](super::TokenService::replace_keys).
#[derive(Debug, Clone)]
pub struct KeyRing {
    keys: HashMap<Arc<str>, TokenKey>,
}

impl KeyRing {
    /// A ring of these keys.
    ///
    /// # Errors
    /// [`InvalidKey`] when there is none, two have one id, or secrets and public keys are mixed (a public key must never
    /// serve as a secret: ASVS 5.0 §9.1.2).
    pub fn new(keys: impl IntoIterator<Item = TokenKey>) -> Result<Self, InvalidKey> {
        let mut ring = HashMap::new();
        let mut secrets = 0_usize;
        for key in keys {
            secrets += usize::from(key.verify.algorithm.family() == AlgorithmFamily::Hmac);
            if ring.insert(Arc::clone(&key.id), key).is_some() {
                return Err(InvalidKey::Duplicate);
            }
        }
        match secrets {
            _ if ring.is_empty() => Err(InvalidKey::Empty),
            n if n != 0 && n != ring.len() => Err(InvalidKey::MixedFamilies),
            _ => Ok(Self { keys: ring }),
        }
    }

    /// The newest key that signs at `now`; of two that began together, the one whose id sorts last.
    pub(super) fn newest(&self, now: Timestamp) -> Option<&TokenKey> {
        let active = self.keys.values().filter(|key| key.from <= now && now < key.retired);
        active.max_by(|a, b| a.from.cmp(&b.from).then_with(|| a.id.cmp(&b.id)))
    }

    pub(super) fn known(&self, id: &str, now: Timestamp) -> Option<&TokenKey> {
        self.keys.get(id).filter(|key| now < key.retired)
    }
}
