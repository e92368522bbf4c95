//! What was read through a broken glass, as the audit log of this server tells it, and its second place.

use super::audit::{EntryView, let_in, read};
use crate::{App, http::Problem};
use healthcare_audit::{Entry, Page, Query, ReadError};
use healthcare_core::{Action, RequestContext, UserId};
use jiff::{SignedDuration, Timestamp};
use std::cmp::Reverse;
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
    let (page, second) =
        read(app, move |log| Ok::<_, ReadError>((log.read(&query)?, log.read_spilled(&query)?))).await?;
    let until = ends.saturating_add(GRANT_AGE).unwrap_or(ends);
    let through = |entry: &&Entry| {
        let reads = |action| matches!(action, Action::Read | Action::List | Action::ReadChart);
        entry.event.as_ref().is_some_and(|event| {
            event.emergency && reads(event.ask.action) && (starts..=until).contains(&event.at)
        })
    };
    let is_cut =
        |page: &Page| page.next.is_some() && page.entries.last().is_none_or(|entry| entry.written >= starts);
    let mut seen: Vec<_> = page.entries.iter().chain(&second.entries).filter(through).collect();
    seen.sort_by_key(|entry| Reverse(entry.event.as_ref().map(|event| event.at)));
    Ok((seen.into_iter().map(EntryView::of).collect(), is_cut(&page) || is_cut(&second)))
}
