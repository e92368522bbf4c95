//! Two nodes that share a tier: what one loads the other finds, sealed on its way, and what one purges neither serves again.
//!
//! `cargo run -p healthcare-cache --example two_nodes`, with a server in the process; over Redis:
//! `REDIS_URL=redis://127.0.0.1 cargo run -p healthcare-cache --example two_nodes --features redis`

use healthcare_cache::{
    Cache, CacheNode, CachePolicy, JsonCodec, MemoryServer, NodeBuilder, Reach, TtlClass, cache_key,
};
use healthcare_core::{ClinicId, MemoryKeys, MemoryScopeKeys, Vault};
use std::{error::Error, io, sync::Arc, time::Duration};
use uuid::Uuid;

cache_key! { struct BedKey as "bed" { clinic: ClinicId, patient: Uuid as subject } }

type Failure = Box<dyn Error + Send + Sync>;

/// One process of a service. Two of them run in this one.
struct Process {
    node: CacheNode,
    beds: Cache<BedKey, u32>,
}

impl Process {
    fn start(builder: NodeBuilder, vault: &Arc<Vault>) -> Result<Self, Failure> {
        // Names are hashed and values sealed by keys that all processes have.
        let secret = vault.secret("cache-names")?;
        let (node, coherence) = builder.secret(&secret).cipher(vault.cache_cipher()).build()?;
        // Hears the others until it is dropped. Without it the node is deaf, and bypasses its memory.
        tokio::spawn(coherence.run());
        let policy = CachePolicy::of(TtlClass::Patient).build()?;
        let beds = Cache::builder(policy).node(&node).shared(JsonCodec).build()?;
        Ok(Self { node, beds })
    }

    async fn bed(&self, key: &BedKey, in_database: u32) -> Result<u32, Failure> {
        Ok(*self.beds.get_or_load(key, move |_| async move { Ok::<_, io::Error>(in_database) }).await?)
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let vault = Arc::new(Vault::new(&MemoryKeys::random()?, Arc::new(MemoryScopeKeys::default()))?);
    let server = MemoryServer::new();
    let north = Process::start(tier(&server).await?, &vault)?;
    let south = Process::start(tier(&server).await?, &vault)?;
    while !(north.node.is_hearing() && south.node.is_hearing()) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    let key = BedKey { clinic: ClinicId::random(), patient: Uuid::now_v7() };
    println!("north loads            {}", north.bed(&key, 12).await?);
    // What was loaded goes into the shared tier off the caller's path.
    while south.bed(&key, 13).await? != 12 {
        south.beds.purge(&key).await;
        north.bed(&key, 12).await?;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("south finds north's    {}", south.bed(&key, 13).await?);

    let reach = north.node.purge_subject(key.clinic, key.patient).await;
    println!(
        "north purges           {}",
        if reach == Reach::Everyone { "everywhere" } else { "later elsewhere" }
    );
    println!("north loads            {}", north.bed(&key, 14).await?);
    // South hears of it within the bound, three seconds.
    while south.bed(&key, 14).await? != 14 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("south has forgotten    {}", south.bed(&key, 15).await?);
    Ok(())
}

#[cfg(feature = "redis")]
async fn tier(server: &MemoryServer) -> Result<NodeBuilder, Failure> {
    let Ok(address) = std::env::var("REDIS_URL") else {
        return Ok(CacheNode::builder().shared(server.node()));
    };
    let tier = healthcare_cache::RedisShared::builder().url(address).build()?;
    Ok(CacheNode::builder().shared(tier))
}

#[cfg(not(feature = "redis"))]
async fn tier(server: &MemoryServer) -> Result<NodeBuilder, Failure> {
    Ok(CacheNode::builder().shared(server.node()))
}
