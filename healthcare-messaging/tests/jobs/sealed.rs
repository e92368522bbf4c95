//! What the database sees of a job, and jobs in the caller's transaction.

use super::site::{Site, Sql};
use healthcare_messaging::{Enqueued, JobError, JobStore as _, NewJob, Unreadable, Wanted};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use std::time::Duration;

const WANTED: [Wanted; 1] = [Wanted { queue: "mail", limit: 10 }];
const LEASE: Duration = Duration::from_secs(60);

async fn payloads(site: &Site) -> Vec<Vec<u8>> {
    const ALL: &str = "SELECT payload FROM main.job ORDER BY id";
    if site.is_postgres() {
        let mut conn = PgConnection::connect(&site.owner_url).await.unwrap();
        sqlx::query_scalar(AssertSqlSafe(ALL)).fetch_all(&mut conn).await.unwrap()
    } else {
        let mut conn = SqliteConnection::connect(&site.owner_url).await.unwrap();
        sqlx::query_scalar(AssertSqlSafe(ALL)).fetch_all(&mut conn).await.unwrap()
    }
}

async fn sealed(site: Site) {
    let sql = Sql::open(site).await;
    let canary = br#"{"id":"Canary"}"#;
    for _ in 0..2 {
        let job = NewJob::raw(sql.stage.clinic, "mail", "kind", *canary).build().unwrap();
        sql.jobs.enqueue(job).await.unwrap();
    }
    let stored = payloads(&sql.site).await;
    assert_eq!(stored.len(), 2);
    for payload in &stored {
        assert!(!payload.windows(6).any(|bytes| bytes == b"Canary"), "what a job works on is in clear");
    }
    // What was sealed for one job opens for no other.
    let foreign = "UPDATE main.job SET payload = (SELECT payload FROM main.job o ORDER BY o.id LIMIT 1)";
    sql.site.script(foreign.to_owned()).await;
    let mut jobs = sql.jobs.claim(&WANTED, LEASE).await.unwrap().jobs;
    jobs.sort_by_key(|job| job.lease.id);
    assert_eq!(jobs[0].payload.as_deref(), Ok(canary.as_slice()));
    assert_eq!(jobs[1].payload, Err(Unreadable::Changed));
    assert!(!format!("{:?} {:?}", jobs[0], sql.jobs).contains("Canary"));
    sql.site.remove().await;
}

async fn in_a_transaction(site: Site) {
    let sql = Sql::open(site).await;
    let scope = |clinic| sql.stage.boundary.system.scope(clinic);
    let job = || NewJob::raw(sql.stage.clinic, "mail", "kind", "{}").build().unwrap();
    // Rolled back with what it belongs to.
    let sealed = sql.jobs.seal(job()).await.unwrap();
    let mut transaction = sql.application.write(scope(sql.stage.clinic)).await.unwrap();
    assert_eq!(sealed.enqueue_in(&mut transaction).await.unwrap(), Enqueued::New);
    drop(transaction);
    assert_eq!(sql.jobs.claim(&WANTED, LEASE).await.unwrap().jobs, []);
    // Committed with it.
    let sealed = sql.jobs.seal(job()).await.unwrap();
    let mut transaction = sql.application.write(scope(sql.stage.clinic)).await.unwrap();
    assert_eq!(sealed.enqueue_in(&mut transaction).await.unwrap(), Enqueued::New);
    transaction.commit().await.unwrap();
    assert_eq!(sql.jobs.claim(&WANTED, LEASE).await.unwrap().jobs.len(), 1);
    // And by no other clinic's.
    let sealed = sql.jobs.seal(job()).await.unwrap();
    let mut transaction = sql.application.write(scope(sql.stage.other)).await.unwrap();
    let refused = sealed.enqueue_in(&mut transaction).await;
    assert!(matches!(refused, Err(JobError::Refused(_))), "{refused:?}");
    drop(transaction);
    sql.site.remove().await;
}

#[tokio::test]
async fn sqlite_keeps_what_jobs_work_on_sealed() {
    sealed(Site::sqlite()).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn postgresql_keeps_what_jobs_work_on_sealed() {
    sealed(Site::postgres().await).await;
}

#[tokio::test]
async fn sqlite_enqueues_with_the_callers_commit() {
    in_a_transaction(Site::sqlite()).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn postgresql_enqueues_with_the_callers_commit() {
    in_a_transaction(Site::postgres().await).await;
}
