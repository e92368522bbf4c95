//! The plans of the statements that carry the load, with 25,000 patients in a clinic and another clinic beside it.

use super::{site::Site, unchecked::Unchecked};
use crate::{
    Database,
    repository::registry,
    statement::{Dialect, sealed::Text},
};
use healthcare_core::{Value, testing::Stage};
use sqlx::Connection as _;
use uuid::Uuid;

const PATIENTS: i64 = 25_000;

/// Fills both clinics: each patient has one of 500 families, each family six prefixes, and two appointments.
async fn fill(site: &Site, dialect: Dialect, clinics: &[Uuid]) {
    for &clinic in clinics {
        let script = match dialect {
            Dialect::Postgres => postgres_rows(clinic),
            Dialect::Sqlite => sqlite_rows(clinic),
        };
        let script = sqlx::AssertSqlSafe(script);
        match dialect {
            Dialect::Postgres => {
                let pool = sqlx::PgPool::connect(&site.owner_url).await.unwrap();
                sqlx::raw_sql(script).execute(&pool).await.unwrap();
                pool.close().await;
            }
            Dialect::Sqlite => {
                let pool = sqlx::SqlitePool::connect(&site.url).await.unwrap();
                sqlx::raw_sql(script).execute(&pool).await.unwrap();
                pool.close().await;
            }
        }
    }
}

fn postgres_rows(clinic: Uuid) -> String {
    let id = "md5('{c}' || n)::uuid".replace("{c}", &clinic.to_string());
    format!(
        "SET search_path = main;
         INSERT INTO subject_key SELECT '{clinic}', {id}, '\\x00', now() FROM generate_series(1, {PATIENTS}) n;
         INSERT INTO patient SELECT '{clinic}', {id}, 1, {id}, true, '\\x00', now(), now() FROM generate_series(1, {PATIENTS}) n;
         INSERT INTO blind_index SELECT '{clinic}', 'patient', 'family', decode(md5(p || 'x' || n % 500), 'hex'), {id}
             FROM generate_series(1, {PATIENTS}) n, generate_series(1, 6) p;
         INSERT INTO appointment SELECT '{clinic}', md5(a || '-{clinic}-' || n)::uuid, 1, {id}, md5('p' || n % 40)::uuid,
             '{clinic}', 'booked', false, '2026-01-01Z'::timestamptz + (n * a) * interval '7 minutes',
             '2026-01-01Z'::timestamptz + (n * a) * interval '7 minutes' + interval '30 minutes', 'UTC', '\\x00', now(), now()
             FROM generate_series(1, {PATIENTS}) n, generate_series(1, 2) a;
         ANALYZE;"
    )
}

fn sqlite_rows(clinic: Uuid) -> String {
    // Ids and tokens only need to be spread: a multiplication does it.
    let c = format!("x'{}'", clinic.simple());
    let first = &clinic.simple().to_string()[..8];
    let spread =
        |n: &str| format!("unhex('{first}' || printf('%08x%016x', ({n} * 2654435761) % 4294967296, {n}))");
    let (id, token, practitioner) = (spread("n"), spread("p * 1000 + n % 500"), spread("900000 + n % 40"));
    let appointment = spread("a * 100000 + n");
    let numbers = format!(
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {PATIENTS})"
    );
    format!(
        "{numbers} INSERT INTO subject_key SELECT {c}, {id}, x'00', 0 FROM numbers;
         {numbers} INSERT INTO patient SELECT {c}, {id}, 1, {id}, 1, x'00', 0, 0 FROM numbers;
         {numbers} INSERT INTO blind_index SELECT {c}, 'patient', 'family', {token}, {id}
             FROM numbers, (SELECT 1 AS p UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6);
         {numbers} INSERT INTO appointment SELECT {c}, {appointment}, 1, {id}, {practitioner}, {c}, 'booked', 0,
             n * a * 420000000, n * a * 420000000 + 1800000000, 'UTC', x'00', 0, 0
             FROM numbers, (SELECT 1 AS a UNION ALL SELECT 2);
         ANALYZE;"
    )
}

/// The plan of a text with these values, as the application's login sees it in its clinic.
async fn plan(database: &Database, stage: &Stage, text: &impl Text, values: Vec<Value>) -> String {
    let dialect = database.dialect();
    let explain = if dialect == Dialect::Postgres { "EXPLAIN" } else { "EXPLAIN QUERY PLAN" };
    let explained =
        Unchecked { text: format!("{explain} {}", text.sql(dialect).as_str()), parameters: text.count() };
    let mut transaction = database.read(stage.boundary.system.scope(stage.clinic)).await.unwrap();
    let rows = transaction.fetch_all(&explained, values).await.unwrap();
    let column = if dialect == Dialect::Postgres { 0 } else { 3 };
    rows.iter().map(|row| row.get::<String>(column).unwrap() + "\n").collect()
}

async fn plans(site: Site) {
    let stage = Stage::default();
    let database = site.open().await;
    fill(&site, database.dialect(), &[stage.other.as_uuid(), stage.clinic.as_uuid()]).await;
    for (name, text, values) in registry::hot() {
        let plan = plan(&database, &stage, &text, values).await;
        let whole = match database.dialect() {
            Dialect::Postgres => plan.contains("Seq Scan"),
            Dialect::Sqlite => {
                plan.lines().any(|line| line.starts_with("SCAN") && !line.contains("clinic_scope"))
            }
        };
        assert!(!whole, "{name} reads a whole table:\n{plan}");
        let index = match database.dialect() {
            Dialect::Postgres => "blind_index_pkey",
            Dialect::Sqlite => {
                "blind_index USING PRIMARY KEY (clinic_id=? AND kind=? AND field=? AND token=?"
            }
        };
        let searched = plan.contains(index)
            || plan.contains("b0 USING PRIMARY KEY (clinic_id=? AND kind=? AND field=? AND token=?");
        assert_eq!(searched, name.contains("search"), "{name}: the blind index leads\n{plan}");
    }
    let (_, treats) = registry::CLINIC.iter().find(|(name, _)| *name == "relation::TREATS").unwrap();
    let plan =
        plan(&database, &stage, treats, vec![Value::Uuid(Uuid::nil()), Value::Uuid(Uuid::nil())]).await;
    assert!(plan.contains("appointment_practitioner_id_subject_id"), "{plan}");
    database.close().await;
    site.remove().await;
}

/// Who follows the outbox asks twice a second, and reads what is new alone.
async fn follows(site: Site) {
    let database = site.open().await;
    let dialect = database.dialect();
    let (_, since) = registry::HOUSE.iter().find(|(name, _)| *name == "outbox::SINCE").unwrap();
    let text = since.text(dialect).replace("$2", "'appointment'").replace("$3", "1001");
    let columns = "id, clinic_id, kind, aggregate_kind, aggregate_id, aggregate_version, position, created_at, due_at, lease, attempts, body";
    let plan: Vec<String> = if dialect == Dialect::Postgres {
        let mut owner = sqlx::PgConnection::connect(&site.owner_url).await.unwrap();
        // Each of its own transaction, as commits are.
        let rows = format!(
            "DO $$ BEGIN FOR n IN 1..5000 LOOP INSERT INTO main.outbox ({columns}) SELECT x, x, 'event', 'appointment', x, 1, 0, now(), now(), \
             0, 0, '\\x00' FROM (SELECT gen_random_uuid()) g(x); COMMIT; END LOOP; END $$"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(rows)).execute(&mut owner).await.unwrap();
        sqlx::raw_sql("ANALYZE main.outbox").execute(&mut owner).await.unwrap();
        let newest = sqlx::query_scalar::<_, i64>("SELECT max(written_in)::text::bigint FROM main.outbox");
        let newest = newest.fetch_one(&mut owner).await.unwrap().to_string();
        let explained = format!("EXPLAIN {}", text.replace("$1", &newest));
        sqlx::query_scalar(sqlx::AssertSqlSafe(explained)).fetch_all(&mut owner).await.unwrap()
    } else {
        let pool = sqlx::SqlitePool::connect(&site.url).await.unwrap();
        let explained = format!("EXPLAIN QUERY PLAN {}", text.replace("$1", "1"));
        let rows = sqlx::query(sqlx::AssertSqlSafe(explained)).fetch_all(&pool).await.unwrap();
        rows.iter().map(|row| sqlx::Row::get(row, 3)).collect()
    };
    let plan = plan.join("\n");
    let by =
        if dialect == Dialect::Postgres { "outbox_written_in" } else { "SEARCH e USING INTEGER PRIMARY KEY" };
    assert!(plan.contains(by) && !plan.contains("Seq Scan"), "{plan}");
    database.close().await;
    site.remove().await;
}

#[tokio::test]
async fn sqlite_follows_the_outbox_from_where_it_was() {
    follows(Site::sqlite()).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn postgres_follows_the_outbox_from_where_it_was() {
    follows(Site::postgres().await).await;
}

/// A clinic that has just been imported: the statistics know the clinic beside it, and nothing of this one.
async fn plans_of_old_statistics(site: Site) {
    let stage = Stage::default();
    let database = site.open().await;
    let pool = sqlx::PgPool::connect(&site.owner_url).await.unwrap();
    for table in ["patient", "blind_index", "subject_key"] {
        let by_hand = format!("ALTER TABLE main.{table} SET (autovacuum_enabled = false)");
        sqlx::raw_sql(sqlx::AssertSqlSafe(by_hand)).execute(&pool).await.unwrap();
    }
    fill(&site, database.dialect(), &[stage.other.as_uuid()]).await;
    let rows = postgres_rows(stage.clinic.as_uuid()).replace("ANALYZE;", "");
    sqlx::raw_sql(sqlx::AssertSqlSafe(rows)).execute(&pool).await.unwrap();
    pool.close().await;
    for (name, text, values) in registry::hot().into_iter().filter(|(name, ..)| name.contains("search")) {
        let plan = plan(&database, &stage, &text, values).await;
        let by_key = |alias: &str, key: &str| {
            let at = plan.find(&format!(" {alias}  (")).unwrap_or_else(|| panic!("{name}: {alias}\n{plan}"));
            plan[at..].lines().nth(1).is_some_and(|condition| condition.contains(key))
        };
        assert!(by_key("t", "(id = b0.record_id)"), "{name}: patients are not looked up by key\n{plan}");
        assert!(by_key("k", "(subject_id = t.subject_id)"), "{name}: keys are not looked up by key\n{plan}");
        assert!(by_key("b0", "token = "), "{name}: the token does not lead\n{plan}");
        if name == "search by two" {
            assert!(
                by_key("b1", "(record_id = b0.record_id)"),
                "{name}: entries are compared in pairs\n{plan}"
            );
        }
    }
    database.close().await;
    site.remove().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn postgres_needs_no_fresh_statistics_to_search() {
    plans_of_old_statistics(Site::postgres().await).await;
}

#[tokio::test]
async fn sqlite_uses_its_indexes() {
    plans(Site::sqlite()).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn postgres_uses_its_indexes_under_row_security() {
    plans(Site::postgres().await).await;
}
