//! A value as it lies in Redis: a header that the scripts read, then the bytes.
//!
//! 14 digits of when it ends, in milliseconds of the server's clock, which the script writes; 16 hexadecimal digits of the fence's
//! epoch, 16 of its number, 2 for how many marks, 16 bytes for each, the bytes.

use crate::{Mark, shared::types::NewEntry};

pub(super) struct Stored {
    pub(super) ends: u64,
    pub(super) epoch: u64,
    pub(super) number: u64,
    pub(super) marks: Vec<Mark>,
    pub(super) bytes: Vec<u8>,
}

const HEAD: usize = 48;

/// All but when it ends.
pub(super) fn encode(entry: &NewEntry<'_>) -> Vec<u8> {
    let head =
        format!("{:016x}{:016x}{:02x}", entry.seen.epoch, entry.seen.number, entry.marks.len().min(255));
    let mut value = Vec::with_capacity(head.len() + entry.marks.len() * 16 + entry.bytes.len());
    value.extend_from_slice(head.as_bytes());
    for mark in entry.marks {
        value.extend_from_slice(&mark.0);
    }
    value.extend_from_slice(entry.bytes);
    value
}

/// Nothing when it is not of this form.
pub(super) fn decode(mut value: Vec<u8>) -> Option<Stored> {
    let ends = value.get(..14)?;
    let ends =
        ends.iter().all(u8::is_ascii_digit).then(|| std::str::from_utf8(ends).ok()?.parse().ok())??;
    let epoch = hexadecimal(value.get(14..30)?)?;
    let number = hexadecimal(value.get(30..46)?)?;
    let count = usize::try_from(hexadecimal(value.get(46..HEAD)?)?).ok()?;
    let end = HEAD + count * 16;
    let marks = value.get(HEAD..end)?.as_chunks::<16>().0.iter().map(|mark| Mark(*mark)).collect();
    value.drain(..end);
    Some(Stored { ends, epoch, number, marks, bytes: value })
}

/// The scripts' own numbers are lower-case digits only, and `from_str_radix` would take a sign.
fn hexadecimal(digits: &[u8]) -> Option<u64> {
    if !digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seen;
    use proptest::prelude::*;
    use std::time::Duration;

    proptest! {
        #[test]
        fn a_value_comes_back_as_it_was(epoch: u64, number: u64, marks in prop::collection::vec(any::<[u8; 16]>(), 0..=16), bytes: Vec<u8>) {
            let marks: Vec<Mark> = marks.into_iter().map(Mark).collect();
            let seen = Seen { epoch, number, generation: 0 };
            let value = encode(&NewEntry { key: Mark([0; 16]), seen, marks: &marks, bytes: &bytes, life: Duration::ZERO, lease: None });
            let stored = decode([b"00000000000042", &value[..]].concat()).unwrap();
            prop_assert_eq!(stored.ends, 42);
            prop_assert_eq!((stored.epoch, stored.number, stored.marks, stored.bytes), (epoch, number, marks, bytes));
        }

        #[test]
        fn anything_else_is_no_value_and_no_panic(value: Vec<u8>) {
            if let Some(stored) = decode(value.clone()) {
                prop_assert!(value.len() >= HEAD + 16 * stored.marks.len());
            }
        }
    }

    #[test]
    fn the_form_stays_what_it_is() {
        let seen = Seen { epoch: 0xabc, number: 16, generation: 9 };
        let value = encode(&NewEntry {
            key: Mark([0; 16]),
            seen,
            marks: &[Mark(*b"0123456789abcdef")],
            bytes: b"sealed",
            life: Duration::ZERO,
            lease: None,
        });
        assert_eq!(value, b"0000000000000abc0000000000000010010123456789abcdefsealed");
    }
}
