//! Clinic A on clinic B's rows, with the predicate taken out of the statement: the database alone must refuse.

use super::{site::Site, unchecked::Unchecked};
use crate::{CLINIC_TABLES, Database, DbError, Row, Transaction, statement::Dialect};
use healthcare_core::{ClinicId, ClinicScope, Value, testing::Stage};
use std::collections::BTreeMap;
use uuid::Uuid;

/// A transaction of clinic A always binds $1; a text without a predicate says so in a way that means nothing.
const ANYTHING: &str = "($1 IS NOT NULL)";

fn scope(stage: &Stage, clinic: ClinicId) -> ClinicScope {
    stage.boundary.system.scope(clinic)
}

/// Values for one row of each table, by column, and the statement that stores it.
fn row(table: &str, clinic: ClinicId, columns: &[(String, String)], dialect: Dialect) -> String {
    let id = clinic.as_uuid();
    let uuid = |id: Uuid| match dialect {
        Dialect::Postgres => format!("'{id}'::uuid"),
        Dialect::Sqlite => format!("x'{}'", id.simple()),
    };
    let value = |(name, kind): &(String, String)| match (name.as_str(), kind.to_lowercase().as_str()) {
        ("clinic_id" | "id" | "subject_id", _) => uuid(id),
        (name, _) if name.ends_with("_id") => uuid(id),
        // Somebody else.
        (name, _) if name.ends_with("_by") => uuid(Uuid::max()),
        (_, "text") => "'x'".to_owned(),
        (_, "boolean") => "true".to_owned(),
        ("ends" | "ends_at", "timestamp with time zone") => "'2026-01-02Z'::timestamptz".to_owned(),
        (_, "timestamp with time zone") => "'2026-01-01Z'::timestamptz".to_owned(),
        (_, "bytea") => "'\\x00'::bytea".to_owned(),
        (_, "blob") => "x'00'".to_owned(),
        ("ends" | "ends_at", "integer") => "2".to_owned(),
        _ => "1".to_owned(),
    };
    let names: Vec<_> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let values: Vec<_> = columns.iter().map(value).collect();
    format!("INSERT INTO main.{table} ({}) SELECT {} WHERE {ANYTHING}", names.join(", "), values.join(", "))
}

type Columns = BTreeMap<String, Vec<(String, String)>>;

async fn columns(site: &Site, dialect: Dialect) -> Columns {
    let mut all = Columns::new();
    let rows: Vec<(String, String, String)> = match dialect {
        Dialect::Postgres => {
            let pool = sqlx::PgPool::connect(&site.owner_url).await.unwrap();
            sqlx::query_as(
                "SELECT table_name::text, column_name::text, data_type::text FROM information_schema.columns \
                 WHERE table_schema = 'main' AND table_name IN (SELECT table_name FROM information_schema.columns \
                 WHERE table_schema = 'main' AND column_name = 'clinic_id') ORDER BY table_name, ordinal_position",
            )
            .fetch_all(&pool)
            .await
            .unwrap()
        }
        Dialect::Sqlite => {
            let pool = sqlx::SqlitePool::connect(&site.url).await.unwrap();
            sqlx::query_as(
                "SELECT t.name, c.name, c.type FROM sqlite_schema t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' \
                 AND EXISTS (SELECT 1 FROM pragma_table_info(t.name) x WHERE x.name = 'clinic_id') ORDER BY t.name, c.cid",
            )
            .fetch_all(&pool)
            .await
            .unwrap()
        }
    };
    for (table, column, kind) in rows {
        all.entry(table).or_default().push((column, kind));
    }
    all.retain(|table, _| !crate::HOUSE_TABLES.iter().any(|house| house.name == table));
    all
}

async fn all(transaction: &mut Transaction, text: String) -> Result<Vec<Row>, DbError> {
    transaction.fetch_all(&Unchecked::new(text), Vec::new()).await
}

async fn count(transaction: &mut Transaction, table: &str) -> i64 {
    let rows = all(transaction, format!("SELECT count(*) FROM {table} WHERE {ANYTHING}")).await.unwrap();
    rows[0].get(0).unwrap()
}

/// Runs a statement of clinic A in a transaction of its own and says what became of it.
async fn attack(database: &Database, scope: ClinicScope, text: String) -> Result<u64, DbError> {
    let mut transaction = database.write(scope).await.unwrap();
    let changed = transaction.execute(&Unchecked::new(text), Vec::new()).await?;
    transaction.commit().await?;
    Ok(changed)
}

async fn matrix(site: Site) {
    let stage = Stage::default();
    let database = site.open().await;
    let (mine, theirs) = (scope(&stage, stage.clinic), scope(&stage, stage.other));
    let tables = columns(&site, database.dialect()).await;
    for table in CLINIC_TABLES {
        assert!(tables.contains_key(table.name), "{} is a table of the schema", table.name);
    }
    // subject_key first: other tables refer to it.
    let order = || {
        tables
            .iter()
            .filter(|(name, _)| *name == "subject_key")
            .chain(tables.iter().filter(|(name, _)| *name != "subject_key"))
    };
    for (table, columns) in order() {
        for (clinic, scope) in [(stage.other, theirs), (stage.clinic, mine)] {
            let text = row(table, clinic, columns, database.dialect());
            assert_eq!(
                attack(&database, scope, text).await.unwrap_or_else(|e| panic!("{table}: {e:?}")),
                1,
                "{table}: one's own row is stored"
            );
        }
    }
    for (table, columns) in order() {
        one_table(&database, &stage, table, columns).await;
    }
    no_scope_no_rows(&site, &database, &tables).await;
    database.close().await;
    site.remove().await;
}

async fn one_table(database: &Database, stage: &Stage, table: &str, columns: &[(String, String)]) {
    let dialect = database.dialect();
    let (mine, theirs) = (scope(stage, stage.clinic), scope(stage, stage.other));
    let b = match dialect {
        Dialect::Postgres => format!("'{}'::uuid", stage.other),
        Dialect::Sqlite => format!("x'{}'", stage.other.as_uuid().simple()),
    };
    let mut reading = database.read(mine).await.unwrap();
    assert_eq!(count(&mut reading, table).await, 1, "{table}: only one's own row is seen");
    let aimed =
        all(&mut reading, format!("SELECT clinic_id FROM {table} WHERE clinic_id = {b} AND {ANYTHING}"))
            .await;
    assert!(aimed.unwrap().is_empty(), "{table}: not when asked for either");
    let joined = format!("SELECT count(*) FROM {table} a, {table} b WHERE {ANYTHING}");
    let joined: i64 = all(&mut reading, joined).await.unwrap()[0].get(0).unwrap();
    assert_eq!(joined, 1, "{table}: nor in a join");
    drop(reading);

    // Writes: nothing changes, or the statement is refused. (A blind UPDATE without any predicate stops at the first foreign row
    // on SQLite and passes it over on PostgreSQL.)
    let blind = [
        format!("UPDATE main.{table} SET clinic_id = clinic_id WHERE clinic_id = {b} AND {ANYTHING}"),
        format!("DELETE FROM main.{table} WHERE clinic_id = {b} AND {ANYTHING}"),
    ];
    for text in blind {
        match attack(database, mine, text.clone()).await {
            Ok(changed) => assert_eq!(changed, 0, "{text}"),
            Err(error) => assert!(matches!(error, DbError::OutsideClinic(_)), "{text}: {error:?}"),
        }
    }
    // Insert, update and upsert that would put a row into the other clinic.
    let insert = row(table, stage.other, columns, dialect);
    let names: Vec<_> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let moved = format!("UPDATE main.{table} SET clinic_id = {b} WHERE {ANYTHING}");
    let upserts = [
        format!("{insert} ON CONFLICT DO NOTHING"),
        match key(table) {
            Some(key) => {
                format!("{insert} ON CONFLICT ({key}) DO UPDATE SET {} = excluded.{}", names[0], names[0])
            }
            None => insert.clone(),
        },
    ];
    for text in upserts.into_iter().chain([insert, moved]) {
        let refused = attack(database, mine, text.clone()).await;
        assert!(matches!(refused, Err(DbError::OutsideClinic(_))), "{text}: {refused:?}");
    }
    let mut reading = database.read(theirs).await.unwrap();
    assert_eq!(count(&mut reading, table).await, 1, "{table}: the other clinic's row is as it was");
}

fn key(table: &str) -> Option<&'static str> {
    match table {
        "claim" => None,
        "subject_key" => Some("clinic_id, subject_id"),
        "blind_index" => Some("clinic_id, kind, field, token, record_id"),
        "idempotency" => Some("clinic_id, actor_id, key_hash"),
        _ => Some("clinic_id, id"),
    }
}

/// A transaction on the house's tables has no clinic: it sees no clinic's rows, and nothing fails for a setting that is empty.
async fn no_scope_no_rows(site: &Site, database: &Database, tables: &Columns) {
    for _ in 0..2 {
        drop(database.house_read().await.unwrap());
    }
    for table in tables.keys() {
        let seen: i64 = match database.dialect() {
            Dialect::Postgres => {
                let pool = sqlx::PgPool::connect(&site.url).await.unwrap();
                let mut conn = pool.acquire().await.unwrap();
                // The setting was used once in this session, so that it is '' and not null afterwards.
                sqlx::raw_sql("BEGIN; SELECT set_config('app.clinic_id', '00000000-0000-0000-0000-000000000000', true); COMMIT")
                    .execute(&mut *conn)
                    .await
                    .unwrap();
                let text = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM main.{table}"));
                sqlx::query_scalar(text).fetch_one(&mut *conn).await.unwrap()
            }
            Dialect::Sqlite => {
                let pool = sqlx::SqlitePool::connect(&site.url).await.unwrap();
                let mut conn = pool.acquire().await.unwrap();
                crate::schema::isolate(&mut conn).await.unwrap();
                let text = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
                sqlx::query_scalar(text).fetch_one(&mut *conn).await.unwrap()
            }
        };
        assert_eq!(seen, 0, "{table}");
    }
}

#[tokio::test]
async fn sqlite_refuses_every_table_and_verb() {
    matrix(Site::sqlite()).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn postgres_refuses_every_table_and_verb() {
    matrix(Site::postgres().await).await;
}

/// An entry of a queue, as a transaction of any clinic might write it.
fn entry(table: &str, clinic: ClinicId, dialect: Dialect) -> String {
    let (id, time, bytes) = match dialect {
        Dialect::Postgres => (format!("'{}'::uuid", Uuid::now_v7()), "now()", "'\\x00'::bytea"),
        Dialect::Sqlite => (format!("x'{}'", Uuid::now_v7().simple()), "1", "x'00'"),
    };
    let clinic = match dialect {
        Dialect::Postgres => format!("'{}'::uuid", clinic.as_uuid()),
        Dialect::Sqlite => format!("x'{}'", clinic.as_uuid().simple()),
    };
    let (columns, values) = match table {
        "outbox" => (
            "kind, aggregate_kind, aggregate_id, aggregate_version, position, created_at, due_at, lease, attempts, body",
            format!("'event', 'x', {id}, 1, 1, {time}, {time}, 0, 0, {bytes}"),
        ),
        _ => (
            "queue, kind, state, created_at, due_at, token, tries, tries_max, returns, progress, payload",
            format!("'mail', 'x', 'waiting', {time}, {time}, 0, 0, 1, 0, 0, {bytes}"),
        ),
    };
    format!(
        "INSERT INTO main.{table} (id, clinic_id, {columns}) SELECT {id}, {clinic}, {values} WHERE {ANYTHING}"
    )
}

/// A clinic's transaction adds to the queues, for its own clinic and no other.
async fn queues(site: &Site) {
    let stage = Stage::default();
    let database = site.open().await;
    for table in crate::schema::QUEUES {
        let mine = entry(table, stage.clinic, database.dialect());
        assert_eq!(attack(&database, scope(&stage, stage.clinic), mine).await.unwrap(), 1, "{table}");
        let theirs = entry(table, stage.other, database.dialect());
        let refused = attack(&database, scope(&stage, stage.clinic), theirs).await;
        assert!(matches!(refused, Err(DbError::OutsideClinic(_))), "{table}: {refused:?}");
    }
    database.close().await;
}

#[tokio::test]
async fn sqlite_adds_to_queues_for_its_own_clinic() {
    queues(&Site::sqlite()).await;
}

/// An entry of another clinic cannot be added from inside a clinic, and the application's login cannot read or settle what is queued.
#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn postgres_keeps_the_queues_for_the_relay() {
    let site = Site::postgres().await;
    queues(&site).await;
    let pool = sqlx::PgPool::connect(&site.url).await.unwrap();
    let relay = sqlx::PgPool::connect(&site.relay_url).await.unwrap();
    for table in crate::schema::QUEUES {
        for verb in [
            format!("SELECT id FROM main.{table}"),
            format!("UPDATE main.{table} SET kind = 'y'"),
            format!("DELETE FROM main.{table}"),
        ] {
            let refused =
                sqlx::query(sqlx::AssertSqlSafe(verb.clone())).execute(&pool).await.map_err(DbError::from);
            assert!(matches!(refused, Err(DbError::OutsideClinic(_))), "{verb}: {refused:?}");
        }
        let all = sqlx::AssertSqlSafe(format!("SELECT id FROM main.{table}"));
        assert_eq!(sqlx::query(all).fetch_all(&relay).await.unwrap().len(), 1, "{table}");
    }
    for table in ["patient", "app_user", "scope_key"] {
        let text = sqlx::AssertSqlSafe(format!("SELECT * FROM main.{table}"));
        let read = sqlx::query(text).fetch_all(&relay).await.map_err(DbError::from);
        assert!(matches!(read, Err(DbError::OutsideClinic(_))), "{table}: {read:?}");
    }
    pool.close().await;
    relay.close().await;
    site.remove().await;
}

/// A statement is given its clinic by the transaction: a value too many or too few is refused before it runs.
#[tokio::test]
async fn values_are_counted() {
    let stage = Stage::default();
    let database = Database::connect("sqlite::memory:").await.unwrap();
    let mut transaction = database.read(scope(&stage, stage.clinic)).await.unwrap();
    let by_id = crate::clinic_sql!("SELECT version FROM patient WHERE clinic_id = $1 AND id = $2");
    let id = || Value::Uuid(Uuid::nil());
    assert!(transaction.fetch_all(&by_id, vec![id()]).await.unwrap().is_empty());
    for wrong in [vec![], vec![id(), id()]] {
        let refused = transaction.fetch_all(&by_id, wrong).await;
        assert!(matches!(refused, Err(DbError::Parameters { expected: 2, .. })), "{refused:?}");
    }
}
