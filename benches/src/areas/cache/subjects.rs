//! What is looked up: the same keys and values on all sides.

use super::Failure;
use healthcare_cache::{Cache, CacheKey, CacheNode, CachePolicy, CachedAs, KeyWriter, Loaded, TtlClass};
use healthcare_core::ClinicId;
use std::sync::Arc;
use uuid::Uuid;

/// How many entries are looked up in turn: they fit into the processor's caches on no side alone.
pub(super) const ENTRIES: usize = 10_000;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ChartKey {
    pub(super) clinic: ClinicId,
    pub(super) patient: Uuid,
}

impl CacheKey for ChartKey {
    fn clinic(&self) -> ClinicId {
        self.clinic
    }
    fn subject(&self) -> Option<Uuid> {
        Some(self.patient)
    }
}

impl CachedAs for ChartKey {
    const KIND: &'static str = "bench-chart";
    fn write(&self, out: &mut KeyWriter) {
        out.id(self.patient);
    }
}

/// A value of 256 bytes, shared and not copied on all sides.
pub(super) type Chart = [u8; 256];

pub(super) fn value() -> Arc<Chart> {
    Arc::new([7; 256])
}

/// Keys of ten clinics.
pub(super) fn keys(count: usize) -> Vec<ChartKey> {
    let clinics: Vec<ClinicId> = (0..10).map(|_| ClinicId::random()).collect();
    clinics
        .iter()
        .cycle()
        .take(count)
        .map(|clinic| ChartKey { clinic: *clinic, patient: Uuid::now_v7() })
        .collect()
}

/// The same keys in an order of chance: what was put in one after the other lies one after the other, and is not asked for so.
pub(super) fn shuffled(keys: &[ChartKey]) -> Vec<ChartKey> {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut keys = keys.to_vec();
    for last in (1..keys.len()).rev() {
        // Fisher and Yates.
        let other = (random.next() * (last + 1) as f64) as usize;
        keys.swap(last, other.min(last));
    }
    keys
}

/// The same numbers in each run: xorshift64*, Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016.
pub(super) struct Random(pub(super) u64);

impl Random {
    /// From 0 to 1.
    pub(super) fn next(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A value's weight as our own caches reckon it with `empty`: key, value and what an entry takes beside them.
pub(super) const WEIGHT: u64 = 32 + 256 + 512;

/// A cache with room for everything.
pub(super) fn empty(node: &CacheNode, room: u64) -> Result<Cache<ChartKey, Chart>, Failure> {
    let policy = CachePolicy::of(TtlClass::Patient).build()?;
    Ok(Cache::builder(policy).node(node).capacity(room).clinic_share(1.0).build()?)
}

/// The cache with each key in it, each value with so many tags. One load a key: keys are purged by nobody.
pub(super) async fn filled(
    keys: &[ChartKey],
    tags: usize,
    room: u64,
) -> Result<Cache<ChartKey, Chart>, Failure> {
    let cache = empty(&CacheNode::new(), room)?;
    for key in keys {
        let loaded = (0..tags).fold(Loaded::new([7; 256]), |loaded, tag| loaded.tag(format!("ward:{tag}")));
        cache.get_or_load(key, move |_| async move { Ok::<_, std::io::Error>(loaded) }).await?;
    }
    Ok(cache)
}
