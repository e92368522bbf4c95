//! The two schemas, their migrations, and the logins that are refused.

use super::site::{Site, logins, server_url};
use crate::{Database, DbError, HOUSE_TABLES, Login, migrate};
use sqlx::{Connection, Executor, PgConnection, PgPool, SqlitePool};
use std::collections::BTreeSet;

/// Table, column, whether it may be null.
async fn sqlite_columns(site: &Site) -> BTreeSet<(String, String, bool)> {
    drop(site.open().await);
    let pool = SqlitePool::connect(&site.url).await.unwrap();
    let rows: Vec<(String, String, bool)> = sqlx::query_as(
        "SELECT t.name, c.name, c.\"notnull\" = 0 AND c.pk = 0 FROM sqlite_schema t JOIN pragma_table_info(t.name) c \
         WHERE t.type = 'table' AND t.name NOT LIKE '\\_%' ESCAPE '\\' AND t.name NOT LIKE 'sqlite%'",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    rows.into_iter().collect()
}

async fn postgres_columns(site: &Site) -> BTreeSet<(String, String, bool)> {
    let pool = PgPool::connect(&site.owner_url).await.unwrap();
    let rows: Vec<(String, String, bool)> = sqlx::query_as(
        "SELECT table_name::text, column_name::text, is_nullable = 'YES' FROM information_schema.columns \
         WHERE table_schema = 'main' AND table_name NOT LIKE '\\_%'",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    pool.close().await;
    rows.into_iter().collect()
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn both_schemas_have_the_same_columns() {
    let postgres = Site::postgres().await;
    let (left, right) = (sqlite_columns(&Site::sqlite()).await, postgres_columns(&postgres).await);
    assert_eq!(
        left.difference(&right).collect::<Vec<_>>(),
        Vec::<&(String, String, bool)>::new(),
        "only in SQLite"
    );
    assert_eq!(
        right.difference(&left).collect::<Vec<_>>(),
        Vec::<&(String, String, bool)>::new(),
        "only in PostgreSQL"
    );
    let listed = |table: &str| {
        HOUSE_TABLES.iter().any(|house| house.name == table)
            || crate::CLINIC_TABLES.iter().any(|clinic| clinic.name == table)
    };
    let unlisted: Vec<_> = left.iter().filter(|(table, ..)| !listed(table)).collect();
    assert!(unlisted.is_empty(), "in neither list: {unlisted:?}");
    postgres.remove().await;
}

#[test]
fn both_folders_have_the_same_numbers() {
    let files = |engine: &str| -> BTreeSet<_> {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
        std::fs::read_dir(root).unwrap().map(|file| file.unwrap().file_name()).collect()
    };
    assert_eq!(files("sqlite"), files("postgres"));
}

/// Every primary key, unique and foreign key and exclusion of a clinic's table begins with the clinic, so that none tells of
/// another clinic's rows.
#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn every_key_begins_with_the_clinic() {
    let site = Site::postgres().await;
    let pool = PgPool::connect(&site.owner_url).await.unwrap();
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT c.relname::text, k.conname::text, a.attname::text FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid \
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1] \
         WHERE c.relnamespace = 'main'::regnamespace AND k.contype IN ('p', 'u', 'f', 'x')",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert!(rows.len() > 25, "{}", rows.len());
    for (table, key, first) in rows {
        let house = table.starts_with('_') || HOUSE_TABLES.iter().any(|house| house.name == table);
        assert!(house || first == "clinic_id", "{table}: {key} begins with {first}");
    }
    pool.close().await;
    site.remove().await;
}

#[tokio::test]
async fn sqlite_migrates_once_and_from_several_processes() {
    let site = Site::sqlite();
    let url = site.url.clone();
    let opened = (0..4).map(|_| {
        tokio::spawn({
            let url = url.clone();
            async move { Database::connect(&url).await.map(drop) }
        })
    });
    for task in opened.collect::<Vec<_>>() {
        task.await.unwrap().unwrap();
    }
    let pool = SqlitePool::connect(&site.url).await.unwrap();
    // A newer program has been here: an older one goes on.
    sqlx::raw_sql(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'x', 1, x'00', 0);
         ALTER TABLE patient ADD COLUMN later TEXT",
    )
    .execute(&pool)
    .await
    .unwrap();
    drop(site.open().await);
    sqlx::raw_sql("UPDATE _sqlx_migrations SET checksum = x'01' WHERE version = 1")
        .execute(&pool)
        .await
        .unwrap();
    let changed = Database::connect(&site.url).await;
    assert!(matches!(changed, Err(DbError::Schema(_))), "{changed:?}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn postgres_migrates_again_and_from_several_processes() {
    let site = Site::bare_postgres().await;
    let early = Database::connect(&site.url).await;
    assert!(
        matches!(early, Err(DbError::Schema(_) | DbError::Unavailable(_) | DbError::Statement(_))),
        "{early:?}"
    );
    let url = site.owner_url.clone();
    let all = (0..4).map(|_| {
        tokio::spawn({
            let url = url.clone();
            async move { migrate(&url, &logins()).await }
        })
    });
    for task in all.collect::<Vec<_>>() {
        task.await.unwrap().unwrap();
    }
    site.open().await.close().await;
    migrate(&site.owner_url, &logins()).await.unwrap();
    site.remove().await;
}

/// What a database looked like before the second migration.
const FIRST: &str = "DROP TABLE main.job; DROP TABLE main.break_glass; DROP TABLE main.memory_tier; DELETE FROM main._sqlx_migrations WHERE version > 1";

#[tokio::test]
async fn sqlite_of_the_first_version_is_brought_up() {
    let site = Site::sqlite();
    site.open().await.close().await;
    let mut conn = sqlx::SqliteConnection::connect(&site.url).await.unwrap();
    conn.execute(FIRST).await.unwrap();
    let waiting = "INSERT INTO outbox (id, clinic_id, kind, aggregate_kind, aggregate_id, aggregate_version, position, created_at, due_at, \
         lease, attempts, body) SELECT randomblob(16), x, 'event', 'x', x, 1, 0, 1, 1, 0, 0, x FROM (SELECT randomblob(16) AS x)";
    conn.execute(waiting).await.unwrap();
    let rows = "SELECT * FROM outbox WHERE written_in = 1";
    conn.close().await.unwrap();
    site.open().await.close().await;
    let mut conn = sqlx::SqliteConnection::connect(&site.url).await.unwrap();
    assert_eq!(conn.fetch_all(rows).await.unwrap().len(), 1, "what waited waits still, and has its place");
    conn.close().await.unwrap();
    assert!(sqlite_columns(&site).await.iter().any(|(table, ..)| table == "job"));
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn postgres_of_the_first_version_is_refused_until_it_is_brought_up() {
    let site = Site::postgres().await;
    let mut owner = PgConnection::connect(&site.owner_url).await.unwrap();
    owner.execute(FIRST).await.unwrap();
    owner.execute("ALTER TABLE main.outbox DROP COLUMN written_in").await.unwrap();
    for url in [&site.url, &site.relay_url] {
        let early = Database::connect(url).await;
        assert!(matches!(early, Err(DbError::Schema(_))), "{early:?}");
    }
    migrate(&site.owner_url, &logins()).await.unwrap();
    // Its policies and grants with it: both logins are looked at, and the relay's may read it.
    for url in [&site.url, &site.relay_url] {
        Database::connect(url).await.unwrap().close().await;
    }
    let mut relay = PgConnection::connect(&site.relay_url).await.unwrap();
    relay.execute("SELECT id FROM main.job").await.unwrap();
    drop((owner, relay));
    site.remove().await;
}

async fn refused(url: &str) -> String {
    match Database::connect(url).await {
        Err(DbError::Unsafe(why)) => why,
        other => panic!("{url} must be refused: {other:?}"),
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn logins_that_row_security_would_not_hold_are_refused() {
    let site = Site::postgres().await;
    assert!(refused(&site.owner_url).await.contains("superuser"));
    let mut owner = PgConnection::connect(&site.owner_url).await.unwrap();
    let name = format!("bad{}", uuid::Uuid::now_v7().simple());
    let (_, database) = site.owner_url.rsplit_once('/').unwrap();
    let url = server_url(database, Some(&name));
    let sql = |text: String| sqlx::AssertSqlSafe(text);
    owner
        .execute(sql(format!(
            "CREATE ROLE {name} LOGIN BYPASSRLS PASSWORD 'only-for-tests-0123456789'; GRANT healthcare_application TO {name}"
        )))
        .await
        .unwrap();
    assert!(refused(&url).await.contains("bypass"));
    owner
        .execute(sql(format!("ALTER ROLE {name} NOBYPASSRLS; ALTER TABLE main.patient OWNER TO {name}")))
        .await
        .unwrap();
    assert!(refused(&url).await.contains("owns"));
    owner
        .execute(sql(format!(
            "ALTER TABLE main.patient OWNER TO CURRENT_USER; GRANT TRUNCATE ON main.patient TO {name}"
        )))
        .await
        .unwrap();
    assert!(refused(&url).await.contains("truncate"));
    owner.execute(sql(format!("REVOKE TRUNCATE ON main.patient FROM {name}; ALTER TABLE main.patient NO FORCE ROW LEVEL SECURITY"))).await.unwrap();
    assert!(refused(&url).await.contains("patient"));
    // A table somebody added without a policy, and a view that would run with its owner's rights.
    owner
        .execute(sql(format!(
            "ALTER TABLE main.patient FORCE ROW LEVEL SECURITY; CREATE TABLE main.extra (clinic_id uuid); GRANT SELECT ON main.extra TO {name}"
        )))
        .await
        .unwrap();
    assert!(refused(&url).await.contains("extra"));
    migrate(&site.owner_url, &logins()).await.unwrap();
    Database::connect(&url).await.unwrap().close().await;
    owner
        .execute(sql(format!(
            "CREATE VIEW main.peek AS SELECT * FROM main.patient; GRANT SELECT ON main.peek TO {name}"
        )))
        .await
        .unwrap();
    assert!(refused(&url).await.contains("peek"));
    let pool = PgPool::connect(&url).await.unwrap();
    assert!(matches!(Database::from_postgres_pool(pool.clone()).await, Err(DbError::Unsafe(_))));
    pool.close().await;
    owner.execute(sql(format!("DROP VIEW main.peek; DROP OWNED BY {name}; DROP ROLE {name}"))).await.unwrap();
    // The relay's login is held as well, and passes.
    Database::connect(&site.relay_url).await.unwrap().close().await;
    drop(owner);
    site.remove().await;
}

/// A table whose policy was changed, and what would say so.
const OPENED: &[(&str, &str, &str)] = &[
    (
        "patient",
        "own_clinic",
        "DROP POLICY own_clinic ON main.patient; CREATE POLICY own_clinic ON main.patient USING (true)",
    ),
    ("claim", "own_clinic", "ALTER POLICY own_clinic ON main.claim WITH CHECK (true)"),
    ("observation", "own_clinic", "ALTER POLICY own_clinic ON main.observation USING (true)"),
    ("encounter", "own_clinic", "ALTER POLICY own_clinic ON main.encounter TO healthcare_relay"),
    (
        "condition",
        "own_clinic",
        "DROP POLICY own_clinic ON main.condition; CREATE POLICY own_clinic ON main.condition AS RESTRICTIVE \
         USING (clinic_id = (SELECT nullif(current_setting('app.clinic_id', true), '')::uuid)) \
         WITH CHECK (clinic_id = (SELECT nullif(current_setting('app.clinic_id', true), '')::uuid))",
    ),
    (
        "procedure",
        "own_clinic",
        "DROP POLICY own_clinic ON main.procedure; CREATE POLICY own_clinic ON main.procedure FOR UPDATE \
         USING (clinic_id = (SELECT nullif(current_setting('app.clinic_id', true), '')::uuid)) \
         WITH CHECK (clinic_id = (SELECT nullif(current_setting('app.clinic_id', true), '')::uuid))",
    ),
    ("appointment", "\"For Reports\"", "CREATE POLICY \"For Reports\" ON main.appointment USING (true)"),
    ("service", "for_relays", "CREATE POLICY for_relays ON main.service TO healthcare_relay USING (true)"),
    (
        "location",
        "own_clinic",
        "CREATE FUNCTION main.current_setting(text, boolean) RETURNS text LANGUAGE sql AS 'SELECT $1'; \
         GRANT EXECUTE ON FUNCTION main.current_setting TO PUBLIC; \
         ALTER POLICY own_clinic ON main.location \
         USING (clinic_id = (SELECT nullif(main.current_setting('app.clinic_id', true), '')::uuid))",
    ),
    ("outbox", "clinic_adds", "ALTER POLICY clinic_adds ON main.outbox WITH CHECK (true)"),
    ("outbox", "relay_settles", "ALTER POLICY relay_settles ON main.outbox TO PUBLIC"),
    ("job", "clinic_adds", "ALTER POLICY clinic_adds ON main.job WITH CHECK (true)"),
    ("job", "relay_settles", "ALTER POLICY relay_settles ON main.job TO PUBLIC"),
];

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn a_policy_that_is_not_ours_is_refused_by_name_and_migrating_repairs_it() {
    let site = Site::postgres().await;
    let mut owner = PgConnection::connect(&site.owner_url).await.unwrap();
    for (table, policy, change) in OPENED {
        sqlx::raw_sql(*change).execute(&mut owner).await.unwrap();
        let why = refused(&site.url).await;
        let repair = format!("DROP POLICY {policy} ON main.{table}");
        assert!(why.contains(&format!("the table {table} ")) && why.contains(&repair), "{change}: {why}");
        // As it says.
        sqlx::raw_sql(sqlx::AssertSqlSafe(repair)).execute(&mut owner).await.unwrap();
        migrate(&site.owner_url, &logins()).await.unwrap();
        site.open().await.close().await;
    }
    // The relay's login looks at what it may read.
    sqlx::raw_sql("ALTER POLICY relay_settles ON main.outbox TO PUBLIC").execute(&mut owner).await.unwrap();
    assert!(refused(&site.relay_url).await.contains("outbox"));
    sqlx::raw_sql("ALTER POLICY relay_settles ON main.outbox TO healthcare_relay")
        .execute(&mut owner)
        .await
        .unwrap();
    // One that is gone is made again; one that only takes away may stay.
    sqlx::raw_sql("DROP POLICY clinic_adds ON main.outbox").execute(&mut owner).await.unwrap();
    let why = refused(&site.url).await;
    assert!(why.contains("clinic_adds is missing on the table outbox"), "{why}");
    migrate(&site.owner_url, &logins()).await.unwrap();
    sqlx::raw_sql("CREATE POLICY by_day ON main.patient AS RESTRICTIVE USING (active)")
        .execute(&mut owner)
        .await
        .unwrap();
    site.open().await.close().await;
    drop(owner);
    site.remove().await;
}

#[tokio::test]
async fn plain_text_to_another_machine_is_refused() {
    for url in [
        "postgres://app:secret@db.example/clinic?sslmode=disable",
        "postgres://app:secret@db.example/clinic?sslmode=require",
        "postgres://app:secret@10.0.0.7/clinic?sslmode=prefer",
        "postgres://app:secret@localhost/clinic?host=10.0.0.7&sslmode=disable",
    ] {
        let refused = Database::connect(url).await;
        assert!(matches!(refused, Err(DbError::Configuration(_))), "{url}: {refused:?}");
    }
    for url in ["mysql://db/clinic", "clinic.db", "", "postgres://[bad"] {
        let refused = Database::connect(url).await;
        assert!(matches!(refused, Err(DbError::Configuration(_))), "{url}: {refused:?}");
    }
    assert!(Login::new("app; drop", "only-for-tests-0123456789").is_err());
    assert!(Login::new("app", "short").is_err());
    assert!(Login::new("app", "quote'quote'quote'").is_err());
}
