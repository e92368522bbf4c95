//! From a file's bytes to a bundle, within limits.

use super::{Bundle, BundleError, Limits};
use std::io::{BufReader, Read};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Reads one bundle, plain or gzip: which of them is seen from the first bytes, not from a file's name.
///
/// # Errors
/// [`BundleError`], which names positions and limits alone.
pub fn read_bundle(input: impl Read, limits: &Limits) -> Result<Bundle, BundleError> {
    Bundle::parse(&unpack(input, limits)?, limits)
}

/// The unpacked bytes of one input.
///
/// # Errors
/// When the input cannot be read, is larger than allowed, before or after decompression, or is damaged gzip.
pub fn unpack(input: impl Read, limits: &Limits) -> Result<Vec<u8>, BundleError> {
    let packed = read_at_most(input, limits.file_bytes, BundleError::FileTooLarge, BundleError::Io)?;
    if packed.starts_with(&GZIP_MAGIC) {
        let stream = flate2::bufread::MultiGzDecoder::new(packed.as_slice());
        return read_at_most(stream, limits.bundle_bytes, BundleError::BundleTooLarge, |_| BundleError::Gzip);
    }
    if u64::try_from(packed.len()).is_ok_and(|length| length > limits.bundle_bytes) {
        return Err(BundleError::BundleTooLarge(limits.bundle_bytes));
    }
    Ok(packed)
}

fn read_at_most(
    input: impl Read,
    limit: u64,
    over: impl Fn(u64) -> BundleError,
    broken: impl Fn(std::io::Error) -> BundleError,
) -> Result<Vec<u8>, BundleError> {
    let mut bytes = Vec::new();
    // One byte more than allowed tells "exactly the limit" from "over it".
    let read = BufReader::new(input).take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(broken)?;
    if u64::try_from(read).is_ok_and(|read| read > limit) { Err(over(limit)) } else { Ok(bytes) }
}

/// Whether the brackets of this JSON are nested deeper than `limit`. Looks at brackets outside strings only; whether the text is JSON
/// is the parser's to say.
pub(super) fn deeper_than(json: &[u8], limit: usize) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0usize, false, false);
    for byte in json {
        match (in_text, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (true, b'"') => in_text = false,
            (true, _) => {}
            (false, b'"') => in_text = true,
            (false, b'{' | b'[') => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            (false, _) => {}
        }
    }
    false
}
