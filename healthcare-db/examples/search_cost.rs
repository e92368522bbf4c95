//! What storing and finding patients costs as a clinic grows: `cargo run --release --example search_cost [URL]`.
//!
//! The URL is of an empty database, or of one made by `migrate`; without it a temporary SQLite file is used. Names are invented, from
//! a list of 1,000 families. Prints one line for each size: patients, stores a second, and the time of a search for a family's
//! first letters with a given name, first page of 20.

use healthcare_core::{
    Create, Criteria, Id, MemoryKeys, PageRequest, Patient, Phi, Search, Searcher, Vault, Writer, patient,
    testing::Stage,
};
use healthcare_db::{Database, SqlScopeKeys, SqlStore};
use std::{error::Error, sync::Arc, time::Instant};

const SIZES: [u32; 3] = [1_000, 5_000, 25_000];
const SEARCHES: u32 = 200;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let file = format!("sqlite://{}", directory.path().join("clinic.db").display());
    let url = std::env::args().nth(1).unwrap_or(file);
    let database = Database::connect(&url).await?;
    let stage = Stage::default();
    let vault = Vault::new(&MemoryKeys::random()?, Arc::new(SqlScopeKeys::new(database.clone())))?;
    let store = Arc::new(SqlStore::new(database, stage.door(), Arc::new(vault)));
    let mut stored = 0;
    for size in SIZES {
        let (begun, added) = (Instant::now(), size - stored);
        while stored < size {
            add(&stage, &store, stored).await?;
            stored += 1;
        }
        let rate = f64::from(added) / begun.elapsed().as_secs_f64();
        let (half, slow, found) = search(&stage, &store).await?;
        println!("{size} patients: {rate:.0} stored/s; search p50 {half} us, p99 {slow} us, {found} found");
    }
    Ok(())
}

fn family(nth: u32) -> String {
    const PARTS: [&str; 10] = ["ban", "cor", "del", "fen", "gal", "hol", "kir", "lom", "mar", "ros"];
    let part = |nth: u32| PARTS.get(nth as usize % 10).copied().unwrap_or_default();
    format!("{}{}{}son", part(nth / 100), part(nth / 10), part(nth))
}

async fn add(stage: &Stage, store: &SqlStore, nth: u32) -> Result<(), Box<dyn Error>> {
    let (context, id) = (stage.context(), Id::random());
    let grant = stage.boundary.gate.open(&context, Create::new(id)).await?;
    let person = Patient::new(
        id,
        context.clinic(),
        patient::Plain { active: true },
        patient::Protected {
            family: Phi::new(family(nth % 1_000)),
            given: Phi::new(if nth.is_multiple_of(3) { "Ada Maria" } else { "Grace" }.to_owned()),
            birth_date: Phi::new(Some(jiff::civil::date(
                1940 + i16::try_from(nth % 80)?,
                1 + i8::try_from(nth % 12)?,
                3,
            ))),
            gender: Phi::new(None),
            phone: Phi::new(Some(format!("+44 20 {nth:08}"))),
            email: Phi::new(None),
            address: Phi::new(None),
            record_number: Phi::new(None),
            deceased: Phi::new(None),
        },
    );
    store.commit(grant.fill(person).await?).await?;
    Ok(())
}

/// Microseconds at the half and at 99 of 100, and how many rows the last search found.
async fn search(stage: &Stage, store: &SqlStore) -> Result<(u128, u128, usize), Box<dyn Error>> {
    let (context, page) = (stage.context(), PageRequest::first(20)?);
    let (mut times, mut found) = (Vec::new(), 0);
    for nth in 0..SEARCHES {
        let letters: String = family(nth * 37 % 1_000).chars().take(6).collect();
        let criteria = Criteria::new()
            .field(patient::Family, &Phi::new(letters))
            .field(patient::Given, &Phi::new("Ada".into()));
        let grant = stage.boundary.gate.open(&context, Search::<Patient>::all()).await?;
        let begun = Instant::now();
        let rows = store.search(&grant, &criteria, &page).await?;
        times.push(begun.elapsed().as_micros());
        found = grant.release(rows).await?.items.len();
    }
    times.sort_unstable();
    let at = |percent: usize| times.get((times.len() - 1) * percent / 100).copied().unwrap_or_default();
    Ok((at(50), at(99), found))
}
