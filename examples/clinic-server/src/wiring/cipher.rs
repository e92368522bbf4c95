//! The audit log's bodies under the vault's keys.

use healthcare_audit::{BodyCipher, CipherError};
use healthcare_core::{ClinicId, HouseCipher, KeyError};

/// Seals each clinic's entries under a subkey of its own, without a look-up: an event is submitted without waiting.
#[derive(Debug)]
pub(super) struct HouseBodies(pub(super) HouseCipher);

const PURPOSE: &str = "audit";

fn failed(error: KeyError) -> CipherError {
    match error {
        KeyError::DoesNotOpen => CipherError::NotAuthentic,
        KeyError::UnknownKey(_) => CipherError::NoKey,
        other => CipherError::Other(other.into()),
    }
}

impl BodyCipher for HouseBodies {
    fn seal(&self, clinic: ClinicId, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, CipherError> {
        self.0.seal(PURPOSE, clinic, context, plain).map_err(failed)
    }
    fn open(&self, clinic: ClinicId, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CipherError> {
        self.0.open(PURPOSE, clinic, context, sealed).map(|plain| plain.to_vec()).map_err(failed)
    }
}
