//! Pages by key: where the last one ended, sealed for the same query of the same clinic.

use healthcare_core::{AccessError, Cursor, PageRequest, ScopeKeys};
use jiff::Timestamp;
use uuid::Uuid;

/// Says which query a cursor belongs to.
pub(super) fn query(parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().fold(Vec::new(), |mut text, part| {
        text.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        text.extend_from_slice(part);
        text
    })
}

fn position(keys: &ScopeKeys, query: &[u8], page: &PageRequest) -> Result<Option<Vec<u8>>, AccessError> {
    let open = |cursor: &Cursor| keys.open_cursor(query, cursor).map_err(|_| AccessError::InvalidCursor);
    page.cursor().map(open).transpose()
}

pub(super) fn after_id(
    keys: &ScopeKeys,
    query: &[u8],
    page: &PageRequest,
) -> Result<Option<Uuid>, AccessError> {
    let id = |bytes: Vec<u8>| Uuid::from_slice(&bytes).map_err(|_| AccessError::InvalidCursor);
    position(keys, query, page)?.map(id).transpose()
}

pub(super) fn after_start(
    keys: &ScopeKeys,
    query: &[u8],
    page: &PageRequest,
) -> Result<Option<(Timestamp, Uuid)>, AccessError> {
    let place = |bytes: Vec<u8>| {
        let (micros, id) = bytes.split_first_chunk::<8>()?;
        Some((Timestamp::from_microsecond(i64::from_be_bytes(*micros)).ok()?, Uuid::from_slice(id).ok()?))
    };
    let read = |bytes| place(bytes).ok_or(AccessError::InvalidCursor);
    position(keys, query, page)?.map(read).transpose()
}
