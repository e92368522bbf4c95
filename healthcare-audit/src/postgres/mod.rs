//! The log in PostgreSQL: an event is durable when its transaction has committed.
//!
//! For a process without a volume of its own. The bytes and the chain are the same as on files, so the same verifier reads both.
//! The batches of several processes take turns at the log's head row; each turn taken from another writer begins an epoch.

mod archive;
mod backend;
mod open;
mod session;

pub(crate) use archive::PgArchive;
pub(crate) use backend::PgBackend;
pub(crate) use open::open;

/// The tables of the log, for the owner of the schema to create. Running it again changes nothing.
///
/// They hold ids, times, chain values and ciphertext, and belong to no clinic: one chain runs through all of them. The writer's login
/// needs what [`grants`] gives it; nobody needs to update or delete an entry, and a trigger refuses it.
pub const MIGRATION: &str = include_str!("migration.sql");

/// The statements that give a login what a writer needs and no more. `None` for a name that is not a plain identifier.
#[must_use]
pub fn grants(login: &str) -> Option<String> {
    let plain = login.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    let named =
        plain && (1..=63).contains(&login.len()) && !login.starts_with(|first: char| first.is_ascii_digit());
    named.then(|| {
        format!(
            "GRANT USAGE ON SCHEMA audit TO {login};\n\
             GRANT SELECT, INSERT ON audit.audit_log, audit.audit_segment TO {login};\n\
             GRANT SELECT, INSERT, UPDATE ON audit.audit_head TO {login};\n"
        )
    })
}
