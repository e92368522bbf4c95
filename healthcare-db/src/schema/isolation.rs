//! The database's own isolation, generated from the tables that have a `clinic_id`.

use crate::HOUSE_TABLES;
#[cfg(feature = "sqlite")]
use crate::{DbError, error::OUTSIDE_CLINIC};

/// The only unscoped tables that clinic transactions write to: they may add to them, for their own clinic. The relay's login works them off.
pub(crate) const QUEUES: [&str; 2] = ["outbox", "job"];

/// Makes a SQLite connection see one clinic: the one in `temp.clinic_scope`, and none when that is empty.
///
/// A temporary view stands before each table, and temporary triggers on the table itself refuse rows of other clinics. All of
/// it lives in the connection and costs nothing in the file.
#[cfg(feature = "sqlite")]
pub(crate) async fn isolate(conn: &mut sqlx::SqliteConnection) -> Result<(), DbError> {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT t.name FROM main.sqlite_schema t JOIN pragma_table_info(t.name, 'main') c ON c.name = 'clinic_id' \
         WHERE t.type = 'table' ORDER BY t.name",
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut script =
        String::from("CREATE TEMP TABLE IF NOT EXISTS clinic_scope (clinic_id BLOB NOT NULL) STRICT;");
    for table in tables.iter().filter(|name| is_name(name)) {
        match HOUSE_TABLES.iter().find(|house| house.name == table) {
            None => script.push_str(&sqlite_table(table)),
            Some(house) if QUEUES.contains(&house.name) => script.push_str(&sqlite_queue(house.name)),
            Some(_) => {}
        }
    }
    // Last: who sees it knows that all the rest is there.
    script.push_str("CREATE TEMP TABLE IF NOT EXISTS clinic_isolated (done INTEGER) STRICT;");
    sqlx::raw_sql(sqlx::AssertSqlSafe(script)).execute(conn).await?;
    Ok(())
}

/// Names come from the schema; one that would need quoting is none of ours, and is refused by not being reachable unquoted.
#[cfg(feature = "sqlite")]
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(feature = "sqlite")]
const SCOPE: &str = "(SELECT clinic_id FROM temp.clinic_scope)";

#[cfg(feature = "sqlite")]
fn sqlite_table(table: &str) -> String {
    let view = format!(
        "CREATE TEMP VIEW IF NOT EXISTS {table} AS SELECT * FROM main.{table} WHERE clinic_id = {SCOPE};"
    );
    // IS NOT, so that an empty scope refuses.
    [("insert", "NEW"), ("update", "OLD"), ("update", "NEW"), ("delete", "OLD")].iter().fold(
        view,
        |script, (event, row)| {
            script
                + &format!(
                    "CREATE TEMP TRIGGER IF NOT EXISTS {table}_{event}_{row} BEFORE {event} ON main.{table} \
                 WHEN {row}.clinic_id IS NOT {SCOPE} BEGIN SELECT RAISE(ABORT, '{OUTSIDE_CLINIC}'); END;"
                )
        },
    )
}

#[cfg(feature = "sqlite")]
fn sqlite_queue(table: &str) -> String {
    format!(
        "CREATE TEMP TRIGGER IF NOT EXISTS {table}_insert BEFORE INSERT ON main.{table} \
         WHEN NEW.clinic_id IS NOT {SCOPE} BEGIN SELECT RAISE(ABORT, '{OUTSIDE_CLINIC}'); END;"
    )
}

/// What a row's clinic must be. The subquery is evaluated once for a statement; an unset scope is no row, never an error.
#[cfg(feature = "postgres")]
const OWN: &str = "clinic_id = (SELECT nullif(current_setting('app.clinic_id', true), '')::uuid)";

/// The same as `pg_get_expr` prints it.
#[cfg(feature = "postgres")]
const OWN_PRINTED: &str = r#"(clinic_id = ( SELECT (NULLIF(current_setting('app.clinic_id'::text, true), ''::text))::uuid AS "nullif"))"#;

/// An expression of a [`Policy`] as `pg_get_expr` prints it.
#[cfg(feature = "postgres")]
pub(crate) fn printed(written: &'static str) -> &'static str {
    if written == OWN { OWN_PRINTED } else { written }
}

/// A policy as `pg_policy` has it.
#[cfg(feature = "postgres")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) name: &'static str,
    /// `polcmd`: `*` for every command, `a` for INSERT.
    pub(crate) command: &'static str,
    /// Whom it lets pass: a role, or `public` for everybody.
    pub(crate) role: &'static str,
    /// Which rows are seen.
    pub(crate) using: Option<&'static str>,
    /// Which rows may be written.
    pub(crate) check: Option<&'static str>,
}

#[cfg(feature = "postgres")]
const OWN_CLINIC: Policy =
    Policy { name: "own_clinic", command: "*", role: "public", using: Some(OWN), check: Some(OWN) };
#[cfg(feature = "postgres")]
const CLINIC_ADDS: Policy = Policy {
    name: "clinic_adds",
    command: "a",
    role: "healthcare_application",
    using: None,
    check: Some(OWN),
};
#[cfg(feature = "postgres")]
const RELAY_SETTLES: Policy = Policy {
    name: "relay_settles",
    command: "*",
    role: "healthcare_relay",
    using: Some("true"),
    check: Some("true"),
};

/// The policies of a table with a `clinic_id`, and no others: those of a queue, or the one that every clinic table has.
#[cfg(feature = "postgres")]
pub(crate) fn policies(table: &str) -> &'static [Policy] {
    if QUEUES.contains(&table) { &[CLINIC_ADDS, RELAY_SETTLES] } else { &[OWN_CLINIC] }
}

#[cfg(feature = "postgres")]
impl Policy {
    /// `CREATE POLICY` on the table `t` of the loop below, unless it has one of this name.
    fn create_absent(&self) -> String {
        let Self { name, command, role, using, check } = self;
        let command = if *command == "a" { "FOR INSERT " } else { "" };
        let clause = |word: &str, text: &Option<&str>| {
            text.map_or(String::new(), |text| format!(" {word} ({})", text.replace('\'', "''")))
        };
        let (using, check) = (clause("USING", using), clause("WITH CHECK", check));
        format!(
            "IF NOT EXISTS (SELECT 1 FROM pg_catalog.pg_policy WHERE polrelid = t.oid AND polname = '{name}') THEN
                EXECUTE format('CREATE POLICY {name} ON main.%I {command}TO {role}{using}{check}', t.relname);
            END IF;"
        )
    }
}

/// Row security for every table with a `clinic_id` that is not a house table, forced on its owner too, and grants.
///
/// Applied again and again: it changes only what is not so already, so that a running server is not disturbed by locks.
#[cfg(feature = "postgres")]
pub(super) fn postgres_isolation() -> String {
    let house: Vec<String> = HOUSE_TABLES.iter().map(|table| format!("'{}'", table.name)).collect();
    let house = house.join(", ");
    let queues = QUEUES.map(|table| format!("'{table}'")).join(", ");
    let adds_and_settles: String = [CLINIC_ADDS, RELAY_SETTLES].map(|policy| policy.create_absent()).concat();
    let queue_tables = QUEUES.map(|table| format!("main.{table}")).join(", ");
    let own = OWN_CLINIC.create_absent();
    format!(
        "DO $isolation$
DECLARE t record;
BEGIN
    FOR t IN
        SELECT c.oid, c.relname, c.relrowsecurity AND c.relforcerowsecurity AS forced
        FROM pg_catalog.pg_class c
        WHERE c.relnamespace = 'main'::regnamespace AND c.relkind IN ('r', 'p')
          AND (c.relname = ANY (ARRAY[{queues}]) OR c.relname <> ALL (ARRAY[{house}]))
          AND EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'clinic_id')
    LOOP
        IF NOT t.forced THEN
            EXECUTE format('ALTER TABLE main.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t.relname);
        END IF;
        IF t.relname = ANY (ARRAY[{queues}]) THEN
            {adds_and_settles}
        ELSE
            {own}
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON main.%I TO healthcare_application', t.relname);
        END IF;
    END LOOP;
END
$isolation$;
GRANT USAGE ON SCHEMA main TO healthcare_application, healthcare_relay;
GRANT SELECT ON main._sqlx_migrations TO healthcare_application, healthcare_relay;
GRANT INSERT ON {queue_tables} TO healthcare_application;
GRANT SELECT, UPDATE, DELETE ON {queue_tables} TO healthcare_relay;
GRANT SELECT, INSERT, UPDATE, DELETE ON main.app_user, main.membership, main.session, main.memory_tier TO healthcare_application;
GRANT SELECT, INSERT ON main.scope_key TO healthcare_application;"
    )
}
