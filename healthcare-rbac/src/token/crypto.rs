//! The signatures of `jsonwebtoken`, made and checked by ring.
//!
//! `jsonwebtoken` finds its cryptography through a slot of the whole process that panics when nobody filled it, and its
//! two built-in fillings are the `rsa` crate (RUSTSEC-2023-0071) and aws-lc. Here its key types and traits are used and
//! the slot is not: a key carries its own verifier.

use jsonwebtoken::{
    Algorithm, DecodingKey, DecodingKeyKind, EncodingKey,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::{ErrorKind, Result},
    signature::{Error, Signer, Verifier},
};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{self, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair, RsaParameters, UnparsedPublicKey},
};

/// A `jsonwebtoken` provider over ring, for a host that uses that crate itself:
/// `healthcare_rbac::token::RING.install_default()`. It covers every algorithm `jsonwebtoken` 11 names; its functions for
/// turning private keys into JWKs are not provided and panic, as that crate documents. This crate does not need it installed.
pub static RING: CryptoProvider = CryptoProvider {
    signer_factory: boxed_signer,
    verifier_factory: boxed_verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

fn boxed_signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    Ok(Box::new(signer(*algorithm, key)?))
}

fn boxed_verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    Ok(Box::new(verifier(*algorithm, key)?))
}

pub(super) fn signer(algorithm: Algorithm, key: &EncodingKey) -> Result<RingSigner> {
    if key.family() != algorithm.family() {
        return Err(ErrorKind::InvalidKeyFormat.into());
    }
    let bytes = key.as_bytes();
    let random = SystemRandom::new();
    let made = match algorithm {
        Algorithm::HS256 => SigningKey::Hmac(hmac::Key::new(hmac::HMAC_SHA256, bytes)),
        Algorithm::HS384 => SigningKey::Hmac(hmac::Key::new(hmac::HMAC_SHA384, bytes)),
        Algorithm::HS512 => SigningKey::Hmac(hmac::Key::new(hmac::HMAC_SHA512, bytes)),
        Algorithm::ES256 => ecdsa(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, bytes, &random)?,
        Algorithm::ES384 => ecdsa(&signature::ECDSA_P384_SHA384_FIXED_SIGNING, bytes, &random)?,
        Algorithm::EdDSA => SigningKey::Ed(
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(bytes).map_err(|_| ErrorKind::InvalidEddsaKey)?,
        ),
        Algorithm::RS256 => rsa(&signature::RSA_PKCS1_SHA256, bytes)?,
        Algorithm::RS384 => rsa(&signature::RSA_PKCS1_SHA384, bytes)?,
        Algorithm::RS512 => rsa(&signature::RSA_PKCS1_SHA512, bytes)?,
        Algorithm::PS256 => rsa(&signature::RSA_PSS_SHA256, bytes)?,
        Algorithm::PS384 => rsa(&signature::RSA_PSS_SHA384, bytes)?,
        Algorithm::PS512 => rsa(&signature::RSA_PSS_SHA512, bytes)?,
        _ => return Err(ErrorKind::UnsupportedAlgorithm.into()),
    };
    Ok(RingSigner { algorithm, key: made, random })
}

fn ecdsa(
    kind: &'static signature::EcdsaSigningAlgorithm,
    key: &[u8],
    random: &SystemRandom,
) -> Result<SigningKey> {
    let pair = EcdsaKeyPair::from_pkcs8(kind, key, random).map_err(|_| ErrorKind::InvalidEcdsaKey)?;
    Ok(SigningKey::Ec(Box::new(pair)))
}

fn rsa(padding: &'static dyn signature::RsaEncoding, key: &[u8]) -> Result<SigningKey> {
    let pair = RsaKeyPair::from_der(key).map_err(|_| ErrorKind::InvalidKeyFormat)?;
    Ok(SigningKey::Rsa(Box::new(pair), padding))
}

enum SigningKey {
    Hmac(hmac::Key),
    Ec(Box<EcdsaKeyPair>),
    Ed(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>, &'static dyn signature::RsaEncoding),
}

pub(super) struct RingSigner {
    algorithm: Algorithm,
    key: SigningKey,
    random: SystemRandom,
}

impl Signer<Vec<u8>> for RingSigner {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, Error> {
        match &self.key {
            SigningKey::Hmac(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            SigningKey::Ec(pair) => {
                Ok(pair.sign(&self.random, message).map_err(|_| Error::new())?.as_ref().to_vec())
            }
            SigningKey::Ed(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            SigningKey::Rsa(pair, padding) => {
                let mut out = vec![0; pair.public().modulus_len()];
                pair.sign(*padding, &self.random, message, &mut out).map_err(|_| Error::new())?;
                Ok(out)
            }
        }
    }
}

impl JwtSigner for RingSigner {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

pub(super) fn verifier(algorithm: Algorithm, key: &DecodingKey) -> Result<RingVerifier> {
    if key.family() != algorithm.family() {
        return Err(ErrorKind::InvalidKeyFormat.into());
    }
    let made = match algorithm {
        Algorithm::HS256 => CheckKey::Hmac(hmac::Key::new(hmac::HMAC_SHA256, key.try_get_as_bytes()?)),
        Algorithm::HS384 => CheckKey::Hmac(hmac::Key::new(hmac::HMAC_SHA384, key.try_get_as_bytes()?)),
        Algorithm::HS512 => CheckKey::Hmac(hmac::Key::new(hmac::HMAC_SHA512, key.try_get_as_bytes()?)),
        Algorithm::ES256 => point(&signature::ECDSA_P256_SHA256_FIXED, key)?,
        Algorithm::ES384 => point(&signature::ECDSA_P384_SHA384_FIXED, key)?,
        Algorithm::EdDSA => point(&signature::ED25519, key)?,
        Algorithm::RS256 => modulus(&signature::RSA_PKCS1_2048_8192_SHA256, key),
        Algorithm::RS384 => modulus(&signature::RSA_PKCS1_2048_8192_SHA384, key),
        Algorithm::RS512 => modulus(&signature::RSA_PKCS1_2048_8192_SHA512, key),
        Algorithm::PS256 => modulus(&signature::RSA_PSS_2048_8192_SHA256, key),
        Algorithm::PS384 => modulus(&signature::RSA_PSS_2048_8192_SHA384, key),
        Algorithm::PS512 => modulus(&signature::RSA_PSS_2048_8192_SHA512, key),
        _ => return Err(ErrorKind::UnsupportedAlgorithm.into()),
    };
    Ok(RingVerifier { algorithm, key: made })
}

fn point(kind: &'static dyn signature::VerificationAlgorithm, key: &DecodingKey) -> Result<CheckKey> {
    Ok(CheckKey::Plain(UnparsedPublicKey::new(kind, key.try_get_as_bytes()?.to_vec())))
}

fn modulus(kind: &'static RsaParameters, key: &DecodingKey) -> CheckKey {
    match key.kind() {
        DecodingKeyKind::SecretOrDer(der) => CheckKey::Plain(UnparsedPublicKey::new(kind, der.clone())),
        DecodingKeyKind::RsaModulusExponent { n, e } => {
            CheckKey::Rsa(kind, signature::RsaPublicKeyComponents { n: n.clone(), e: e.clone() })
        }
    }
}

enum CheckKey {
    Hmac(hmac::Key),
    Plain(UnparsedPublicKey<Vec<u8>>),
    Rsa(&'static RsaParameters, signature::RsaPublicKeyComponents<Vec<u8>>),
}

pub(super) struct RingVerifier {
    algorithm: Algorithm,
    key: CheckKey,
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        match &self.key {
            CheckKey::Hmac(key) => hmac::verify(key, message, signature),
            CheckKey::Plain(key) => key.verify(message, signature),
            CheckKey::Rsa(kind, key) => key.verify(kind, message, signature),
        }
        .map_err(|_| Error::new())
    }
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
