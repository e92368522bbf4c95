use super::envelope::{Form, Unpacked, VERSION, context};
use crate::Mark;
use healthcare_core::{CacheKeys, Record, Sealed, StorageDoor};
use std::time::Duration;

const ROW: u8 = 2;

/// Rows, which their storage's door seals and opens: nobody here sees what is in them. They are not squeezed, for that would
/// be looking in.
#[derive(Debug)]
pub(super) struct Rows(pub(super) StorageDoor);

impl<T: Record> Form<Sealed<T>> for Rows {
    fn pack(&self, keys: &CacheKeys, key: Mark, life: Duration, row: &Sealed<T>) -> Option<Vec<u8>> {
        let sealed = self.0.seal_cached(keys, &context(key, ROW), life, row).ok()?;
        Some([&[VERSION, ROW], sealed.as_slice()].concat())
    }

    fn unpack(&self, keys: &CacheKeys, key: Mark, bytes: &[u8]) -> Option<Unpacked<Sealed<T>>> {
        let (head, sealed) = bytes.split_first_chunk::<2>()?;
        let [VERSION, ROW] = *head else {
            return None;
        };
        let (value, life) = self.0.open_cached(keys, &context(key, ROW), sealed).ok()?;
        Some(Unpacked { value, life })
    }
}
