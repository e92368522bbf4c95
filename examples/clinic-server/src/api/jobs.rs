//! The clinic's jobs: what waits, runs, is done, and is not tried any more.

use super::list::{Listing, page};
use crate::{
    App,
    http::{Caller, Fields, NoParams, OptionalJson, PathId, Problem, Query},
    jobs::{JobsAsked, QueuedJob},
    notices,
};
use axum::extract::State;
use healthcare_core::{Id, List, Read, Record, Released, RequestContext, Rows, Update};
use healthcare_messaging::{JobState, QueueCount};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// The most dead letters one request tries again.
const RETRIED_MAX: u32 = 100;
/// Pages of jobs in doubt that are passed over in one call, at most.
const PAGES_MAX: usize = 10;

/// Which jobs.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct JobParams {
    /// Only those in this queue.
    pub(crate) queue: Option<String>,
    /// Only those in this state: `waiting`, `running`, `done`, `cancelled` or `dead`.
    pub(crate) state: Option<String>,
    /// The most items, 1 to 200; 50 unless said otherwise.
    pub(crate) limit: Option<u32>,
    /// The `next` of the page before.
    pub(crate) after: Option<String>,
}

/// A job. What it works on is sealed, and not shown to anybody.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobView {
    /// Its id.
    pub(crate) id: String,
    /// Its queue.
    pub(crate) queue: String,
    /// What kind of job it is.
    pub(crate) kind: String,
    /// `waiting`, `running`, `done`, `cancelled` or `dead`.
    pub(crate) state: String,
    /// How often it was started.
    pub(crate) tries: u32,
    /// How often it may be started.
    pub(crate) tries_max: u32,
    /// How far it is, in per cent.
    pub(crate) progress: u32,
    /// The class of its last error. No text of an error is kept.
    pub(crate) error_class: Option<String>,
    /// When it was enqueued, RFC 3339.
    pub(crate) created_at: String,
    /// When it may start, of one that waits.
    pub(crate) due_at: Option<String>,
    /// When it ended, of one that did.
    pub(crate) ended_at: Option<String>,
}

impl JobView {
    fn of(job: &Released<QueuedJob>) -> Self {
        let at = |shown: bool| shown.then(|| job.at.to_string());
        let waits = job.is(JobState::Waiting);
        Self {
            id: job.id().to_string(),
            queue: job.queue.clone(),
            kind: job.kind.clone(),
            state: job.state.clone(),
            tries: job.tries,
            tries_max: job.tries_max,
            progress: job.progress,
            error_class: job.error_class.clone(),
            created_at: job.created_at.to_string(),
            due_at: at(waits),
            ended_at: at(!waits && !job.is(JobState::Running)),
        }
    }
}

/// How many jobs of a queue are in which state.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QueueView {
    /// The queue.
    pub(crate) queue: String,
    /// They may start now.
    pub(crate) due: u64,
    /// They may start later.
    pub(crate) delayed: u64,
    /// A worker holds them.
    pub(crate) running: u64,
    /// Done, and not forgotten yet.
    pub(crate) done: u64,
    /// Cancelled, and not forgotten yet.
    pub(crate) cancelled: u64,
    /// Not tried any more.
    pub(crate) dead: u64,
    /// Since when the first of the waiting ones may start, or when it may; RFC 3339.
    pub(crate) first_due_at: Option<String>,
}

impl QueueView {
    fn of(count: QueueCount) -> Self {
        Self {
            queue: count.queue,
            due: count.due,
            delayed: count.delayed,
            running: count.running,
            done: count.done,
            cancelled: count.cancelled,
            dead: count.dead,
            first_due_at: count.first_due_at.map(|at| at.to_string()),
        }
    }
}

/// Which dead letters are to be tried again; all of the clinic's when nothing is said.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RetryBody {
    /// Only those in this queue.
    pub(crate) queue: Option<String>,
}

/// What became of them.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct RetriedView {
    /// How many are tried again.
    pub(crate) retried: u32,
    /// How many were passed over because what they do may have been done already, such as an e-mail that may have been accepted:
    /// each can be tried again by its id.
    pub(crate) in_doubt: u32,
    /// Whether there are more: ask again.
    pub(crate) more: bool,
}

/// The clinic's jobs, newest first.
#[utoipa::path(get, path = "/jobs", tag = "jobs", params(JobParams), responses((status = 200, body = Listing<JobView>), (status = 422)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(asked): Query<JobParams>,
) -> Result<axum::Json<Listing<JobView>>, Problem> {
    Ok(axum::Json(jobs(&app, &caller.context, asked).await?))
}

/// One job.
#[utoipa::path(get, path = "/jobs/{id}", tag = "jobs", params(("id" = String, Path)), responses((status = 200, body = JobView), (status = 404)))]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId<QueuedJob>,
) -> Result<axum::Json<JobView>, Problem> {
    Ok(axum::Json(job(&app, &caller.context, id).await?))
}

/// The clinic's queues, and how many of their jobs are in which state.
#[utoipa::path(get, path = "/queues", tag = "jobs", responses((status = 200, body = Listing<QueueView>), (status = 422)))]
pub(super) async fn queues(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(NoParams {}): Query<NoParams>,
) -> Result<axum::Json<Listing<QueueView>>, Problem> {
    Ok(axum::Json(Listing { items: counts(&app, &caller.context).await?, next: None }))
}

/// Tries a dead letter again. A job that is not dead is left as it is, so that this may be sent more than once.
#[utoipa::path(post, path = "/jobs/{id}/retry", tag = "jobs", params(("id" = String, Path)), responses((status = 200, body = JobView), (status = 404)))]
pub(super) async fn retry(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId<QueuedJob>,
) -> Result<axum::Json<JobView>, Problem> {
    retry_one(&app, &caller.context, id).await?;
    Ok(axum::Json(job(&app, &caller.context, id).await?))
}

/// Tries up to 100 dead letters again, those that were enqueued last first.
#[utoipa::path(post, path = "/jobs/retry", tag = "jobs", request_body = Option<RetryBody>, responses((status = 200, body = RetriedView), (status = 422)))]
pub(super) async fn retry_some(
    State(app): State<Arc<App>>,
    caller: Caller,
    body: OptionalJson<RetryBody>,
) -> Result<axum::Json<RetriedView>, Problem> {
    Ok(axum::Json(retry_dead(&app, &caller.context, body.value.queue).await?))
}

/// One page of the clinic's jobs, for whoever may see them.
pub(crate) async fn jobs(
    app: &App,
    context: &RequestContext,
    asked: JobParams,
) -> Result<Listing<JobView>, Problem> {
    let page = page(asked.limit, asked.after)?;
    let mut fields = Fields::default();
    let state = asked.state.and_then(|state| fields.parse("state", &state));
    let queue = asked.queue.and_then(|queue| fields.text("queue", &queue, 1, 63));
    let asked = fields.finish(Some(JobsAsked { queue, state }))?;
    let grant = app.gate.open(context, List::<QueuedJob>::all()).await?;
    let rows = app.queues.list(&grant, &asked, &page).await?;
    Ok(Listing::of(grant.release(rows).await?, JobView::of))
}

async fn job(app: &App, context: &RequestContext, id: Id<QueuedJob>) -> Result<JobView, Problem> {
    let grant = app.gate.open(context, Read::new(id)).await?;
    let row = app.queues.find(&grant).await?;
    Ok(JobView::of(&grant.release(row).await?))
}

/// The clinic's queues, for whoever may see its jobs.
pub(crate) async fn counts(app: &App, context: &RequestContext) -> Result<Vec<QueueView>, Problem> {
    let grant = app.gate.open(context, List::<QueuedJob>::all()).await?;
    let counts = app.queues.counts(&grant).await?;
    // Numbers are no rows: what is released is empty, and the record durable.
    grant.release(Rows::last(Vec::new())).await?;
    Ok(counts.into_iter().map(QueueView::of).collect())
}

/// Tries one job again, if it is dead. Says whether it was.
pub(crate) async fn retry_one(
    app: &App,
    context: &RequestContext,
    id: Id<QueuedJob>,
) -> Result<bool, Problem> {
    let grant = app.gate.open(context, Update::new(id)).await?;
    Ok(app.queues.retry(grant).await?)
}

/// Tries dead letters again, each under a decision of its own. Those that may do something a second time are passed over.
pub(crate) async fn retry_dead(
    app: &App,
    context: &RequestContext,
    queue: Option<String>,
) -> Result<RetriedView, Problem> {
    let mut done = RetriedView::default();
    let mut after = None;
    for _ in 0..PAGES_MAX {
        let (state, limit) = (Some(JobState::Dead.to_string()), Some(RETRIED_MAX));
        let dead = jobs(app, context, JobParams { queue: queue.clone(), state, limit, after }).await?;
        for job in &dead.items {
            if job.error_class.as_deref().is_some_and(notices::is_in_doubt) {
                done.in_doubt += 1;
                continue;
            }
            let id = job.id.parse().map_err(|_| Problem::of(healthcare_core::ErrorCode::Internal))?;
            done.retried += u32::from(retry_one(app, context, id).await?);
        }
        after = dead.next;
        done.more = after.is_some();
        if done.retried > 0 || !done.more {
            break;
        }
    }
    Ok(done)
}
