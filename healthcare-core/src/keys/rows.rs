//! Rows on their way to ciphertext and back: the only forms in which protected fields leave the process.

use super::{KeyError, ScopeKeys, SubjectKey, aead::place};
use crate::{
    AccessError, Header, Id, PhiReader, Record, StorageDoor, UnreadableRecord, Value, WriteRow,
    access::ErasedRow,
};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

/// What a record is found by in a blind index.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlindToken {
    /// The field, within its record.
    pub field: &'static str,
    /// A keyed hash, 16 bytes.
    pub token: Vec<u8>,
}

const PHI_COLUMN: &[u8] = b"phi";

fn row_place(keys: &ScopeKeys, kind: &str, id: Uuid) -> Vec<u8> {
    place(&[b"column", keys.clinic().as_uuid().as_bytes(), kind.as_bytes(), id.as_bytes(), PHI_COLUMN])
}

impl WriteRow {
    /// The row's protected fields as the bytes of its one sealed column: under the person's key when it is about a person,
    /// under the clinic's otherwise. `None` when the row has none.
    ///
    /// # Errors
    /// [`KeyError::NoSubjectKey`] when it is about a person and no key was given.
    pub fn seal(&self, keys: &ScopeKeys, subject: Option<&SubjectKey>) -> Result<Vec<u8>, KeyError> {
        let row: &dyn ErasedRow = self.row();
        let place = row_place(keys, row.kind(), row.id());
        let phi = zeroize::Zeroizing::new(row.phi(&crate::Kernel(())));
        match (row.subject(), subject) {
            (None, _) => keys.column.seal(&place, &phi),
            (Some(_), Some(key)) => key.column.seal(&place, &phi),
            (Some(_), None) => Err(KeyError::NoSubjectKey),
        }
    }

    /// The tokens the row is found by, each once.
    #[must_use]
    pub fn tokens(&self, keys: &ScopeKeys) -> Vec<BlindToken> {
        let kind = self.row().kind();
        let mut tokens: Vec<_> = self.terms().into_iter().map(|term| keys.blind(kind, &term)).collect();
        tokens.sort_unstable();
        tokens.dedup();
        tokens
    }
}

impl ScopeKeys {
    /// The token for a term of a record's kind.
    #[must_use]
    pub fn blind(&self, kind: &str, term: &crate::Term) -> BlindToken {
        BlindToken { field: term.field, token: self.token(kind, term.field, &term.text) }
    }
}

impl StorageDoor {
    /// A row from its stored form: header, plain columns in the order of [`Record::COLUMNS`], and the sealed column.
    ///
    /// # Errors
    /// [`AccessError::Sealed`] when the sealed column does not open for this row, or is not of this record.
    pub fn open_row<T: Record>(
        &self,
        (keys, subject_key): (&ScopeKeys, Option<&SubjectKey>),
        (id, subject, version): (Id<T>, Option<Uuid>, i64),
        columns: &mut dyn Iterator<Item = Value>,
        phi: &[u8],
    ) -> Result<T, AccessError> {
        let place = row_place(keys, T::KIND, id.as_uuid());
        let plain = match (subject, subject_key) {
            (None, _) => keys.column.open(&place, phi)?,
            (Some(_), Some(key)) => key.column.open(&place, phi)?,
            (Some(_), None) => return Err(KeyError::NoSubjectKey.into()),
        };
        let map: Map<String, Json> =
            serde_json::from_slice(&plain).map_err(|_| unreadable(UnreadableRecord))?;
        let header = Header::stored(id, keys.clinic(), subject, version);
        T::assemble(header, columns, &mut PhiReader(map)).map_err(unreadable)
    }
}

fn unreadable(error: UnreadableRecord) -> AccessError {
    AccessError::Sealed(Box::new(error))
}
