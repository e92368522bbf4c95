//! Emergency access to one patient: begun with a reason, ended, listed and reviewed.

use super::{
    audit::EntryView,
    glass_log::emergency_entries,
    list::{Listing, page},
};
use crate::{
    App,
    emergency::GlassStep,
    http::{Caller, IdempotencyKey, Json, Once, PathId, Problem, Query, Reply, replayed},
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use healthcare_core::{
    AccessError, Action, BreakGlass, Id, Justification, Patient, Record, Released, RequestContext,
    break_glass,
};
use healthcare_rbac::policy::Reach;
use http::{StatusCode, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Why the glass is to be broken.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewBreakGlass {
    /// In your own words, 10 to 500 characters. It is sealed, and shown to who reviews it.
    #[schema(min_length = 10, max_length = 500)]
    reason: String,
}

/// An emergency access to one patient.
#[derive(Serialize, ToSchema)]
pub(crate) struct BreakGlassView {
    pub(crate) id: String,
    pub(crate) patient_id: String,
    /// Whose.
    pub(crate) user_id: String,
    /// Since when, RFC 3339.
    pub(crate) starts: String,
    /// Until when, unless it was ended before.
    pub(crate) ends: String,
    /// `open`, `over` or `ended`.
    pub(crate) state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ended_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ended_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reviewed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reviewed_by: Option<String>,
    /// Why, as far as the caller's role may see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The fields that the caller's role does not see.
    pub(crate) hidden: Vec<&'static str>,
}

impl BreakGlassView {
    pub(crate) fn of(glass: &Released<BreakGlass>, now: Timestamp) -> Self {
        let state = match glass.ended_at {
            Some(_) => "ended",
            None if glass.is_open(now) => "open",
            None => "over",
        };
        Self {
            id: glass.id().to_string(),
            patient_id: glass.subject().map(|id| id.to_string()).unwrap_or_default(),
            user_id: glass.user_id.to_string(),
            starts: glass.starts.to_string(),
            ends: glass.ends.to_string(),
            state,
            ended_at: glass.ended_at.map(|at| at.to_string()),
            ended_by: glass.ended_by.map(|by| by.to_string()),
            reviewed_at: glass.reviewed_at.map(|at| at.to_string()),
            reviewed_by: glass.reviewed_by.map(|by| by.to_string()),
            reason: glass.reveal(break_glass::Reason).ok().cloned(),
            hidden: glass.hidden().collect(),
        }
    }
}

/// An emergency access with what was read through it.
#[derive(Serialize, ToSchema)]
pub(crate) struct GlassReport {
    #[serde(flatten)]
    pub(crate) glass: BreakGlassView,
    /// What the audit log of this server says of it, newest first; absent for who may not read the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) accesses: Option<Vec<EntryView>>,
    /// Whether there is more in the log than is told here.
    pub(crate) more: bool,
}

/// Which of them.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct GlassParams {
    /// Only those that nobody has reviewed.
    pub(crate) unreviewed: Option<bool>,
    /// The most items, 1 to 200; 50 unless said otherwise.
    pub(crate) limit: Option<u32>,
    /// The `next` of the page before.
    pub(crate) after: Option<String>,
}

/// Breaks the glass: for 15 minutes, reads of this patient may ask for the purpose `ETREAT`. It is recorded, and reviewed by somebody else.
#[utoipa::path(post, path = "/patients/{id}/break-glass", tag = "break-glass", params(("id" = String, Path, format = "uuid"), ("Idempotency-Key" = Option<String>, Header, description = "Of several requests under one key one is carried out: 1 to 200 visible characters")), request_body = NewBreakGlass, responses((status = 201, body = BreakGlassView), (status = 403), (status = 404), (status = 422), (status = 429)))]
pub(super) async fn begin(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId<Patient>,
    key: IdempotencyKey,
    body: Json<NewBreakGlass>,
) -> Result<Response, Problem> {
    let path = format!("POST /patients/{id}/break-glass");
    let once = Once::begin(&app, &caller, key, &path, &body.bytes).await?;
    let reason = Justification::new(&body.value.reason)
        .map_err(|error| Problem::field("reason", error.to_string()))?;
    if let Some(reply) = again(&app, &caller, once.as_ref()).await? {
        return Ok(reply);
    }
    let answer = |glass: &Released<BreakGlass>| kept(&app, once.as_ref(), StatusCode::CREATED, glass);
    match app.emergencies.begin(&caller.context, id, reason, answer).await {
        Ok(glass) => {
            let location = format!("{}/break-glass/{}", super::PREFIX, glass.id());
            let view = BreakGlassView::of(&glass, app.clock.now());
            Ok((StatusCode::CREATED, [(header::LOCATION, location)], axum::Json(view)).into_response())
        }
        Err(problem) => repeated(&app, &caller, once.as_ref(), problem).await,
    }
}

/// Emergency accesses, oldest first: all of the clinic for who reviews them, their own for everybody else.
#[utoipa::path(get, path = "/break-glass", tag = "break-glass", params(GlassParams), responses((status = 200, body = Listing<BreakGlassView>), (status = 403), (status = 422)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(asked): Query<GlassParams>,
) -> Result<axum::Json<Listing<BreakGlassView>>, Problem> {
    Ok(axum::Json(glasses(&app, &caller.context, asked).await?))
}

/// One page of emergency accesses.
pub(crate) async fn glasses(
    app: &App,
    context: &RequestContext,
    asked: GlassParams,
) -> Result<Listing<BreakGlassView>, Problem> {
    let page = page(asked.limit, asked.after)?;
    let unreviewed = asked.unreviewed.unwrap_or_default();
    let found = app.emergencies.list(context, unreviewed, &page).await?;
    let now = app.clock.now();
    Ok(Listing::of(found, |glass| BreakGlassView::of(glass, now)))
}

/// One, with what was read through it.
#[utoipa::path(get, path = "/break-glass/{id}", tag = "break-glass", params(("id" = String, Path, format = "uuid")), responses((status = 200, body = GlassReport), (status = 403), (status = 404)))]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId<BreakGlass>,
) -> Result<axum::Json<GlassReport>, Problem> {
    Ok(axum::Json(report(&app, &caller.context, id).await?))
}

/// One, and what the log says of it to who may read the log.
pub(crate) async fn report(
    app: &App,
    context: &RequestContext,
    id: Id<BreakGlass>,
) -> Result<GlassReport, Problem> {
    let glass = app.emergencies.read(context, id).await?;
    let view = BreakGlassView::of(&glass, app.clock.now());
    let may = app.policy.policy().reach(context.actor(), "audit", Action::List) == Reach::All;
    let Some(patient) = glass.subject().filter(|_| may) else {
        return Ok(GlassReport { glass: view, accesses: None, more: false });
    };
    let span = (glass.starts, glass.ended_at.unwrap_or(glass.ends));
    let (accesses, more) = emergency_entries(app, context, (patient, glass.user_id), span).await?;
    Ok(GlassReport { glass: view, accesses: Some(accesses), more })
}

/// Ends one before its time.
#[utoipa::path(post, path = "/break-glass/{id}/end", tag = "break-glass", params(("id" = String, Path, format = "uuid"), ("Idempotency-Key" = Option<String>, Header, description = "Of several requests under one key one is carried out: 1 to 200 visible characters")), responses((status = 200, body = BreakGlassView), (status = 403), (status = 404), (status = 409)))]
pub(super) async fn end(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId<BreakGlass>,
    key: IdempotencyKey,
) -> Result<Response, Problem> {
    step(&app, &caller, (id, GlassStep::End), key).await
}

/// Marks one as reviewed: by somebody else than its user, once it is over.
#[utoipa::path(post, path = "/break-glass/{id}/review", tag = "break-glass", params(("id" = String, Path, format = "uuid"), ("Idempotency-Key" = Option<String>, Header, description = "Of several requests under one key one is carried out: 1 to 200 visible characters")), responses((status = 200, body = BreakGlassView), (status = 403), (status = 404), (status = 409)))]
pub(super) async fn review(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId<BreakGlass>,
    key: IdempotencyKey,
) -> Result<Response, Problem> {
    step(&app, &caller, (id, GlassStep::Review), key).await
}

async fn step(
    app: &App,
    caller: &Caller,
    (id, step): (Id<BreakGlass>, GlassStep),
    key: IdempotencyKey,
) -> Result<Response, Problem> {
    let once = Once::begin(app, caller, key, &format!("POST /break-glass/{id}/{}", step.name()), b"").await?;
    if let Some(reply) = again(app, caller, once.as_ref()).await? {
        return Ok(reply);
    }
    let answer = |glass: &Released<BreakGlass>| kept(app, once.as_ref(), StatusCode::OK, glass);
    match app.emergencies.step(&caller.context, id, step, answer).await {
        Ok(glass) => Ok(axum::Json(BreakGlassView::of(&glass, app.clock.now())).into_response()),
        Err(problem) => repeated(app, caller, once.as_ref(), problem).await,
    }
}

/// The answer as it is kept with its change.
fn kept(
    app: &App,
    once: Option<&Once>,
    status: StatusCode,
    glass: &Released<BreakGlass>,
) -> Result<Option<healthcare_core::Remember>, Problem> {
    let Some(once) = once else { return Ok(None) };
    let view = BreakGlassView::of(glass, app.clock.now());
    once.remember(&Reply::new(status, glass.id().as_uuid(), &view)?).map(Some)
}

/// The answer that was given before, once the gate has decided anew that the caller may see what it speaks of.
async fn again(app: &App, caller: &Caller, once: Option<&Once>) -> Result<Option<Response>, Problem> {
    let Some(once) = once else { return Ok(None) };
    let Some(reply) = once.earlier(app, caller).await? else { return Ok(None) };
    app.emergencies.read(&caller.context, Id::from_uuid(reply.record)).await?;
    Ok(Some(replayed(reply)))
}

/// The same request was committed in between: its answer, and otherwise the problem.
async fn repeated(
    app: &App,
    caller: &Caller,
    once: Option<&Once>,
    problem: Problem,
) -> Result<Response, Problem> {
    if problem.code != AccessError::Repeated.code() {
        return Err(problem);
    }
    again(app, caller, once).await?.ok_or(problem)
}
