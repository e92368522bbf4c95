//! The seam through which bodies are sealed.

use crate::CipherError;
use healthcare_core::{AuditEventId, ClinicId, HouseCipher, KeyError};
use std::{fmt, sync::Arc};

/// Seals and opens the bodies of entries under a clinic's own audit key. Synchronous, because an event is submitted without
/// waiting: keys must be in memory.
///
/// # Contract
/// - What is sealed for one clinic and context opens for no other.
/// - `seal` of the same bytes twice gives different bytes (a fresh nonce each time).
/// - Errors say nothing of the plaintext.
pub trait BodyCipher: fmt::Debug + Send + Sync {
    /// Seals `plain`; `context` is authenticated with it and must be given again to open it.
    ///
    /// # Errors
    /// [`CipherError`] when there is no key or sealing fails.
    fn seal(&self, clinic: ClinicId, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, CipherError>;

    /// Opens what [`seal`](Self::seal) made.
    ///
    /// # Errors
    /// [`CipherError`] when there is no key, or the bytes, the clinic or the context differ.
    fn open(&self, clinic: ClinicId, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CipherError>;
}

impl<C: BodyCipher + ?Sized> BodyCipher for Arc<C> {
    fn seal(&self, clinic: ClinicId, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, CipherError> {
        (**self).seal(clinic, context, plain)
    }
    fn open(&self, clinic: ClinicId, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CipherError> {
        (**self).open(clinic, context, sealed)
    }
}

/// What a body is sealed to: this format, this clinic, this event. The place in the log is bound by the chain instead, because it
/// is not known when the event is submitted.
pub(crate) fn body_context(clinic: ClinicId, id: AuditEventId) -> Vec<u8> {
    let mut context = Vec::with_capacity(60);
    context.extend_from_slice(b"healthcare-audit body v1");
    context.extend_from_slice(clinic.as_uuid().as_bytes());
    context.extend_from_slice(id.correlation.as_uuid().as_bytes());
    context.extend_from_slice(&id.number.to_be_bytes());
    context
}

/// The keys of a boundary: a subkey for each clinic is derived from the master key itself, so that the log opens without the
/// database.
impl BodyCipher for HouseCipher {
    fn seal(&self, clinic: ClinicId, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, CipherError> {
        Self::seal(self, PURPOSE, clinic, context, plain).map_err(refused)
    }
    fn open(&self, clinic: ClinicId, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CipherError> {
        Self::open(self, PURPOSE, clinic, context, sealed).map(|plain| plain.to_vec()).map_err(refused)
    }
}

/// Sets the log's keys apart from every other use of the master key.
const PURPOSE: &str = "audit";

fn refused(error: KeyError) -> CipherError {
    match error {
        KeyError::UnknownKey(_) => CipherError::NoKey,
        KeyError::DoesNotOpen => CipherError::NotAuthentic,
        other => CipherError::Other(other.into()),
    }
}
