use super::text_value;
use std::{fmt, str::FromStr};

/// The number under which a clinic files a person: 1 to 64 printable ASCII characters without spaces at the ends.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RecordNumber(String);

/// The text is not a record number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a record number: 1 to 64 letters, digits and signs")]
pub struct InvalidRecordNumber;

text_value!(RecordNumber, InvalidRecordNumber);

impl FromStr for RecordNumber {
    type Err = InvalidRecordNumber;
    fn from_str(text: &str) -> Result<Self, InvalidRecordNumber> {
        let good = (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
            && text.trim() == text;
        if good { Ok(Self(text.to_owned())) } else { Err(InvalidRecordNumber) }
    }
}
impl fmt::Debug for RecordNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordNumber(***)")
    }
}
