//! What a hit costs the heap.

use healthcare_cache::{
    Cache, CacheKey, CacheNode, CachePolicy, CachedAs, JsonCodec, KeyWriter, MemoryServer, TtlClass,
};
use healthcare_core::{ClinicId, KeyId, MasterKey, MemoryKeys, MemoryScopeKeys, Vault};
use uuid::Uuid;

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct BedKey {
    clinic: ClinicId,
    patient: Uuid,
}

impl CacheKey for BedKey {
    fn clinic(&self) -> ClinicId {
        self.clinic
    }
    fn subject(&self) -> Option<Uuid> {
        Some(self.patient)
    }
}

impl CachedAs for BedKey {
    const KIND: &'static str = "bed";
    fn write(&self, out: &mut KeyWriter) {
        out.id(self.patient);
    }
}

#[tokio::test]
async fn a_hit_allocates_nothing() {
    let policy = CachePolicy::of(TtlClass::Patient).build().unwrap();
    let beds: Cache<BedKey, u32> = Cache::builder(policy).build().unwrap();
    let key = BedKey { clinic: ClinicId::random(), patient: Uuid::now_v7() };
    beds.get_or_load(&key, |_| async { Ok::<_, std::io::Error>(12) }).await.unwrap();
    // moka sets up its own bookkeeping with the first looks.
    let look = || assert_eq!(beds.get(&key).as_deref(), Some(&12));
    look();
    assert_eq!(allocation_counter::measure(look).count_total, 0);
    let counts = allocation_counter::measure(|| drop(std::hint::black_box(Box::new(1))));
    assert_eq!(counts.count_total, 1, "the counter counts");
}

/// Nor does one of a node that hears others, in memory.
#[tokio::test(start_paused = true)]
async fn a_hit_of_a_joined_node_allocates_nothing() {
    let store = std::sync::Arc::new(MemoryScopeKeys::default());
    let master = MasterKey::new(KeyId::from_bytes([1; 8]), [2; 32]);
    let vault = std::sync::Arc::new(Vault::new(&MemoryKeys::new([master]), store).unwrap());
    let builder = CacheNode::builder().shared(MemoryServer::new().node()).secret(&[3; 32]);
    let (node, coherence) = builder.cipher(vault.cache_cipher()).build().unwrap();
    let hearing = tokio::spawn(coherence.run());
    let policy = CachePolicy::of(TtlClass::Patient).build().unwrap();
    let beds: Cache<BedKey, u32> = Cache::builder(policy).node(&node).shared(JsonCodec).build().unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(10), async {
        while !node.is_hearing() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
    let key = BedKey { clinic: ClinicId::random(), patient: Uuid::now_v7() };
    beds.get_or_load(&key, |_| async { Ok::<_, std::io::Error>(12) }).await.unwrap();
    let look = || assert_eq!(beds.get(&key).as_deref(), Some(&12));
    look();
    assert_eq!(allocation_counter::measure(look).count_total, 0);
    hearing.abort();
}

/// Room that is counted too small is a process that grows.
#[test]
fn an_entry_takes_no_more_than_it_weighs() {
    const ENTRIES: usize = 10_000;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let policy = CachePolicy::of(TtlClass::Patient).build().unwrap();
    let clinics: Vec<ClinicId> = (0..10).map(|_| ClinicId::random()).collect();
    let key = |clinic: &ClinicId| BedKey { clinic: *clinic, patient: Uuid::now_v7() };
    let keys: Vec<BedKey> = clinics.iter().cycle().take(ENTRIES).map(key).collect();
    let beds: Cache<BedKey, [u8; 256]> =
        Cache::builder(policy).capacity(64 << 20).clinic_share(1.0).build().unwrap();
    let fill = || {
        runtime.block_on(async {
            for key in &keys {
                beds.get_or_load(key, |_| async { Ok::<_, std::io::Error>([7; 256]) }).await.unwrap();
            }
        });
        assert_eq!(beds.usage().entries, ENTRIES as u64);
    };
    let ours = allocation_counter::measure(fill).bytes_current / ENTRIES as i64;
    let peer = moka::sync::Cache::builder().max_capacity(64 << 20).weigher(|_, _| 400).build();
    let fill = || {
        keys.iter().for_each(|key| peer.insert(key.clone(), std::sync::Arc::new([7u8; 256])));
        peer.run_pending_tasks();
    };
    let theirs = allocation_counter::measure(fill).bytes_current / ENTRIES as i64;
    println!("an entry of 256 bytes takes {ours} bytes, in moka alone {theirs}");
    let weighs = beds.usage().weight / ENTRIES as u64;
    assert!(u64::try_from(ours).unwrap() <= weighs, "{ours} bytes, weighed as {weighs}");
}
