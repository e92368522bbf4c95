//! What is checked before a PostgreSQL login is used: that row security holds it.

use super::policies;
use crate::{
    DbError,
    schema::{CLINIC_TABLES, expected_version},
};
use sqlx::PgPool;

/// # Errors
/// [`DbError::Unsafe`] when the login could see more than its clinic, [`DbError::Schema`] when migrations are missing.
pub(super) async fn check(pool: &PgPool) -> Result<(), DbError> {
    let (superuser, bypass): (bool, bool) = sqlx::query_as(
        "SELECT bool_or(rolsuper), bool_or(rolbypassrls) FROM pg_catalog.pg_roles \
         WHERE rolname = current_user OR rolname = session_user OR pg_catalog.pg_has_role(session_user, oid, 'MEMBER')",
    )
    .fetch_one(pool)
    .await?;
    if superuser || bypass {
        return Err(unsafe_login("is a superuser or may bypass row security"));
    }
    schema(pool).await?;
    tables(pool).await?;
    policies::check(pool).await
}

fn unsafe_login(why: &str) -> DbError {
    DbError::Unsafe(format!(
        "this PostgreSQL login {why}: prepare the database with `migrate --owner-url` and connect with the application \
         login it creates"
    ))
}

async fn schema(pool: &PgPool) -> Result<(), DbError> {
    let present: bool =
        sqlx::query_scalar("SELECT pg_catalog.to_regclass('main._sqlx_migrations') IS NOT NULL")
            .fetch_one(pool)
            .await?;
    let version: Option<i64> = if present {
        sqlx::query_scalar("SELECT max(version) FROM main._sqlx_migrations WHERE success")
            .fetch_one(pool)
            .await?
    } else {
        None
    };
    match version {
        // A newer schema only adds, so an older program goes on with it.
        Some(version) if version >= expected_version() => Ok(()),
        found => Err(DbError::Schema(format!(
            "it is at {}, and this program needs {}: run `migrate --owner-url` first",
            found.unwrap_or_default(),
            expected_version()
        ))),
    }
}

async fn tables(pool: &PgPool) -> Result<(), DbError> {
    // Every table, view and partition of the schema that has a clinic_id, so that one somebody added is not forgotten.
    let rows: Vec<(String, bool, bool, bool)> = sqlx::query_as(
        "SELECT c.relname::text, c.relrowsecurity AND c.relforcerowsecurity AND EXISTS \
           (SELECT 1 FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid), \
         pg_catalog.pg_has_role(session_user, c.relowner, 'MEMBER'), \
         has_table_privilege(c.oid, 'TRUNCATE') OR has_table_privilege(c.oid, 'TRIGGER') \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = 'main' AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
           AND EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'clinic_id') \
           AND has_any_column_privilege(c.oid, 'SELECT') \
           AND c.relname <> ALL (ARRAY['membership', 'session', 'scope_key'])",
    )
    .fetch_all(pool)
    .await?;
    for (name, secured, owner, truncates) in &rows {
        if *owner {
            return Err(unsafe_login("owns the tables"));
        }
        if *truncates {
            return Err(unsafe_login("may truncate tables or add triggers, which row security does not see"));
        }
        if !secured {
            return Err(DbError::Unsafe(format!(
                "row security is not forced on the table {name}: run `migrate --owner-url`"
            )));
        }
    }
    let missing = CLINIC_TABLES.iter().find(|table| !rows.iter().any(|(name, ..)| name == table.name));
    // The relay's login reads none of them.
    let reads_clinics = CLINIC_TABLES.iter().any(|table| rows.iter().any(|(name, ..)| name == table.name));
    match missing {
        Some(table) if reads_clinics => Err(DbError::Schema(format!(
            "the table {} is missing or cannot be read: run `migrate --owner-url`",
            table.name
        ))),
        _ => Ok(()),
    }
}
