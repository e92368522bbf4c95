//! A cipher with a key that everybody knows.

use crate::{BodyCipher, CipherError};
use healthcare_core::ClinicId;
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest,
    rand::{SecureRandom as _, SystemRandom},
};
use std::{fmt, sync::Arc};

/// AES-256-GCM under keys derived from the clinic's id: a cipher of the right shape, and no secret.
pub struct TestCipher {
    random: SystemRandom,
}

impl fmt::Debug for TestCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TestCipher")
    }
}

/// A [`TestCipher`].
#[must_use]
pub fn cipher() -> Arc<dyn BodyCipher> {
    Arc::new(TestCipher { random: SystemRandom::new() })
}

fn key(clinic: ClinicId) -> Result<LessSafeKey, CipherError> {
    let seed = digest::digest(&digest::SHA256, clinic.as_uuid().as_bytes());
    UnboundKey::new(&AES_256_GCM, seed.as_ref()).map(LessSafeKey::new).map_err(|_| CipherError::NoKey)
}

impl BodyCipher for TestCipher {
    fn seal(&self, clinic: ClinicId, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, CipherError> {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).map_err(|_| CipherError::NoKey)?;
        let mut body = plain.to_vec();
        key(clinic)?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut body)
            .map_err(|_| CipherError::NoKey)?;
        Ok([nonce.as_slice(), &body].concat())
    }

    fn open(&self, clinic: ClinicId, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CipherError> {
        let (nonce, body) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(CipherError::NotAuthentic)?;
        let mut body = body.to_vec();
        let plain = key(clinic)?
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(context), &mut body)
            .map_err(|_| CipherError::NotAuthentic)?;
        Ok(plain.to_vec())
    }
}
