//! Futures dropped after every number of polls.

use super::site::Site;
use crate::{Database, clinic_sql, statement::Dialect};
use healthcare_core::{ClinicScope, Value, testing::Stage};
use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};
use uuid::Uuid;

/// Gives a future so many polls, and then drops it.
struct Polls<F> {
    future: Pin<Box<F>>,
    left: usize,
}

impl<F: Future> Future for Polls<F> {
    type Output = Option<F::Output>;
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        match self.future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            // The last poll found it waiting: it is dropped now, at this very await.
            Poll::Pending if self.left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

async fn store(database: &Database, scope: ClinicScope, id: Uuid) -> Result<(), crate::DbError> {
    let mut transaction = database.write(scope).await?;
    let insert = clinic_sql!(
        "INSERT INTO main.subject_key (clinic_id, subject_id, wrapped, created_at) VALUES ($1, $2, $3, $4)"
    );
    let now = Value::Time("2026-03-02T12:00:00Z".parse().unwrap());
    transaction.execute(&insert, vec![Value::Uuid(id), Value::Null, now]).await?;
    transaction
        .fetch_all(&clinic_sql!("SELECT subject_id FROM subject_key WHERE clinic_id = $1"), vec![])
        .await?;
    transaction.commit().await
}

async fn seen(database: &Database, scope: ClinicScope) -> Vec<Uuid> {
    let mut transaction = database.read(scope).await.expect("a connection is free");
    let all = clinic_sql!("SELECT subject_id FROM subject_key WHERE clinic_id = $1 ORDER BY subject_id");
    transaction.fetch_all(&all, vec![]).await.unwrap().iter().map(|row| row.get(0).unwrap()).collect()
}

/// Drops a write of clinic A after k polls for every k; after each the only connection must be free, without a transaction, and
/// clinic B must see what it always saw.
async fn sweep(site: &Site, database: Database) {
    let stage = Stage::default();
    let (a, b) = (stage.boundary.system.scope(stage.clinic), stage.boundary.system.scope(stage.other));
    let theirs = Uuid::from_u128(7);
    store(&database, b, theirs).await.unwrap();
    // How far a poll gets depends on the other threads: several rounds meet more of the awaits.
    for round in 0..10 {
        drops(&database, (a, b), theirs, round).await;
    }
    no_open_transaction(site, &database).await;
    let (size, idle) = settled(&database).await;
    assert!(size >= 1 && idle == size as usize, "no permit is lost: {idle} of {size}");
}

async fn drops(database: &Database, (a, b): (ClinicScope, ClinicScope), theirs: Uuid, round: u128) {
    let mut k = 1;
    let mut whole = 0;
    // Once a sweep ran to the end three times in a row there is no later await to be dropped at.
    while whole < 3 {
        let id = Uuid::from_u128((round + 1) * 1_000 + k as u128);
        let done = Polls { future: Box::pin(store(database, a, id)), left: k }.await;
        whole = if done.is_some() { whole + 1 } else { 0 };
        assert_eq!(seen(database, b).await, [theirs], "after {k} polls");
        let mine = seen(database, a).await;
        assert!(!mine.contains(&theirs), "after {k} polls");
        if done.is_some() {
            assert!(mine.contains(&id), "what was committed is there");
        }
        k += 1;
        assert!(k < 500, "the sweep does not end");
    }
    assert!(k > 4, "only {k} polls were met");
}

/// The state of the pool once what was dropped has been rolled back.
async fn settled(database: &Database) -> (u32, usize) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        let state = database.connections();
        if state.0 as usize == state.1 || tokio::time::Instant::now() > deadline {
            return state;
        }
        tokio::task::yield_now().await;
    }
}

async fn no_open_transaction(site: &Site, database: &Database) {
    if database.dialect() == Dialect::Sqlite {
        // Another process's writer gets in, so that ours holds no lock.
        let pool = sqlx::SqlitePool::connect(&site.url).await.unwrap();
        let mut conn = pool.acquire().await.unwrap();
        sqlx::raw_sql("PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE; ROLLBACK")
            .execute(&mut *conn)
            .await
            .unwrap();
        return;
    }
    let admin = sqlx::PgPool::connect(&site.owner_url).await.unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        let open: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
             AND state LIKE 'idle in transaction%'",
        )
        .fetch_one(&admin)
        .await
        .unwrap();
        if open == 0 {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{open} transactions are open");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn sqlite_survives_a_drop_at_every_await() {
    let site = Site::sqlite();
    let database = site.open_with(1).await;
    sweep(&site, database).await;
    let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).connect(&site.url).await.unwrap();
    sqlx::raw_sql("DELETE FROM subject_key").execute(&pool).await.unwrap();
    // One's own pool of one connection, which reads and writes.
    sweep(&site, Database::from_sqlite_pool(pool).await.unwrap()).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn postgres_survives_a_drop_at_every_await() {
    let site = Site::postgres().await;
    let database = site.open_with(1).await;
    sweep(&site, database.clone()).await;
    database.close().await;
    site.remove().await;
}

/// A statement that failed, or was cut off, spoils its transaction: PostgreSQL would answer COMMIT with a silent rollback.
#[tokio::test]
async fn a_spoilt_transaction_does_not_commit() {
    let stage = Stage::default();
    let scope = stage.boundary.system.scope(stage.clinic);
    let database = Database::connect("sqlite::memory:").await.unwrap();
    let insert = clinic_sql!(
        "INSERT INTO main.subject_key (clinic_id, subject_id, wrapped, created_at) VALUES ($1, $2, $3, $4)"
    );
    let values =
        || vec![Value::Uuid(Uuid::max()), Value::Null, Value::Time("2026-03-02T12:00:00Z".parse().unwrap())];
    let mut failed = database.write(scope).await.unwrap();
    failed.execute(&insert, values()).await.unwrap();
    assert!(failed.execute(&insert, values()).await.is_err());
    assert!(failed.commit().await.is_err());
    let mut cut = database.write(scope).await.unwrap();
    cut.execute(&insert, values()).await.unwrap();
    {
        // Long enough that one poll does not see its end.
        let long = clinic_sql!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000) \
             SELECT (SELECT count(*) FROM n) FROM subject_key WHERE clinic_id = $1"
        );
        let statement = pin!(cut.fetch_all(&long, vec![]));
        assert!(futures_poll_once(statement).await.is_none());
    }
    assert!(cut.commit().await.is_err());
    assert!(seen(&database, scope).await.is_empty());
}

async fn futures_poll_once<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        Poll::Ready(match future.as_mut().poll(context) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}
