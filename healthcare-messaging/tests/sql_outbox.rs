//! The outboxes of both databases against the contract, with real commits.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use async_trait::async_trait;
use healthcare_core::{
    AccessError, Change, Create, Guard, Id, MemoryKeys, Outbox, Patient, Phi, Reader as _, Refusal,
    TransactionView, Update, Vault, Writer as _, patient, testing::Stage,
};
use healthcare_db::{Database, Login, Logins, SqlOutbox, SqlScopeKeys, SqlStore, migrate};
use healthcare_messaging::testing::{OutboxRig, outbox_contract};
use sqlx::{Connection as _, Executor as _, PgConnection};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use tempfile::TempDir;
use uuid::Uuid;

const PASSWORD: &str = "only-for-tests-0123456789";

struct Sql {
    stage: Stage,
    store: SqlStore,
    outbox: SqlOutbox,
    known: Mutex<HashMap<u32, Id<Patient>>>,
    _directory: Option<TempDir>,
}

/// Refuses every change.
struct Refuses;

#[async_trait]
impl Guard for Refuses {
    async fn check(&self, _: &mut dyn TransactionView) -> Result<(), AccessError> {
        Err(AccessError::Refused(Refusal { by: "a test".into(), reason: "told to".into() }))
    }
}

impl Sql {
    async fn open(url: &str, relay_url: &str, directory: Option<TempDir>) -> Self {
        let stage = Stage::default();
        let database = Database::connect(url).await.unwrap();
        let keys = MemoryKeys::random().unwrap();
        let vault = Arc::new(Vault::new(&keys, Arc::new(SqlScopeKeys::new(database.clone()))).unwrap());
        let relay = Database::connect(relay_url).await.unwrap();
        Self {
            store: SqlStore::new(database, stage.door(), Arc::clone(&vault)),
            outbox: SqlOutbox::new(relay, vault, stage.boundary.system.clone()),
            stage,
            known: Mutex::default(),
            _directory: directory,
        }
    }

    async fn created(&self, id: Id<Patient>) -> Change<Patient> {
        let patient = Patient::new(
            id,
            self.stage.clinic,
            patient::Plain { active: true },
            patient::Protected {
                family: Phi::new("Lovelace".to_owned()),
                given: Phi::new("Ada".to_owned()),
                birth_date: Phi::new(None),
                gender: Phi::new(None),
                phone: Phi::new(None),
                email: Phi::new(None),
                address: Phi::new(None),
                record_number: Phi::new(None),
                deceased: Phi::new(None),
            },
        );
        let gate = &self.stage.boundary.gate;
        gate.open(&self.stage.context(), Create::new(id)).await.unwrap().fill(patient).await.unwrap()
    }

    async fn updated(&self, id: Id<Patient>) -> Change<Patient> {
        let grant = self.stage.boundary.gate.open(&self.stage.context(), Update::new(id)).await.unwrap();
        let row = self.store.find_for_update(&grant).await.unwrap();
        grant.edit(row).await.unwrap().change().await.unwrap()
    }

    async fn change(&self, aggregate: u32, kinds: &[&'static str]) -> (Id<Patient>, Change<Patient>) {
        let known = self.known.lock().unwrap().get(&aggregate).copied();
        let (id, change) = match known {
            Some(id) => (id, self.updated(id).await),
            None => {
                let id = Id::random();
                (id, self.created(id).await)
            }
        };
        (id, kinds.iter().fold(change, |change, kind| change.event(kind)))
    }
}

impl OutboxRig for Sql {
    fn outbox(&self) -> &dyn Outbox {
        &self.outbox
    }

    async fn commit(&self, aggregate: u32, kinds: &[&'static str]) {
        let (id, change) = self.change(aggregate, kinds).await;
        self.store.commit(change).await.unwrap();
        self.known.lock().unwrap().insert(aggregate, id);
    }

    async fn roll_back(&self, aggregate: u32, kinds: &[&'static str]) {
        let (_, change) = self.change(aggregate, kinds).await;
        let refused = self.store.commit_guarded(change, &Refuses).await;
        assert!(matches!(refused, Err(AccessError::Refused(_))), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_outbox_of_sqlite_keeps_the_contract() {
    outbox_contract(async || {
        let directory = TempDir::new().unwrap();
        let url = format!("sqlite://{}", directory.path().join("clinic.db").display());
        Sql::open(&url, &url, Some(directory)).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn the_outbox_of_postgresql_keeps_the_contract() {
    let server = std::env::var("HEALTHCARE_TEST_POSTGRES_URL")
        .expect("set HEALTHCARE_TEST_POSTGRES_URL, or run the tests with `cargo xtask test`");
    let (rest, _) = server.rsplit_once('/').expect("a URL with a database");
    let (_, host) = rest.rsplit_once('@').expect("a URL with a login");
    let logins = Logins {
        application: Login::new("healthcare_test_application", PASSWORD).unwrap(),
        relay: Login::new("healthcare_test_relay", PASSWORD).unwrap(),
    };
    let made = Mutex::new(Vec::new());
    outbox_contract(async || {
        let name = format!("t{}", Uuid::now_v7().simple());
        run(&server, format!("CREATE DATABASE {name}")).await;
        migrate(&format!("{rest}/{name}"), &logins).await.unwrap();
        let url = |login| format!("postgres://{login}:{PASSWORD}@{host}/{name}");
        let sql = Sql::open(&url("healthcare_test_application"), &url("healthcare_test_relay"), None).await;
        made.lock().unwrap().push(name);
        sql
    })
    .await;
    for name in made.into_inner().unwrap() {
        run(&server, format!("DROP DATABASE {name} WITH (FORCE)")).await;
    }
}

async fn run(server: &str, statement: String) {
    let mut connection = PgConnection::connect(server).await.unwrap();
    connection.execute(sqlx::AssertSqlSafe(statement)).await.unwrap();
}
