//! The queues as a page: counts, what failed, and buttons that have it tried again.

use super::{
    form::Submitted,
    problem_text, rendered,
    session::Visitor,
    view::{CountLink, JobRow, JobsPage, QueueRow, Section, StateChoice},
};
use crate::{
    App,
    api::{JobParams, JobView, QueueView, jobs_listed, queue_counts, retry_dead, retry_one},
    http::{Problem, Query},
    jobs::QueuedJob,
};
use axum::{extract::State, response::Response};
use healthcare_core::{Action, ErrorCode, Id, Record};
use healthcare_messaging::JobState;
use healthcare_rbac::policy::Reach;
use serde::Deserialize;
use std::sync::Arc;
use url::form_urlencoded::Serializer;

const PATH: &str = "/queue-dashboard";

/// The states that can be listed: what is in the query, and what the page says.
const STATES: [(&str, &str); 6] = [
    ("dead", "Failed"),
    ("waiting", "Waiting"),
    ("running", "Running"),
    ("done", "Done"),
    ("cancelled", "Cancelled"),
    ("", "Every state"),
];

/// What a button has tried again: one job, those of a queue, or all.
#[derive(Deserialize)]
pub(super) struct Again {
    #[serde(default)]
    id: String,
    #[serde(default)]
    queue: String,
    #[serde(default)]
    all: String,
}

/// Counts, and one page of jobs.
pub(super) async fn page(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Query(asked): Query<JobParams>,
) -> Result<Response, Problem> {
    shown(&app, visitor, asked, None).await
}

/// Has jobs tried again, and says how many.
pub(super) async fn retry(
    State(app): State<Arc<App>>,
    Submitted { visitor, form }: Submitted<Again>,
) -> Result<Response, Problem> {
    let said = again(&app, &visitor, &form).await?;
    let queue = (!form.queue.is_empty()).then_some(form.queue);
    shown(&app, visitor, JobParams { queue, ..JobParams::default() }, Some(said)).await
}

async fn again(app: &App, visitor: &Visitor, form: &Again) -> Result<String, Problem> {
    let context = &visitor.caller.context;
    if !form.id.is_empty() {
        let id: Id<QueuedJob> = form.id.parse().map_err(|_| Problem::of(ErrorCode::NotFound))?;
        let dead = retry_one(app, context, id).await?;
        return Ok(if dead {
            "The job is tried again."
        } else {
            "The job had not failed: nothing was done."
        }
        .into());
    }
    if form.queue.is_empty() && form.all.is_empty() {
        return Err(Problem::of(ErrorCode::MalformedRequest).saying("The form names no job."));
    }
    let queue = (!form.queue.is_empty()).then(|| form.queue.clone());
    let done = retry_dead(app, context, queue).await?;
    let jobs = if done.retried == 1 { "job is" } else { "jobs are" };
    let more = if done.more { " There are more: press the button again." } else { "" };
    let doubt = match done.in_doubt {
        0 => String::new(),
        count => format!(" {count} may have done their work: they are tried again one by one only."),
    };
    Ok(format!("{} {jobs} tried again.{doubt}{more}", done.retried))
}

async fn shown(
    app: &App,
    visitor: Visitor,
    asked: JobParams,
    said: Option<String>,
) -> Result<Response, Problem> {
    let context = &visitor.caller.context;
    let queues = queue_counts(app, context).await?;
    let queue = asked.queue.clone().unwrap_or_default();
    // What failed is what somebody comes here for.
    let state = asked.state.clone().unwrap_or_else(|| JobState::Dead.to_string());
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let params = JobParams { queue: some(&queue), state: some(&state), ..asked };
    let (jobs, problem) = match jobs_listed(app, context, params).await {
        Ok(listed) => (Some(listed), None),
        Err(problem) if problem.code.status() == 422 => (None, Some(problem_text(&problem))),
        Err(problem) => return Err(problem),
    };
    let may = app.policy.policy().reach(visitor.actor(), QueuedJob::KIND, Action::Update) > Reach::Nothing;
    let next = jobs.as_ref().and_then(|jobs| jobs.next.as_deref());
    let next = next.map(|after| address(&queue, &state, Some(after)));
    let page = JobsPage {
        frame: visitor.frame(app, Section::Queues).await,
        said,
        problem,
        queues: queues.iter().map(QueueRow::of).collect(),
        may_retry: may,
        states: STATES.map(|(name, label)| StateChoice { name, label, chosen: name == state }).to_vec(),
        queue,
        jobs: jobs.iter().flat_map(|jobs| &jobs.items).map(JobRow::of).collect(),
        next,
    };
    Ok(visitor.answer(rendered(&page)))
}

/// Where jobs are listed.
fn address(queue: &str, state: &str, after: Option<&str>) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("queue", queue).append_pair("state", state);
    if let Some(after) = after {
        query.append_pair("after", after);
    }
    format!("{PATH}?{}#jobs", query.finish())
}

/// A time to read, in UTC.
fn time(text: &str) -> String {
    text.replace('T', " ").split('.').next().unwrap_or_default().trim_end_matches('Z').to_owned()
}

impl QueueRow {
    fn of(count: &QueueView) -> Self {
        let link = |label, number, state| CountLink {
            label,
            count: number,
            href: address(&count.queue, state, None),
        };
        Self {
            queue: count.queue.clone(),
            counts: vec![
                link("Due", count.due, "waiting"),
                link("Later", count.delayed, "waiting"),
                link("Running", count.running, "running"),
                link("Done", count.done, "done"),
                link("Cancelled", count.cancelled, "cancelled"),
                link("Failed", count.dead, "dead"),
            ],
            first_due: count.first_due_at.as_deref().map(time).unwrap_or_default(),
            has_dead: count.dead > 0,
        }
    }
}

impl JobRow {
    fn of(job: &JobView) -> Self {
        let state: Option<JobState> = job.state.parse().ok();
        let said = match state {
            Some(JobState::Waiting) if job.tries > 0 => "waits for another try",
            Some(JobState::Waiting) => "waits",
            Some(JobState::Running) => "runs",
            Some(JobState::Dead) => "failed",
            _ => &job.state,
        };
        let tone = match state {
            Some(JobState::Done) => "given",
            Some(JobState::Dead) => "refused",
            _ => "",
        };
        Self {
            short: job.id.get(job.id.len().saturating_sub(12)..).unwrap_or(&job.id).to_owned(),
            id: job.id.clone(),
            queue: job.queue.clone(),
            kind: job.kind.clone(),
            state: said.to_owned(),
            tone,
            tries: format!("{} of {}", job.tries, job.tries_max),
            error_class: job.error_class.clone().unwrap_or_default(),
            created: time(&job.created_at),
            is_dead: state == Some(JobState::Dead),
        }
    }
}
