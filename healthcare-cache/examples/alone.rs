//! A cache alone: one load for a thousand who ask, and nothing old after a purge.
//!
//! `cargo run -p healthcare-cache --example alone`

use healthcare_cache::{Cache, CachePolicy, TtlClass, cache_key};
use healthcare_core::ClinicId;
use std::{error::Error, io};
use uuid::Uuid;

cache_key! { struct BedKey as "bed" { clinic: ClinicId, patient: Uuid as subject } }

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let beds: Cache<BedKey, u32> = Cache::builder(CachePolicy::of(TtlClass::Patient).build()?).build()?;
    let key = BedKey { clinic: ClinicId::random(), patient: Uuid::now_v7() };
    let load = |bed| move |_| async move { Ok::<_, io::Error>(bed) };
    println!("loaded: {}", *beds.get_or_load(&key, load(12)).await?);
    println!("kept:   {}", *beds.get_or_load(&key, load(14)).await?);
    beds.purge_subject(key.clinic, key.patient).await;
    println!("purged: {}", *beds.get_or_load(&key, load(14)).await?);
    Ok(())
}
