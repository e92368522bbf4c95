//! The keys of one clinic, and of the people in it.

use super::{
    CacheKeys, KeyError, KeyId,
    aead::{self, Subkey, place},
};
use crate::{ClinicId, Cursor, OutboxMessage};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::hmac;
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};
use uuid::Uuid;
use zeroize::Zeroizing;

/// A key in the form in which it is stored: sealed under the key above it.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedKey(pub Vec<u8>);

impl fmt::Debug for WrappedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WrappedKey")
    }
}

/// The key of one person's rows. Destroying its wrapped form makes them unreadable.
#[derive(Debug)]
pub struct SubjectKey {
    pub(super) column: Subkey,
}

impl SubjectKey {
    fn new(clinic: ClinicId, subject: Uuid, id: KeyId, bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let clinic = clinic.as_uuid();
        let info: &[&[u8]] = &[b"subject-column", clinic.as_bytes(), subject.as_bytes()];
        Ok(Self { column: Subkey::derived(id, bytes, info)? })
    }
}

/// The keys of one clinic, one for each purpose.
#[derive(Debug)]
pub struct ScopeKeys {
    clinic: ClinicId,
    id: KeyId,
    pub(super) column: Subkey,
    wrap: Subkey,
    queue: Subkey,
    reply: Subkey,
    cursor: Subkey,
    pub(super) cache: Arc<CacheKeys>,
    index: hmac::Key,
    source: hmac::Key,
    fingerprint: hmac::Key,
}

#[derive(Serialize, Deserialize)]
enum Stored {
    Event(crate::DomainEvent),
    Outcome(Box<crate::AuditEvent>),
}

impl ScopeKeys {
    pub(super) fn new(clinic: ClinicId, id: KeyId, bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let uuid = clinic.as_uuid();
        let subkey = |purpose: &[u8]| Subkey::derived(id, bytes, &[purpose, uuid.as_bytes()]);
        let mac = |purpose: &[u8]| {
            aead::derive(bytes, &[purpose, uuid.as_bytes()])
                .map(|key| hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()))
        };
        Ok(Self {
            clinic,
            id,
            column: subkey(b"scope-column")?,
            wrap: subkey(b"scope-wrap")?,
            queue: subkey(b"scope-queue")?,
            reply: subkey(b"scope-reply")?,
            cursor: subkey(b"scope-cursor")?,
            cache: Arc::new(CacheKeys::new(clinic, id, bytes)?),
            index: mac(b"scope-index")?,
            source: mac(b"scope-source")?,
            fingerprint: mac(b"scope-fingerprint")?,
        })
    }

    /// The clinic.
    #[must_use]
    pub const fn clinic(&self) -> ClinicId {
        self.clinic
    }
    /// The key's public name.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// A new key for a person, and the form in which to store it.
    ///
    /// # Errors
    /// [`KeyError`] when the system's cryptography fails.
    pub fn new_subject_key(&self, subject: Uuid) -> Result<(SubjectKey, WrappedKey), KeyError> {
        let id = KeyId::random()?;
        let bytes = aead::random::<32>()?;
        let mut plain = Zeroizing::new([0; KeyId::LENGTH + 32]);
        let (head, tail) = plain.split_at_mut(KeyId::LENGTH);
        head.copy_from_slice(id.as_bytes());
        tail.copy_from_slice(bytes.as_slice());
        let wrapped = self.wrap.seal(&self.subject_place(subject), plain.as_slice())?;
        Ok((SubjectKey::new(self.clinic, subject, id, &bytes)?, WrappedKey(wrapped)))
    }

    /// A person's key from its stored form.
    ///
    /// # Errors
    /// [`KeyError::DoesNotOpen`] when it is not this person's in this clinic.
    pub fn open_subject_key(&self, subject: Uuid, wrapped: &[u8]) -> Result<SubjectKey, KeyError> {
        let plain = self.wrap.open(&self.subject_place(subject), wrapped)?;
        let (id, bytes) = plain.split_first_chunk::<{ KeyId::LENGTH }>().ok_or(KeyError::DoesNotOpen)?;
        let bytes = bytes.first_chunk::<32>().ok_or(KeyError::DoesNotOpen)?;
        SubjectKey::new(self.clinic, subject, KeyId::from_bytes(*id), bytes)
    }

    fn subject_place(&self, subject: Uuid) -> Vec<u8> {
        place(&[b"subject-key", self.clinic.as_uuid().as_bytes(), subject.as_bytes()])
    }

    /// The token a record is found by in a blind index: a keyed hash that says nothing without the key.
    pub(super) fn token(&self, kind: &str, field: &str, text: &str) -> Vec<u8> {
        let message = Zeroizing::new(place(&[kind.as_bytes(), field.as_bytes(), text.as_bytes()]));
        hmac::sign(&self.index, &message).as_ref().iter().take(16).copied().collect()
    }

    /// The id that an imported record gets: the same for the same source, and saying nothing of it (UUIDv8, RFC 9562 §5.8).
    #[must_use]
    pub fn source_id(&self, kind: &str, source: &str) -> Uuid {
        let tag = hmac::sign(&self.source, &place(&[kind.as_bytes(), source.as_bytes()]));
        Uuid::new_v8(tag.as_ref().first_chunk::<16>().copied().unwrap_or_default())
    }

    /// A keyed hash of something of this clinic that must be recognised again: an idempotency key, a request.
    #[must_use]
    pub fn fingerprint(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let message = place(&[purpose.as_bytes(), &place(parts)]);
        hmac::sign(&self.fingerprint, &message).as_ref().first_chunk::<32>().copied().unwrap_or_default()
    }

    /// Seals an outbox message.
    ///
    /// # Errors
    /// [`KeyError`] when it cannot be sealed.
    pub fn seal_message(&self, id: Uuid, message: &OutboxMessage) -> Result<Vec<u8>, KeyError> {
        let stored = match message {
            OutboxMessage::Event(event) => Stored::Event(event.clone()),
            OutboxMessage::Outcome(outcome) => Stored::Outcome(Box::new(outcome.clone())),
        };
        let json = Zeroizing::new(serde_json::to_vec(&stored).map_err(|_| KeyError::System)?);
        self.queue.seal(&self.message_place(id), &json)
    }

    /// Opens an outbox message.
    ///
    /// # Errors
    /// [`KeyError::DoesNotOpen`] when it was sealed for another place, or changed.
    pub fn open_message(&self, id: Uuid, sealed: &[u8]) -> Result<OutboxMessage, KeyError> {
        let json = self.queue.open(&self.message_place(id), sealed)?;
        Ok(match serde_json::from_slice(&json).map_err(|_| KeyError::DoesNotOpen)? {
            Stored::Event(event) => OutboxMessage::Event(event),
            Stored::Outcome(outcome) => OutboxMessage::Outcome(*outcome),
        })
    }

    /// Seals what a job is to work on.
    ///
    /// # Errors
    /// [`KeyError`] when it cannot be sealed.
    pub fn seal_job(&self, id: Uuid, plain: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.queue.seal(&self.job_place(id), plain)
    }

    /// Opens what a job is to work on.
    ///
    /// # Errors
    /// [`KeyError::DoesNotOpen`] when it was sealed for another job or clinic, or changed.
    pub fn open_job(&self, id: Uuid, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        self.queue.open(&self.job_place(id), sealed)
    }

    fn job_place(&self, id: Uuid) -> Vec<u8> {
        place(&[b"job", self.clinic.as_uuid().as_bytes(), id.as_bytes()])
    }

    fn message_place(&self, id: Uuid) -> Vec<u8> {
        place(&[b"message", self.clinic.as_uuid().as_bytes(), id.as_bytes()])
    }

    /// Seals an answer that is kept for an idempotency key.
    ///
    /// # Errors
    /// [`KeyError`] when it cannot be sealed.
    pub fn seal_reply(&self, key: &[u8; 32], reply: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.reply.seal(&place(&[b"reply", self.clinic.as_uuid().as_bytes(), key]), reply)
    }

    /// Opens a kept answer.
    ///
    /// # Errors
    /// [`KeyError::DoesNotOpen`] when it was kept for another key, or changed.
    pub fn open_reply(&self, key: &[u8; 32], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        self.reply.open(&place(&[b"reply", self.clinic.as_uuid().as_bytes(), key]), sealed)
    }

    /// A cursor that only this clinic's same query can use. `query` says which query it is; `position` where it stands.
    ///
    /// # Errors
    /// [`KeyError`] when it cannot be sealed.
    pub fn seal_cursor(&self, query: &[u8], position: &[u8]) -> Result<Cursor, KeyError> {
        let sealed =
            self.cursor.seal(&place(&[b"cursor", self.clinic.as_uuid().as_bytes(), query]), position)?;
        Ok(Cursor::new(URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// The position of a cursor.
    ///
    /// # Errors
    /// [`KeyError::DoesNotOpen`] when it belongs to another query or clinic, or is forged.
    pub fn open_cursor(&self, query: &[u8], cursor: &Cursor) -> Result<Vec<u8>, KeyError> {
        if cursor.as_str().len() > Cursor::LENGTH_MAX {
            return Err(KeyError::DoesNotOpen);
        }
        let sealed = URL_SAFE_NO_PAD.decode(cursor.as_str()).map_err(|_| KeyError::DoesNotOpen)?;
        let place = place(&[b"cursor", self.clinic.as_uuid().as_bytes(), query]);
        self.cursor.open(&place, &sealed).map(|position| position.to_vec())
    }
}
