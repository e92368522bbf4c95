use serde::{Serialize, de::DeserializeOwned};
use std::fmt;

/// Turns values of one kind into bytes for the shared tier, and back. The bytes are compressed and sealed by the cache.
///
/// What is read is always what the same program, or another version of it, wrote: bytes that were changed do not get this
/// far. When the form changes, change [`CachedAs::KIND`](crate::CachedAs::KIND) with it, so that the two are never mixed up.
///
/// ```
/// use healthcare_cache::{CacheCodec, CodecError};
///
/// #[derive(Debug)]
/// struct BedCodec;
///
/// impl CacheCodec<u32> for BedCodec {
///     fn encode(&self, bed: &u32, out: &mut Vec<u8>) -> Result<(), CodecError> {
///         out.extend_from_slice(&bed.to_le_bytes());
///         Ok(())
///     }
///     fn decode(&self, bytes: &[u8]) -> Result<u32, CodecError> {
///         bytes.try_into().map(u32::from_le_bytes).map_err(|_| CodecError)
///     }
/// }
/// ```
pub trait CacheCodec<V>: fmt::Debug + Send + Sync + 'static {
    /// Appends the value's bytes to `out`, and leaves what is there already.
    ///
    /// # Errors
    /// [`CodecError`]: the value stays in the memory tier only.
    fn encode(&self, value: &V, out: &mut Vec<u8>) -> Result<(), CodecError>;

    /// The value that these bytes were made of.
    ///
    /// # Errors
    /// [`CodecError`]: it is loaded anew.
    fn decode(&self, bytes: &[u8]) -> Result<V, CodecError>;
}

/// The value could not be written as bytes, or read from them. Holds nothing of either, for they may be about a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value could not be written for the shared tier, or read from it")]
pub struct CodecError;

/// As JSON, for whatever serde can write and read again.
#[derive(Debug, Clone, Copy, Default)]
pub struct JsonCodec;

impl<V: Serialize + DeserializeOwned> CacheCodec<V> for JsonCodec {
    fn encode(&self, value: &V, out: &mut Vec<u8>) -> Result<(), CodecError> {
        serde_json::to_writer(out, value).map_err(|_| CodecError)
    }

    fn decode(&self, bytes: &[u8]) -> Result<V, CodecError> {
        serde_json::from_slice(bytes).map_err(|_| CodecError)
    }
}
