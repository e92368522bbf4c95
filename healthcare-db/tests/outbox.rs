//! The outbox, relations, remembered answers and the secrecy of what is stored, on both databases.
#![cfg(all(feature = "sqlite", feature = "postgres"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod site;

use healthcare_core::{
    AccessError, Appointment, AppointmentStatus, ClinicId, Clock, Create, Criteria, Encounter, Id, Outbox,
    OutboxMessage, PageRequest, Part, Patient, Phi, Practitioner, Profile, Reader, Record, RelationSource,
    Remember, Search, Searcher, Update, Writer, appointment, encounter, patient, testing::Stage,
};
use healthcare_db::{Database, SqlOutbox, SqlRelations, SqlStore};
use jiff::{SignedDuration, Timestamp};
use site::Site;
use sqlx::Connection as _;
use std::{sync::Arc, time::Duration};

const CANARY: &str = "Quetzalcoatlus";

fn somebody(id: Id<Patient>, clinic: ClinicId) -> Patient {
    Patient::new(
        id,
        clinic,
        patient::Plain { active: true },
        patient::Protected {
            family: Phi::new(CANARY.to_owned()),
            given: Phi::new("Ada".to_owned()),
            birth_date: Phi::new(None),
            gender: Phi::new(None),
            phone: Phi::new(Some("+44 20 7946 0958".to_owned())),
            email: Phi::new(None),
            address: Phi::new(None),
            record_number: Phi::new(None),
            deceased: Phi::new(None),
        },
    )
}

async fn add(
    stage: &Stage,
    store: &SqlStore,
    id: Id<Patient>,
    remember: Option<Remember>,
) -> Result<(), AccessError> {
    let context = stage.context();
    let grant = stage.boundary.gate.open(&context, Create::new(id)).await?;
    let mut change = grant.fill(somebody(id, context.clinic())).await?.event("patient.registered");
    if let Some(remember) = remember {
        change = change.remembering(remember);
    }
    store.commit(change).await.map(drop)
}

async fn touch(stage: &Stage, store: &SqlStore, id: Id<Patient>) -> Result<(), AccessError> {
    let grant = stage.boundary.gate.open(&stage.context(), Update::new(id)).await?;
    let row = store.find_for_update(&grant).await?;
    let draft = grant.edit(row).await?;
    store.commit(draft.change().await?.event("patient.updated")).await.map(drop)
}

struct Relay {
    outbox: SqlOutbox,
    now: Timestamp,
}

impl Relay {
    async fn open(site: &Site, stage: &Stage, application: &Database) -> Self {
        let database = Database::connect(&site.relay_url).await.unwrap();
        let outbox = SqlOutbox::new(database, site.vault(application), stage.boundary.system.clone());
        Self { outbox, now: "2026-03-02T12:00:00Z".parse().unwrap() }
    }

    async fn lease(&self, after: i64) -> Vec<healthcare_core::OutboxEntry> {
        let now = self.now.checked_add(SignedDuration::from_secs(after)).unwrap();
        self.outbox.lease(100, Duration::from_secs(30), now).await.unwrap()
    }
}

fn kind(message: &OutboxMessage) -> String {
    match message {
        OutboxMessage::Event(event) => event.kind.to_string(),
        OutboxMessage::Outcome(_) => "outcome".to_owned(),
        other => panic!("{other:?}"),
    }
}

/// Entries come in the order of their record, one at a time, until they are delivered.
async fn relays(site: Site) {
    let stage = Stage::default();
    let store = site.store(stage.door()).await;
    let (first, second) = (Id::random(), Id::random());
    add(&stage, &store, first, None).await.unwrap();
    touch(&stage, &store, first).await.unwrap();
    add(&stage, &store, second, None).await.unwrap();
    let twice = add(&stage, &store, second, None).await;
    assert!(matches!(twice, Err(AccessError::AlreadyExists)), "{twice:?}");

    let (one, two) = (
        Relay::open(&site, &stage, store.database()).await,
        Relay::open(&site, &stage, store.database()).await,
    );
    let leased = one.lease(0).await;
    let kinds: Vec<_> = leased.iter().map(|entry| kind(&entry.message)).collect();
    assert_eq!(
        kinds,
        ["patient.registered", "outcome", "patient.registered", "outcome"],
        "the next of a record waits for the one before, events for events and outcomes for outcomes"
    );
    assert!(two.lease(1).await.is_empty(), "what is leased is not leased again");
    let again = two.lease(31).await;
    assert_eq!(again.len(), 4, "until the lease is over");
    assert_eq!(again[0].attempts, 1);
    assert!(!one.outbox.delivered(&leased[0], one.now).await.unwrap(), "the lease was lost to another");
    assert!(two.outbox.delivered(&again[0], one.now).await.unwrap());
    assert!(!two.outbox.delivered(&again[0], one.now).await.unwrap(), "once");
    assert!(two.outbox.retry(&again[1], one.now).await.unwrap());
    let mut seen = Vec::new();
    for round in 0..20 {
        for entry in one.lease(100 + round * 40).await {
            assert!(one.outbox.delivered(&entry, one.now).await.unwrap());
            seen.push(kind(&entry.message));
        }
    }
    seen.sort();
    assert_eq!(seen, ["outcome", "outcome", "outcome", "patient.registered", "patient.updated"]);
    let later = one.now.checked_add(SignedDuration::from_secs(9)).unwrap();
    assert_eq!(one.outbox.purge(later, 100).await.unwrap(), 6, "nothing of the change that was rolled back");
    site.remove().await;
}

/// The same key twice at once: one is stored, the other is told so, and the answer is there.
async fn remembers(site: Site) {
    let stage = Stage::default();
    let store = site.store(stage.door()).await;
    let remember = || Remember { key: [1; 32], request: [2; 32], reply: b"sealed".to_vec() };
    let (left, right) = tokio::join!(
        add(&stage, &store, Id::random(), Some(remember())),
        add(&stage, &store, Id::random(), Some(remember()))
    );
    // Each context of the stage is another user: keys are a user's own.
    assert!(left.is_ok() && right.is_ok(), "{left:?} {right:?}");
    let context = stage.context();
    let user = context.actor().user();
    let mut results = Vec::new();
    for _ in 0..2 {
        let id = Id::random();
        let grant = stage.boundary.gate.open(&context, Create::new(id)).await.unwrap();
        let change = grant.fill(somebody(id, context.clinic())).await.unwrap().remembering(remember());
        results.push(store.commit(change).await.map(drop));
    }
    assert!(results[0].is_ok(), "{:?}", results[0]);
    assert!(matches!(results[1], Err(AccessError::Repeated)), "{:?}", results[1]);
    let kept = store.remembered(&context, user, [1; 32]).await.unwrap().unwrap();
    assert_eq!((kept.request, kept.reply), (vec![2; 32], b"sealed".to_vec()));
    assert!(store.remembered(&context, user, [9; 32]).await.unwrap().is_none());
    let another = stage.context().actor().user();
    assert!(store.remembered(&context, another, [1; 32]).await.unwrap().is_none(), "keys are a user's own");
    let (at, later) = (stage.clock.now(), SignedDuration::from_hours(25));
    assert_eq!(store.forget_replies(&context, at, 10).await.unwrap(), 0, "none is older");
    let tomorrow = at.checked_add(later).unwrap();
    let abroad = stage.context_in(stage.other);
    assert_eq!(store.forget_replies(&abroad, tomorrow, 10).await.unwrap(), 0, "another clinic's stay");
    assert_eq!(store.forget_replies(&context, tomorrow, 2).await.unwrap(), 2, "no more than asked");
    assert_eq!(store.forget_replies(&context, tomorrow, 10).await.unwrap(), 1);
    assert!(store.remembered(&stage.context_in(stage.other), user, [1; 32]).await.unwrap().is_none());
    site.remove().await;
}

async fn relates(site: Site) {
    let stage = Stage::default();
    let store = site.store(stage.door()).await;
    let relations = SqlRelations::new(store.database().clone(), stage.door());
    let (patient, practitioner) = (Id::<Patient>::random(), Id::<Practitioner>::random());
    let context = stage.context();
    stage.policy.give(Part::whole::<Patient>());
    stage.policy.give(Part::whole::<Encounter>());
    let grant = stage.boundary.gate.open(&context, Create::new(patient)).await.unwrap();
    let mut change = grant.fill(somebody(patient, context.clinic())).await.unwrap();
    change
        .push(Encounter::new(
            Id::random(),
            context.clinic(),
            patient,
            encounter::Plain { practitioner_id: Some(practitioner), location_id: None },
            encounter::Protected {
                status: Phi::new("finished".to_owned()),
                class: Phi::new(None),
                kind: Phi::new(Default::default()),
                period: Phi::new(Default::default()),
                reason: Phi::new(None),
            },
        ))
        .unwrap();
    store.commit(change).await.unwrap();
    let party = |kind: &'static str, id| Profile { kind: kind.into(), id };
    let doctor = party("practitioner", practitioner.as_uuid());
    let patient = patient.as_uuid();
    assert!(relations.related(&context, &doctor, patient).await.unwrap());
    assert!(!relations.related(&context, &doctor, uuid::Uuid::nil()).await.unwrap());
    assert!(!relations.related(&stage.context_in(stage.other), &doctor, patient).await.unwrap());
    assert!(relations.related(&context, &party("patient", patient), patient).await.unwrap());
    assert!(!relations.related(&context, &party("device", patient), patient).await.unwrap());
    let other = party("practitioner", uuid::Uuid::now_v7());
    let seen = async |party: &Profile| {
        let read = Id::<Patient>::from_uuid(patient);
        stage.policy.filter(healthcare_core::RowFilter::Related(party.clone()));
        let found = search(&stage, &store).await == [read.as_uuid()];
        stage.policy.filter(healthcare_core::RowFilter::All);
        assert_eq!(relations.related(&context, party, patient).await.unwrap(), found);
        found
    };
    assert!(!seen(&other).await);
    let id = booked(&stage, &store, Id::from_uuid(patient), Id::from_uuid(other.id)).await;
    assert!(seen(&other).await, "an appointment with them");
    cancel(&stage, &store, id).await;
    assert!(!seen(&other).await, "which is cancelled: nobody treats by booking and cancelling");
    let foreign = Stage::default();
    assert!(relations.related(&foreign.context_in(stage.clinic), &doctor, patient).await.is_err());

    // The same relation as a filter: decided in the query.
    stage.policy.filter(healthcare_core::RowFilter::Related(doctor));
    let found = search(&stage, &store).await;
    assert_eq!(found, [patient]);
    stage.policy.filter(healthcare_core::RowFilter::Related(party("practitioner", uuid::Uuid::nil())));
    assert!(search(&stage, &store).await.is_empty());
    site.remove().await;
}

async fn booked(
    stage: &Stage,
    store: &SqlStore,
    patient: Id<Patient>,
    practitioner: Id<Practitioner>,
) -> Id<Appointment> {
    let (id, context) = (Id::random(), stage.context());
    let grant = stage.boundary.gate.open(&context, Create::about(id, patient.as_uuid())).await.unwrap();
    let starts = stage.clock.now();
    let plain = appointment::Plain {
        practitioner_id: practitioner,
        location_id: Id::random(),
        status: AppointmentStatus::Booked,
        confirmed: false,
        starts,
        ends: starts + SignedDuration::from_mins(30),
        zone: "UTC".parse().unwrap(),
    };
    let protected = appointment::Protected {
        service: Phi::new("consultation".to_owned()),
        note: Phi::new(None),
        cancel_reason: Phi::new(None),
    };
    let row = Appointment::new(id, context.clinic(), patient, plain, protected);
    store.commit(grant.fill(row).await.unwrap()).await.unwrap();
    id
}

async fn cancel(stage: &Stage, store: &SqlStore, id: Id<Appointment>) {
    let grant = stage.boundary.gate.open(&stage.context(), Update::new(id)).await.unwrap();
    let row = store.find_for_update(&grant).await.unwrap();
    let mut draft = grant.edit(row).await.unwrap();
    draft.plain_mut().status = AppointmentStatus::Cancelled;
    store.commit(draft.change().await.unwrap()).await.unwrap();
}

async fn search(stage: &Stage, store: &SqlStore) -> Vec<uuid::Uuid> {
    let criteria = Criteria::new().field(patient::Family, &Phi::new(CANARY.to_owned()));
    let grant = stage.boundary.gate.open(&stage.context(), Search::<Patient>::all()).await.unwrap();
    let rows = store.search(&grant, &criteria, &PageRequest::default()).await.unwrap();
    grant.release(rows).await.unwrap().items.iter().map(|row| row.id().as_uuid()).collect()
}

fn holds(bytes: &[u8], needle: &str) -> bool {
    let lower = bytes.to_ascii_lowercase();
    let needle = needle.to_lowercase();
    lower.windows(needle.len()).any(|window| window == needle.as_bytes())
}

/// A canary that is stored, searched and remembered is nowhere in what the database keeps.
#[tokio::test]
async fn sqlite_files_hold_no_name() {
    let site = Site::sqlite();
    let stage = Stage::default();
    let store = site.store(stage.door()).await;
    let id = Id::random();
    add(&stage, &store, id, None).await.unwrap();
    touch(&stage, &store, id).await.unwrap();
    assert_eq!(search(&stage, &store).await.len(), 1);
    // With the write-ahead log, and after it went into the file.
    let files = site.files();
    assert!(files.len() >= 2, "the log is there");
    store.database().close().await;
    for file in files.into_iter().chain(site.files()) {
        assert!(!holds(&file, CANARY) && !holds(&file, "7946 0958"));
        assert!(!holds(&file, &CANARY[..6]), "nor a part that is searched by");
    }
    assert!(holds(b"an old quetzalCOATLUS", CANARY), "the search itself finds");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn postgres_tables_hold_no_name() {
    let site = Site::postgres().await;
    let stage = Stage::default();
    let store = site.store(stage.door()).await;
    let id = Id::random();
    add(&stage, &store, id, None).await.unwrap();
    assert_eq!(search(&stage, &store).await.len(), 1);
    let pool = sqlx::PgPool::connect(&site.owner_url).await.unwrap();
    let hex: String = CANARY[..6].to_lowercase().bytes().map(|byte| format!("{byte:02x}")).collect();
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'main'")
            .fetch_all(&pool)
            .await
            .unwrap();
    let mut rows = 0;
    for table in tables {
        let text = sqlx::AssertSqlSafe(format!("SELECT lower(t::text) FROM main.{table} t"));
        for row in sqlx::query_scalar::<_, String>(text).fetch_all(&pool).await.unwrap() {
            assert!(!holds(row.as_bytes(), CANARY) && !row.contains(&hex), "{table}");
            rows += 1;
        }
    }
    assert!(rows > 10, "{rows}");
    pool.close().await;
    site.remove().await;
}

macro_rules! on_both {
    ($($suite:ident: $sqlite:ident, $postgres:ident;)*) => {$(
        #[tokio::test]
        async fn $sqlite() {
            $suite(Site::sqlite()).await;
        }
        #[tokio::test]
        #[ignore = "needs PostgreSQL: cargo xtask test"]
        async fn $postgres() {
            $suite(Site::postgres().await).await;
        }
    )*};
}

on_both! {
    relays: sqlite_relays_in_order, postgres_relays_in_order;
    remembers: sqlite_remembers_answers, postgres_remembers_answers;
    relates: sqlite_knows_who_treats, postgres_knows_who_treats;
}

#[test]
fn stores_can_be_shared() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Arc<SqlStore>>();
    shared::<SqlOutbox>();
    shared::<SqlRelations>();
}

/// A subquery that the planner runs for each row locks other entries each time: a batch stays a batch under a plan that would.
#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn postgres_leases_no_more_than_was_asked_under_any_plan() {
    let site = Site::postgres().await;
    let (_, database) = site.owner_url.rsplit_once('/').unwrap();
    let mut owner = sqlx::PgConnection::connect(&site.owner_url).await.unwrap();
    // With these, running the subquery for each row is the cheapest of what is left.
    let mut forced =
        "CREATE INDEX by_age ON main.outbox (created_at, id) WHERE delivered_at IS NULL".to_owned();
    for other in ["hashjoin", "mergejoin", "hashagg", "sort", "material", "memoize", "bitmapscan"] {
        forced += &format!("; ALTER DATABASE {database} SET enable_{other} = off");
    }
    sqlx::raw_sql(sqlx::AssertSqlSafe(forced)).execute(&mut owner).await.unwrap();
    drop(owner);
    let stage = Stage::default();
    let store = site.store(stage.door()).await;
    for _ in 0..20 {
        add(&stage, &store, Id::random(), None).await.unwrap();
    }
    let relay = Relay::open(&site, &stage, store.database()).await;
    for _ in 0..8 {
        let leased = relay.outbox.lease(5, Duration::from_secs(30), relay.now).await.unwrap();
        assert_eq!(leased.len(), 5);
    }
    assert!(relay.lease(0).await.is_empty(), "each of the 40 was leased once");
    store.database().close().await;
    site.remove().await;
}
