//! Following the outbox, on both databases: nothing that was committed is passed over, whatever the order of the commits.
#![cfg(all(feature = "sqlite", feature = "postgres"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod site;

use async_trait::async_trait;
use healthcare_core::{
    AccessError, Clinic, Clock, Create, Guard, Id, Location, Outbox, Part, Record, TransactionView, Writer,
    location, testing::Stage,
};
use healthcare_db::{Database, OutboxTail, SqlOutbox, SqlStore, Tailed};
use jiff::SignedDuration;
use site::Site;
use sqlx::{Connection as _, Executor as _};
use std::{
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};
use tokio::sync::Notify;
use uuid::Uuid;

/// A clinic whose locations are followed.
struct Followed {
    site: Site,
    stage: Stage,
    store: Arc<SqlStore>,
    outbox: Arc<SqlOutbox>,
}

impl Followed {
    async fn new(site: Site) -> Self {
        let stage = Stage::default();
        stage.policy.give(Part::whole::<Location>());
        stage.policy.give(Part::whole::<Clinic>());
        let store = Arc::new(site.store(stage.door()).await);
        let relay = Database::connect(&site.relay_url).await.unwrap();
        let outbox = SqlOutbox::new(relay, site.vault(store.database()), stage.boundary.system.clone());
        Self { site, stage, store, outbox: Arc::new(outbox) }
    }

    /// One that has looked once, and so begun.
    async fn tail(&self) -> OutboxTail {
        let mut tail = OutboxTail::new(Arc::clone(&self.outbox), Location::KIND);
        assert!(ids(&tail.look().await.unwrap()).is_empty());
        tail
    }

    async fn open(&self) -> Id<Location> {
        self.open_guarded(&Unheld).await.unwrap()
    }

    async fn open_guarded(&self, guard: &dyn Guard) -> Result<Id<Location>, AccessError> {
        let (context, id) = (self.stage.context(), Id::random());
        let grant = self.stage.boundary.gate.open(&context, Create::new(id)).await?;
        let plain = location::Plain {
            name: "Room".to_owned(),
            zone: "UTC".parse().unwrap(),
            address: None,
            active: true,
        };
        let room = Location::new(id, context.clinic(), plain, location::Protected {});
        let change = grant.fill(room).await?.event("location.opened");
        self.store.commit_guarded(change, guard).await.map(|_| id)
    }

    async fn end(self) {
        self.store.database().close().await;
        self.site.remove().await;
    }
}

fn ids(tailed: &Tailed) -> Vec<Uuid> {
    assert!(!tailed.missed);
    tailed.events.iter().map(|event| event.aggregate_id).collect()
}

struct Unheld;

#[async_trait]
impl Guard for Unheld {
    async fn check(&self, _: &mut dyn TransactionView) -> Result<(), AccessError> {
        Ok(())
    }
}

/// Says that the row is written, and waits before the commit.
#[derive(Default)]
struct Held {
    written: Notify,
    go_on: Notify,
}

#[async_trait]
impl Guard for Held {
    async fn check(&self, _: &mut dyn TransactionView) -> Result<(), AccessError> {
        self.written.notify_one();
        self.go_on.notified().await;
        Ok(())
    }
}

/// Everything once, whether a relay has carried it away or not.
async fn follows(site: Site) {
    let followed = Followed::new(site).await;
    let before = followed.open().await;
    let mut tail = followed.tail().await;
    let (one, two) = (followed.open().await, followed.open().await);
    let mut late = followed.tail().await;
    assert_eq!(ids(&tail.look().await.unwrap()), [one.as_uuid(), two.as_uuid()], "and not {before:?}");
    assert!(tail.look().await.unwrap().events.is_empty(), "once");
    assert!(late.look().await.unwrap().events.is_empty(), "from where it began");

    // A relay that is quicker, and forgets what it has delivered: numbers do not come again.
    let three = followed.open().await;
    let now = followed.stage.clock.now();
    for _ in 0..4 {
        for entry in followed.outbox.lease(100, Duration::from_secs(30), now).await.unwrap() {
            assert!(followed.outbox.delivered(&entry, now).await.unwrap());
        }
    }
    assert_eq!(ids(&tail.look().await.unwrap()), [three.as_uuid()]);
    let later = now.checked_add(SignedDuration::from_secs(1)).unwrap();
    assert!(followed.outbox.purge(later, 1_000).await.unwrap() >= 8);
    let four = followed.open().await;
    assert_eq!(ids(&tail.look().await.unwrap()), [four.as_uuid()], "after everything was forgotten");
    assert_eq!(ids(&late.look().await.unwrap()), [four.as_uuid()]);

    let mut others = OutboxTail::new(Arc::clone(&followed.outbox), Clinic::KIND);
    others.look().await.unwrap();
    followed.open().await;
    assert!(others.look().await.unwrap().events.is_empty(), "events of its kind alone");
    followed.end().await;
}

/// Who begins first does not always commit first.
#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn postgres_passes_over_nothing_that_commits_late() {
    let followed = Arc::new(Followed::new(Site::postgres().await).await);
    let mut tail = followed.tail().await;
    let held = Arc::new(Held::default());
    let slow = tokio::spawn({
        let (followed, held) = (Arc::clone(&followed), Arc::clone(&held));
        async move { followed.open_guarded(&*held).await.unwrap() }
    });
    held.written.notified().await;
    let (one, two) = (followed.open().await, followed.open().await);
    assert_eq!(
        ids(&tail.look().await.unwrap()),
        [one.as_uuid(), two.as_uuid()],
        "nobody waits for the slow one"
    );
    let three = followed.open().await;
    assert_eq!(ids(&tail.look().await.unwrap()), [three.as_uuid()], "once, though it is looked at again");
    let mut begins = followed.tail().await;
    held.go_on.notify_one();
    let slow = slow.await.unwrap();
    assert_eq!(ids(&tail.look().await.unwrap()), [slow.as_uuid()]);
    assert_eq!(
        ids(&begins.look().await.unwrap()),
        [slow.as_uuid()],
        "nothing of what was there when it began"
    );
    assert!(tail.look().await.unwrap().events.is_empty());
    Arc::into_inner(followed).unwrap().end().await;
}

/// Entries beside those of the store, as many as one look does not take; none of them can be opened.
async fn litter(site: &Site, count: usize) {
    let texts = |id: &str, time: &str, bytes: &str, numbers: &str| {
        format!(
            "{numbers} INSERT INTO outbox (id, clinic_id, kind, aggregate_kind, aggregate_id, aggregate_version, position, created_at, \
             due_at, lease, attempts, body) SELECT {id}, {id}, 'event', 'location', {id}, 1, 0, {time}, {time}, 0, 0, {bytes} FROM numbers"
        )
    };
    if site.owner_url.starts_with("sqlite") {
        let numbers = format!(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})"
        );
        let mut owner = sqlx::SqliteConnection::connect(&site.owner_url).await.unwrap();
        owner.execute(sqlx::AssertSqlSafe(texts("randomblob(16)", "1", "x'00'", &numbers))).await.unwrap();
    } else {
        let numbers = format!("WITH numbers AS (SELECT n FROM generate_series(1, {count}) n)");
        let mut owner = sqlx::PgConnection::connect(&site.owner_url).await.unwrap();
        owner.execute("SET search_path = main").await.unwrap();
        let text = texts("gen_random_uuid()", "now()", "'\\x00'", &numbers);
        owner.execute(sqlx::AssertSqlSafe(text)).await.unwrap();
    }
}

/// More than one look takes, or what cannot be opened, is said to be missed; what comes after is told again.
async fn confesses(site: Site) {
    let followed = Followed::new(site).await;
    for count in [1, 1_001] {
        let mut tail = followed.tail().await;
        let one = followed.open().await;
        litter(&followed.site, count).await;
        let missed = tail.look().await.unwrap();
        assert!(missed.missed, "{count}");
        let told: Vec<_> = missed.events.iter().map(|event| event.aggregate_id).collect();
        assert_eq!(told, if count == 1 { vec![one.as_uuid()] } else { Vec::new() });
        // As long as another transaction of the server is older than all of it, it is missed again.
        let (mut looks, mut opened) = (0..10_000, Vec::new());
        loop {
            opened.push(followed.open().await.as_uuid());
            let next = tail.look().await.unwrap();
            if !next.missed {
                // One that was missed is told still, if such a transaction is older than it and not than the rest.
                let told = ids(&next);
                assert!(!told.is_empty() && opened.ends_with(&told), "{told:?} of {opened:?}");
                break;
            }
            assert!(looks.next().is_some(), "it is missed for ever");
        }
    }
    followed.end().await;
}

/// Restored from a dump, entries bring the numbers of a server that had counted further. They are no news, and hide none.
#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn postgres_tells_nothing_that_another_server_numbered() {
    let followed = Followed::new(Site::postgres().await).await;
    litter(&followed.site, 1_001).await;
    let mut owner = sqlx::PgConnection::connect(&followed.site.owner_url).await.unwrap();
    let ahead = "UPDATE main.outbox SET written_in = (written_in::text::bigint + 1000000000)::text::xid8";
    owner.execute(ahead).await.unwrap();
    let mut tail = followed.tail().await;
    for _ in 0..3 {
        assert!(ids(&tail.look().await.unwrap()).is_empty());
        let one = followed.open().await;
        assert_eq!(ids(&tail.look().await.unwrap()), [one.as_uuid()]);
    }
    drop(owner);
    followed.end().await;
}

/// A look that fails, or is given up, has not taken place.
async fn fails(site: Site) {
    let followed = Followed::new(site).await;
    let mut tail = followed.tail().await;
    let one = followed.open().await;
    for polls in 0..3 {
        let mut context = Context::from_waker(Waker::noop());
        let mut look = Box::pin(tail.look());
        for _ in 0..polls {
            if look.as_mut().poll(&mut context).is_ready() {
                panic!("it needs the database");
            }
        }
    }
    assert_eq!(ids(&tail.look().await.unwrap()), [one.as_uuid()]);
    followed.end().await;
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
    follows: sqlite_tells_each_commit_once, postgres_tells_each_commit_once;
    confesses: sqlite_says_what_it_missed, postgres_says_what_it_missed;
    fails: sqlite_takes_back_what_was_given_up, postgres_takes_back_what_was_given_up;
}
