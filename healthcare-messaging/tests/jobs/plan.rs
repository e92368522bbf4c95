//! The statements that carry the load read their indexes, among many jobs that have ended.

use super::site::{Site, Sql};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _, SqliteConnection};

const DUE: &str = "SELECT o.id FROM main.job o WHERE o.queue = 'mail' AND o.finished_at IS NULL AND o.due_at <= NOW \
     ORDER BY o.due_at, o.id LIMIT 10";

/// One clinic's among many, whatever its state.
const LISTED: &str = "SELECT id FROM main.job WHERE clinic_id = CLINIC AND queue = coalesce(NULL, queue) AND state = coalesce(NULL, state) \
     AND id < NOTHING ORDER BY id DESC LIMIT 50";

fn rows(postgres: bool) -> String {
    let columns = "clinic_id, id, queue, kind, unique_key, state, created_at, due_at, token, tries, tries_max, returns, progress, \
         finished_at, payload";
    if postgres {
        format!(
            "INSERT INTO main.job ({columns}) SELECT md5('c')::uuid, md5(n::text)::uuid, 'mail', 'x', NULL, \
             CASE WHEN n % 50 = 0 THEN 'waiting' ELSE 'done' END, now(), now() + n * interval '1 second', 1, 1, 9, 0, 0, \
             CASE WHEN n % 50 = 0 THEN NULL ELSE now() END, '\\x00' FROM generate_series(1, 20000) n; ANALYZE main.job"
        )
    } else {
        format!(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 20000) \
             INSERT INTO main.job ({columns}) SELECT randomblob(16), randomblob(16), 'mail', 'x', NULL, \
             CASE WHEN n % 50 = 0 THEN 'waiting' ELSE 'done' END, 1, n, 1, 1, 9, 0, 0, \
             CASE WHEN n % 50 = 0 THEN NULL ELSE 1 END, x'00' FROM numbers; ANALYZE"
        )
    }
}

#[tokio::test]
async fn sqlite_claims_by_its_index() {
    let sql = Sql::open(Site::sqlite()).await;
    sql.site.script(rows(false)).await;
    let mut conn = SqliteConnection::connect(&sql.site.owner_url).await.unwrap();
    let text = format!("EXPLAIN QUERY PLAN {}", DUE.replace("NOW", "5"));
    let plan = sqlx::query(AssertSqlSafe(text)).fetch_all(&mut conn).await.unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get(3)).collect();
    assert_eq!(plan.len(), 1, "it sorts: {plan:?}");
    assert!(plan[0].contains("job_due (queue=? AND due_at<?)"), "{plan:?}");
}

#[tokio::test]
async fn sqlite_lists_by_its_index() {
    let sql = Sql::open(Site::sqlite()).await;
    sql.site.script(rows(false)).await;
    let mut conn = SqliteConnection::connect(&sql.site.owner_url).await.unwrap();
    let text = LISTED.replace("CLINIC", "x'01'").replace("NOTHING", "x'ff'");
    let plan =
        sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}"))).fetch_all(&mut conn).await.unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get(3)).collect();
    assert_eq!(plan.len(), 1, "it sorts: {plan:?}");
    assert!(plan[0].contains("job_of_clinic (clinic_id=? AND id<?)"), "{plan:?}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn postgresql_lists_by_its_index() {
    let sql = Sql::open(Site::postgres().await).await;
    // Of another clinic than all the others.
    let mine = "UPDATE main.job SET clinic_id = md5('d')::uuid WHERE id IN (SELECT id FROM main.job LIMIT 20); ANALYZE main.job";
    sql.site.script(format!("{}; {mine}", rows(true))).await;
    let mut conn = PgConnection::connect(&sql.site.relay_url).await.unwrap();
    let text = LISTED.replace("CLINIC", "md5('d')::uuid").replace("NOTHING", "md5('e')::uuid");
    let plan = sqlx::query(AssertSqlSafe(format!("EXPLAIN {text}"))).fetch_all(&mut conn).await.unwrap();
    let plan: String = plan.iter().map(|row| row.get::<String, _>(0) + "\n").collect();
    assert!(plan.contains("job_of_clinic"), "{plan}");
    drop(conn);
    sql.site.clone().remove().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn postgresql_claims_by_its_index() {
    let sql = Sql::open(Site::postgres().await).await;
    sql.site.script(rows(true)).await;
    let mut conn = PgConnection::connect(&sql.site.relay_url).await.unwrap();
    let text = format!("EXPLAIN {} FOR UPDATE SKIP LOCKED", DUE.replace("NOW", "now()"));
    let plan = sqlx::query(AssertSqlSafe(text)).fetch_all(&mut conn).await.unwrap();
    let plan: String = plan.iter().map(|row| row.get::<String, _>(0) + "\n").collect();
    assert!(plan.contains("Index Scan using job_due") && !plan.contains("Sort"), "{plan}");
    drop(conn);
    sql.site.clone().remove().await;
}
