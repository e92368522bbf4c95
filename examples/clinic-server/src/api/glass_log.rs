//! What was read through a broken glass, as the audit log of this server tells it.

use super::audit::{EntryView, blocking, let_in};
use crate::{App, http::Problem};
use healthcare_audit::{Entry, Query};
use healthcare_core::{Action, ErrorCode, RequestContext, UserId};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// The most entries that are looked at.
const ENTRIES_MAX: usize = 1_000;
/// A read that was decided in the last moment is released a little later.
const GRANT_AGE: SignedDuration = SignedDuration::from_secs(60);

/// The emergency accesses of a user to a patient in a span of time, newest first, after the gate has let the caller read the log; and whether
/// there are more.
pub(crate) async fn emergency_entries(
    app: &App,
    context: &RequestContext,
    (patient, user): (Uuid, UserId),
    (starts, ends): (Timestamp, Timestamp),
) -> Result<(Vec<EntryView>, bool), Problem> {
    drop(let_in(app, context).await?);
    let query = Query::new(context.clinic()).subject(patient).user(user).limit(ENTRIES_MAX);
    let log = app.audit.clone();
    let page = blocking(move || log.read(&query)).await?.map_err(|error| {
        tracing::error!(%error, "the audit log cannot be read");
        Problem::of(ErrorCode::AuditUnavailable)
    })?;
    let until = ends.saturating_add(GRANT_AGE).unwrap_or(ends);
    let through = |entry: &&Entry| {
        let reads = |action| matches!(action, Action::Read | Action::List | Action::ReadChart);
        entry.event.as_ref().is_some_and(|event| {
            event.emergency && reads(event.ask.action) && (starts..=until).contains(&event.at)
        })
    };
    let seen = page.entries.iter().filter(through).map(EntryView::of).collect();
    let more = page.next.is_some() && page.entries.last().is_none_or(|entry| entry.written >= starts);
    Ok((seen, more))
}
