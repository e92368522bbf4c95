//! Whether each table's row security is the one this crate writes: that there is some says nothing, one that lets everybody pass is one too.

use crate::{
    DbError, HOUSE_TABLES,
    schema::{Policy, QUEUES, policies, printed},
};
use sqlx::PgPool;

/// A table with a `clinic_id`, and one of its policies.
#[derive(Debug, sqlx::FromRow)]
struct Found {
    table: String,
    /// As it is written in a statement.
    quoted: Option<String>,
    name: Option<String>,
    permissive: Option<bool>,
    command: Option<String>,
    roles: Option<Vec<String>>,
    using: Option<String>,
    check: Option<String>,
}

const FOUND: &str = "SELECT c.relname::text AS \"table\", quote_ident(p.polname) AS quoted, p.polname::text AS name, \
     p.polpermissive AS permissive, p.polcmd::text AS command, \
     ARRAY(SELECT coalesce(r.rolname::text, 'public') FROM unnest(p.polroles) o LEFT JOIN pg_roles r ON r.oid = o) AS roles, \
     pg_get_expr(p.polqual, p.polrelid) AS \"using\", pg_get_expr(p.polwithcheck, p.polrelid) AS \"check\" \
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_policy p ON p.polrelid = c.oid \
     WHERE n.nspname = 'main' AND c.relkind IN ('r', 'p') AND (c.relname = ANY ($2) OR c.relname <> ALL ($1)) \
       AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'clinic_id') \
       AND (has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE') OR has_table_privilege(c.oid, 'DELETE')) \
     ORDER BY 1, 3";

/// # Errors
/// [`DbError::Unsafe`] when a table that the login may use has another policy than this crate's, or not all of them.
pub(super) async fn check(pool: &PgPool) -> Result<(), DbError> {
    let house: Vec<&str> = HOUSE_TABLES.iter().map(|table| table.name).collect();
    let mut transaction = pool.begin().await?;
    // So that whatever is not PostgreSQL's own is printed with its schema: another function of the same name is another function.
    sqlx::query("SET LOCAL search_path TO pg_catalog").execute(&mut *transaction).await?;
    let found: Vec<Found> =
        sqlx::query_as(FOUND).bind(house).bind(&QUEUES[..]).fetch_all(&mut *transaction).await?;
    transaction.rollback().await?;
    found.chunk_by(|one, other| one.table == other.table).try_for_each(table)
}

fn table(found: &[Found]) -> Result<(), DbError> {
    let Some(Found { table, .. }) = found.first() else { return Ok(()) };
    let expected = policies(table);
    for policy in found {
        let (Some(name), Some(quoted)) = (&policy.name, &policy.quoted) else { continue };
        let ours = expected.iter().find(|ours| ours.name == name);
        // A restrictive policy of somebody else's only takes away.
        let stranger = ours.is_none() && policy.permissive != Some(false);
        if stranger || ours.is_some_and(|ours| !policy.is(ours)) {
            return Err(DbError::Unsafe(format!(
                "the policy {quoted} on the table {table} is not the one that isolates clinics, and may show one clinic's rows to \
                 another: look who changed it, run `DROP POLICY {quoted} ON main.{table}` as the owner, then `migrate --owner-url`"
            )));
        }
    }
    let missing =
        expected.iter().find(|ours| !found.iter().any(|policy| policy.name.as_deref() == Some(ours.name)));
    match missing {
        Some(ours) => Err(DbError::Unsafe(format!(
            "the policy {} is missing on the table {table}: run `migrate --owner-url`",
            ours.name
        ))),
        None => Ok(()),
    }
}

impl Found {
    fn is(&self, ours: &Policy) -> bool {
        let same = |found: &Option<String>, ours: Option<&'static str>| {
            found.as_deref().map(bare) == ours.map(|ours| bare(printed(ours)))
        };
        self.permissive == Some(true)
            && self.command.as_deref() == Some(ours.command)
            && self.roles.as_deref().is_some_and(|roles| roles == [ours.role])
            && same(&self.using, ours.using)
            && same(&self.check, ours.check)
    }
}

/// Without spaces and parentheses, of which versions print more or less. No two expressions that differ in nothing else can stand in a policy
/// of ours: it has one comparison.
fn bare(expression: &str) -> String {
    expression.chars().filter(|c| !c.is_whitespace() && !matches!(c, '(' | ')')).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_known_as_it_is_printed_and_no_other() {
        let bare_ours = bare(printed(policies("patient")[0].using.unwrap()));
        let postgres = "(clinic_id = ( SELECT (NULLIF(current_setting('app.clinic_id'::text, true), ''::text))::uuid AS \"nullif\"))";
        assert_eq!(bare(postgres), bare_ours);
        for other in [
            "true",
            "((clinic_id = ( SELECT (NULLIF(current_setting('app.clinic_id'::text, true), ''::text))::uuid AS \"nullif\")) OR true)",
            "(clinic_id = ( SELECT (NULLIF(main.current_setting('app.clinic_id'::text, true), ''::text))::uuid AS \"nullif\"))",
            "(clinic_id OPERATOR(main.=) ( SELECT (NULLIF(current_setting('app.clinic_id'::text, true), ''::text))::uuid AS \"nullif\"))",
            "(clinic_id = ( SELECT (NULLIF(current_setting('app.other'::text, true), ''::text))::uuid AS \"nullif\"))",
            "(clinic_id <> ( SELECT (NULLIF(current_setting('app.clinic_id'::text, true), ''::text))::uuid AS \"nullif\"))",
        ] {
            assert_ne!(bare(other), bare_ours, "{other}");
        }
    }
}
