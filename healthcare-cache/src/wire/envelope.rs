//! A value as the shared tier holds it.
//!
//! ```text
//! version 1 | form 1 | sealed by healthcare-core for clinic, key and form ( life in ms 8 | payload )
//! ```
//!
//! The form says whether the payload is squeezed, and of what kind it is. All numbers are little-endian.

use super::squeeze::{squeeze, swell};
use crate::{CacheCodec, Mark};
use healthcare_core::CacheKeys;
use std::{fmt, time::Duration};

pub(super) const VERSION: u8 = 1;
const PLAIN: u8 = 0;
const SQUEEZED: u8 = 1;

/// A longer content is not put into the shared tier, nor unpacked from it.
pub(super) const PAYLOAD_MAX: usize = 16 << 20;

/// A value out of the shared tier.
pub(crate) struct Unpacked<V> {
    pub(crate) value: V,
    /// From the beginning of its load to its end, as its policy had it when it was loaded.
    pub(crate) life: Duration,
}

/// How values of one kind become sealed bytes and values again, once the keys are there.
pub(crate) trait Form<V>: fmt::Debug + Send + Sync {
    fn pack(&self, keys: &CacheKeys, key: Mark, life: Duration, value: &V) -> Option<Vec<u8>>;

    /// Nothing for whatever is not exactly what [`pack`](Self::pack) made for this clinic and key.
    fn unpack(&self, keys: &CacheKeys, key: Mark, bytes: &[u8]) -> Option<Unpacked<V>>;
}

/// Through a codec, squeezed when that is worth it.
#[derive(Debug)]
pub(super) struct Coded<C>(pub(super) C);

impl<V, C: CacheCodec<V>> Form<V> for Coded<C> {
    fn pack(&self, keys: &CacheKeys, key: Mark, life: Duration, value: &V) -> Option<Vec<u8>> {
        let mut payload = Vec::new();
        self.0.encode(value, &mut payload).ok()?;
        if payload.len() > PAYLOAD_MAX {
            return None;
        }
        let squeezed = squeeze(&payload);
        let form = if squeezed.is_some() { SQUEEZED } else { PLAIN };
        let content = [life_bytes(life).as_slice(), &squeezed.unwrap_or(payload)].concat();
        let sealed = keys.seal(&context(key, form), &content).ok()?;
        Some([&[VERSION, form], sealed.as_slice()].concat())
    }

    fn unpack(&self, keys: &CacheKeys, key: Mark, bytes: &[u8]) -> Option<Unpacked<V>> {
        let (head, sealed) = bytes.split_first_chunk::<2>()?;
        let [VERSION, form @ (PLAIN | SQUEEZED)] = *head else {
            return None;
        };
        let content = keys.open(&context(key, form), sealed).ok()?;
        let (life, payload) = content.split_first_chunk::<8>()?;
        let value = match form {
            SQUEEZED => self.0.decode(&swell(payload, PAYLOAD_MAX)?),
            _ => self.0.decode(payload),
        };
        Some(Unpacked { value: value.ok()?, life: Duration::from_millis(u64::from_le_bytes(*life)) })
    }
}

fn life_bytes(life: Duration) -> [u8; 8] {
    u64::try_from(life.as_millis()).unwrap_or(u64::MAX).to_le_bytes()
}

/// What is authenticated besides the clinic and the key's id: each part has one length, so no two contexts are the same.
pub(super) fn context(key: Mark, form: u8) -> [u8; 34] {
    let mut context = [0; 34];
    let (name, rest) = context.split_at_mut(16);
    name.copy_from_slice(b"healthcare-cache");
    if let [version, place, key_bytes @ ..] = rest {
        (*version, *place) = (VERSION, form);
        key_bytes.copy_from_slice(&key.0);
    }
    context
}
