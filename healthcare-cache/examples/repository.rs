//! A repository whose rows are remembered: sealed as they came, released by everyone's own grant, and forgotten by whoever
//! writes, before the write returns.
//!
//! `cargo run -p healthcare-cache --example repository`

use async_trait::async_trait;
use healthcare_cache::{CacheNode, CachePolicy, CachedReader, PurgingWriter, RowKey, TtlClass};
use healthcare_core::{
    AccessError, Change, Committed, Create, Delete, Grant, Guard, Id, List, MemoryStore, PageRequest, Phi,
    Read, Reader, Row, Rows, Update, Writer, record, testing::Stage,
};
use std::{error::Error, sync::Arc};

record! {
    /// Somebody who is treated.
    pub struct Patient in patient = "patient" {
        subject: this,
        plain {
            /// Whether they still come.
            active: bool,
        },
        protected {
            /// What they are called.
            Name = name: String,
        },
    }
}

/// The repository, for which a database would stand in a service. It says when it is asked.
#[derive(Debug, Clone)]
struct Database(Arc<MemoryStore>);

#[async_trait]
impl Reader<Patient> for Database {
    async fn find(&self, grant: &Grant<Read<Patient>>) -> Result<Row<Patient>, AccessError> {
        println!("        the database is asked");
        self.0.find(grant).await
    }
    async fn find_for_update(&self, grant: &Grant<Update<Patient>>) -> Result<Row<Patient>, AccessError> {
        self.0.find_for_update(grant).await
    }
    async fn find_for_delete(&self, grant: &Grant<Delete<Patient>>) -> Result<Row<Patient>, AccessError> {
        self.0.find_for_delete(grant).await
    }
    async fn list(
        &self,
        grant: &Grant<List<Patient>>,
        page: &PageRequest,
    ) -> Result<Rows<Patient>, AccessError> {
        self.0.list(grant, page).await
    }
}

#[async_trait]
impl Writer<Patient> for Database {
    async fn commit_guarded(
        &self,
        change: Change<Patient>,
        guard: &dyn Guard,
    ) -> Result<Committed, AccessError> {
        self.0.commit_guarded(change, guard).await
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // A gate and a store in memory. A service has its own, and gives the cache the same door as the repository.
    let stage = Stage::default();
    let (gate, context) = (&stage.boundary.gate, stage.context());
    let database = Database(Arc::new(MemoryStore::new(stage.door())));

    let node = CacheNode::new(); // or one that shares a tier with other processes: see the example `two_nodes`
    let policy = CachePolicy::of(TtlClass::Patient).build()?;
    let rows = RowKey::cache(policy).node(&node).shared_rows(&stage.door()).build()?;
    let patients = CachedReader::new(database.clone(), stage.door(), rows);
    let writer = PurgingWriter::new(database, &node);

    let id = Id::random();
    let grant = gate.open(&context, Create::new(id)).await?;
    let name = patient::Protected { name: Phi::new("Ada".to_owned()) };
    let ada = Patient::new(id, stage.clinic, patient::Plain { active: true }, name);
    writer.commit(grant.fill(ada).await?).await?;

    // Each read is decided and recorded, whoever's memory the row comes from.
    for _ in 0..2 {
        let grant = gate.open(&context, Read::new(id)).await?;
        let row = patients.find(&grant).await?;
        println!("read:   {}", grant.release(row).await?.reveal(patient::Name)?);
    }

    let grant = gate.open(&context, Update::new(id)).await?;
    let row = patients.find_for_update(&grant).await?;
    let mut draft = grant.edit(row).await?;
    draft.set(patient::Name, Phi::new("Ada Lovelace".to_owned()))?;
    writer.commit(draft.change().await?).await?;
    println!("renamed, and forgotten");

    let grant = gate.open(&context, Read::new(id)).await?;
    let row = patients.find(&grant).await?;
    println!("read:   {}", grant.release(row).await?.reveal(patient::Name)?);
    Ok(())
}
