//! The audit log: its latest entries, and whether it is whole.

use super::list::Listing;
use crate::{
    App,
    http::{Caller, Problem, Query},
};
use axum::extract::State;
use healthcare_audit::{
    AuditLog, Entry, Query as LogQuery,
    verify::{Report, Verdict},
};
use healthcare_core::{Actor, AuditEvent, ErrorCode, List, Outcome, Record, RequestContext, Rows, record};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

record! {
    /// The audit log, as something that the gate decides about: reading it is an access like any other, and is recorded in it.
    pub struct AuditTrail in audit_trail = "audit" {
        subject: none,
        plain {},
        protected {},
    }
}

/// Which entries.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditParams {
    /// Only what concerns this patient.
    pub(crate) patient_id: Option<String>,
    /// Only what this user did.
    pub(crate) user_id: Option<String>,
    /// Only where this was done: `read`, `list`, `search`, `create`, `update`, `delete`, `read-chart` or `enter`.
    pub(crate) action: Option<String>,
    /// Only with this kind of record: `patient`, `appointment` …
    pub(crate) kind: Option<String>,
    /// Only what came out so: `given`, `refused` or `other`.
    pub(crate) outcome: Option<String>,
    /// Only what happened then or later, RFC 3339.
    pub(crate) from: Option<String>,
    /// Only what happened before, RFC 3339.
    pub(crate) to: Option<String>,
    /// `log` unless said otherwise, or `second`: the emergency accesses that the log could not take.
    pub(crate) place: Option<String>,
    /// The most items, 1 to 200; 50 unless said otherwise.
    pub(crate) limit: Option<u32>,
    /// The `next` of the page before.
    pub(crate) after: Option<String>,
}

/// One entry. It names people and records by id: the log holds no names and no values.
#[derive(Serialize, ToSchema)]
pub(crate) struct EntryView {
    /// Its number in the log.
    pub(crate) sequence: u64,
    /// When it happened, RFC 3339.
    pub(crate) at: String,
    /// Who: `user …`, `job …` or `anonymous`.
    pub(crate) who: String,
    /// In which roles.
    pub(crate) roles: Vec<String>,
    /// What was done: `read`, `search`, `read-chart` …
    pub(crate) action: String,
    /// With which kind of record.
    pub(crate) kind: String,
    /// With which record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<String>,
    /// Whose data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) patient_id: Option<String>,
    /// The purpose of use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) purpose: Option<String>,
    /// What came of it.
    pub(crate) outcome: String,
    /// From where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<String>,
    /// The request.
    pub(crate) correlation_id: String,
}

/// Whether the log is whole.
#[derive(Serialize, ToSchema)]
pub(crate) struct VerdictView {
    /// Whether every entry that was looked at is in its place and unchanged.
    pub(crate) sound: bool,
    /// How many entries the log has.
    pub(crate) entries: u64,
    /// What is wrong, entry by entry.
    pub(crate) findings: Vec<String>,
}

/// The latest entries of the clinic, newest first.
#[utoipa::path(get, path = "/audit", tag = "audit", params(AuditParams), responses((status = 200, body = Listing<EntryView>), (status = 422)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(asked): Query<AuditParams>,
) -> Result<axum::Json<Listing<EntryView>>, Problem> {
    Ok(axum::Json(entries(&app, &caller.context, asked).await?))
}

/// Checks what came since the last check, up to the log's present end. `clinic-server audit verify` checks it all.
#[utoipa::path(get, path = "/audit/verify", tag = "audit", responses((status = 200, body = VerdictView)))]
pub(super) async fn verify(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<axum::Json<VerdictView>, Problem> {
    Ok(axum::Json(verdict(&app, &caller.context).await?))
}

/// One page of the clinic's entries, after the gate has let the caller in.
pub(crate) async fn entries(
    app: &App,
    context: &RequestContext,
    asked: AuditParams,
) -> Result<Listing<EntryView>, Problem> {
    let second = match asked.place.as_deref() {
        None | Some("log") => false,
        Some("second") => true,
        Some(_) => return Err(Problem::field("place", "write log or second")),
    };
    let query = query(context, asked)?;
    drop(let_in(app, context).await?);
    let page = read(app, move |log| if second { log.read_spilled(&query) } else { log.read(&query) }).await?;
    Ok(Listing {
        items: page.entries.iter().map(EntryView::of).collect(),
        next: page.next.map(|sequence| sequence.to_string()),
    })
}

/// What the verifier says, after the gate has let the caller in.
pub(crate) async fn verdict(app: &App, context: &RequestContext) -> Result<VerdictView, Problem> {
    drop(let_in(app, context).await?);
    let watch = Arc::clone(&app.log_watch);
    let (report, second) = read(app, move |log| {
        let second = log.spill_verifier().map(|second| second.run()).transpose()?;
        Ok::<_, std::io::Error>((watch.verify(log)?, second))
    })
    .await?;
    let mut verdict = VerdictView::of(&report);
    if let Some(second) = second.as_ref().map(VerdictView::of) {
        verdict.sound &= second.sound;
        verdict.findings.extend(second.findings.iter().map(|finding| format!("second place: {finding}")));
    }
    Ok(verdict)
}

/// Reading the log is decided and recorded like any other access. The rows come from the log and not from a repository, so the page
/// that is released is empty.
pub(super) async fn let_in(
    app: &App,
    context: &RequestContext,
) -> Result<healthcare_core::Page<AuditTrail>, Problem> {
    let grant = app.gate.open(context, List::<AuditTrail>::all()).await?;
    Ok(grant.release(Rows::last(Vec::new())).await?)
}

fn query(context: &RequestContext, asked: AuditParams) -> Result<LogQuery, Problem> {
    let mut fields = crate::http::Fields::default();
    let limit = asked.limit.unwrap_or(50);
    if !(1..=200).contains(&limit) {
        fields.wrong("limit", "limit must be 1 to 200");
    }
    let mut query = LogQuery::new(context.clinic()).limit(usize::try_from(limit).unwrap_or(50));
    if let Some(patient) = asked
        .patient_id
        .and_then(|id| fields.parse::<healthcare_core::Id<healthcare_core::Patient>>("patient_id", &id))
    {
        query = query.subject(patient.as_uuid());
    }
    if let Some(user) = asked.user_id.and_then(|id| fields.parse("user_id", &id)) {
        query = query.user(user);
    }
    if let Some(before) = asked.after.and_then(|after| fields.parse("after", &after)) {
        query = query.before(before);
    }
    query = what(query, &mut fields, (asked.action, asked.kind, asked.outcome));
    if let Some(from) = asked.from.and_then(|from| fields.parse("from", &from)) {
        query = query.from(from);
    }
    if let Some(to) = asked.to.and_then(|to| fields.parse("to", &to)) {
        query = query.to(to);
    }
    fields.finish(Some(query))
}

/// What was done, with what, and how it came out.
fn what(
    mut query: LogQuery,
    fields: &mut crate::http::Fields,
    (action, kind, outcome): (Option<String>, Option<String>, Option<String>),
) -> LogQuery {
    if let Some(action) = action.and_then(|action| fields.parse("action", &action)) {
        query = query.action(action);
    }
    if let Some(kind) = kind.and_then(|kind| fields.text("kind", &kind, 1, 64)) {
        query = query.kind(kind);
    }
    if let Some(outcome) = outcome.and_then(|outcome| fields.parse("outcome", &outcome)) {
        query = query.outcome(outcome);
    }
    query
}

/// Reads files of the log where blocking is allowed.
pub(super) async fn read<T: Send + 'static, E: std::fmt::Display + Send + 'static>(
    app: &App,
    work: impl FnOnce(&AuditLog) -> Result<T, E> + Send + 'static,
) -> Result<T, Problem> {
    let log = app.audit.clone();
    let found = tokio::task::spawn_blocking(move || work(&log)).await;
    found.map_err(|_| Problem::of(ErrorCode::Internal))?.map_err(|error| {
        tracing::error!(%error, "the audit log cannot be read");
        Problem::of(ErrorCode::AuditUnavailable)
    })
}

impl VerdictView {
    fn of(report: &Report) -> Self {
        Self {
            sound: matches!(report.verdict(), Verdict::Sound),
            entries: report.entries,
            findings: report.findings.iter().map(ToString::to_string).collect(),
        }
    }
}

impl EntryView {
    pub(super) fn of(entry: &Entry) -> Self {
        let sequence = entry.sequence;
        let correlation_id = entry.id.correlation.to_string();
        let Some(event) = &entry.event else {
            return Self {
                sequence,
                at: entry.written.to_string(),
                who: "unknown".into(),
                roles: Vec::new(),
                action: "unreadable".into(),
                kind: String::new(),
                target: None,
                patient_id: None,
                purpose: None,
                outcome: "the entry does not open: its key is gone".into(),
                source: None,
                correlation_id,
            };
        };
        Self {
            sequence,
            at: event.at.to_string(),
            who: who(&event.actor),
            roles: event.actor.roles().iter().map(ToString::to_string).collect(),
            action: event.ask.action.as_str().to_owned(),
            kind: event.ask.kind.to_string(),
            target: event.ask.target.map(|id| id.to_string()),
            patient_id: event.ask.subject.map(|id| id.to_string()),
            purpose: event.purpose.as_ref().map(ToString::to_string),
            outcome: outcome(event),
            source: event.source.map(|address| address.to_string()),
            correlation_id,
        }
    }
}

fn who(actor: &Actor) -> String {
    match actor {
        Actor::User { id, .. } => format!("user {id}"),
        Actor::System { job, .. } => format!("job {job}"),
        _ => "anonymous".into(),
    }
}

fn outcome(event: &AuditEvent) -> String {
    let rows = |counts: &[healthcare_core::KindCount]| {
        // Entries of the log are not records: reading them gives no row of a repository.
        let mut records = counts.iter().filter(|count| count.kind != AuditTrail::KIND).peekable();
        let nothing = if records.peek().is_some() { ": nothing" } else { "" };
        let given: Vec<_> = records
            .filter(|count| count.count > 0)
            .map(|count| format!("{} {}", count.count, count.kind))
            .collect();
        if given.is_empty() { nothing.to_owned() } else { format!(": {}", given.join(", ")) }
    };
    match &event.outcome {
        Outcome::Allowed => "allowed".into(),
        Outcome::Denied(reason) => format!("denied: {reason}"),
        Outcome::Disclosed { counts, .. } => format!("disclosed{}", rows(counts)),
        Outcome::NotFound => "not found".into(),
        Outcome::Withheld => "withheld".into(),
        Outcome::Abandoned => "abandoned".into(),
        Outcome::Written { counts, .. } => format!("written{}", rows(counts)),
        Outcome::Unconfirmed => "unconfirmed".into(),
        Outcome::Noted(what) => what.to_string(),
        _ => "recorded".into(),
    }
}
