//! Every statement of this crate, prepared on both databases.

use super::site::Site;
use crate::{
    Statement,
    repository::registry,
    statement::{Clinic, Composed, Dialect, House, sealed::Text},
};
use sqlx::{Column, Executor, Statement as _};

const CLINIC: &[(&str, Statement<Clinic>)] = registry::CLINIC;
const HOUSE: &[(&str, Statement<House>)] = registry::HOUSE;

/// Name, text and number of parameters, for an engine.
fn texts(dialect: Dialect) -> Vec<(String, String, usize)> {
    let clinic = CLINIC.iter().map(|(name, s)| (name.to_string(), s.text(dialect).to_owned(), s.count()));
    let house = HOUSE.iter().map(|(name, s)| (name.to_string(), s.text(dialect).to_owned(), s.count()));
    let composed = registry::composed();
    let composed = composed.iter().map(|(name, text): &(String, Composed)| {
        (name.clone(), text.sql(dialect).as_str().to_owned(), text.count())
    });
    clinic.chain(house).chain(composed).collect()
}

/// What the engine says of a statement: how many parameters, which columns.
type Said = Vec<(String, usize, Vec<String>)>;

async fn sqlite() -> Said {
    let site = Site::sqlite();
    drop(site.open().await);
    let pool = sqlx::SqlitePool::connect(&site.url).await.unwrap();
    let mut conn = pool.acquire().await.unwrap();
    crate::schema::isolate(&mut conn).await.unwrap();
    let mut said = Said::new();
    for (name, text, count) in texts(Dialect::Sqlite) {
        let prepared = conn.prepare(sqlx::SqlSafeStr::into_sql_str(sqlx::AssertSqlSafe(text.clone()))).await;
        let prepared = prepared.unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
        let columns: Vec<_> = prepared.columns().iter().map(|column| column.name().to_owned()).collect();
        let parameters = prepared.parameters().map_or(0, |p| p.right().unwrap_or_default());
        assert_eq!(parameters, count, "{name}: {text}");
        said.push((name, parameters, columns));
    }
    said
}

async fn postgres() -> Said {
    let site = Site::postgres().await;
    let mut said = Said::new();
    let (app, relay) = (
        sqlx::PgPool::connect(&site.url).await.unwrap(),
        sqlx::PgPool::connect(&site.relay_url).await.unwrap(),
    );
    for (name, text, count) in texts(Dialect::Postgres) {
        // Under the login that runs it, with the path that the transaction sets.
        let pool = if name.starts_with("outbox::") { &relay } else { &app };
        let mut conn = pool.acquire().await.unwrap();
        conn.execute("SET search_path = main").await.unwrap();
        let prepared = conn.prepare(sqlx::SqlSafeStr::into_sql_str(sqlx::AssertSqlSafe(text.clone()))).await;
        let prepared = prepared.unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
        let columns: Vec<_> = prepared.columns().iter().map(|column| column.name().to_owned()).collect();
        let parameters = match prepared.parameters() {
            Some(sqlx::Either::Left(types)) => types.len(),
            _ => 0,
        };
        assert_eq!(parameters, count, "{name}: {text}");
        said.push((name, parameters, columns));
    }
    app.close().await;
    relay.close().await;
    site.remove().await;
    said
}

#[tokio::test]
async fn sqlite_prepares_every_statement() {
    assert_eq!(sqlite().await.len(), texts(Dialect::Sqlite).len());
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn both_engines_prepare_every_statement_alike() {
    assert_eq!(postgres().await, sqlite().await);
}

/// A statement that is written and not registered is not checked against the databases.
#[test]
fn every_written_statement_is_registered() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/repository");
    let mut written = 0;
    for file in std::fs::read_dir(root).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        written += text.matches("clinic_sql!").count() + text.matches("house_sql!").count();
    }
    assert_eq!(written, CLINIC.len() + HOUSE.len());
}
