//! Emergency access: the form that begins it, and the pages on which it is ended and reviewed.

use super::{
    form::Submitted,
    rendered,
    session::Visitor,
    sign_in::Nothing,
    view::{
        BreakGlassPage, GlassAccess, GlassForm, GlassPage, GlassReportPage, GlassRow, OpenGlass, Section,
        Shown,
    },
};
use crate::{
    App,
    api::{BreakGlassView, EntryView, GlassParams, GlassReport, glass_report, glasses},
    emergency::GlassStep,
    http::{PathId, Problem, Query},
};
use axum::{
    extract::State,
    response::{Redirect, Response},
};
use healthcare_core::{Action, BreakGlass, Id, Justification, Patient, Record, RequestContext};
use healthcare_rbac::policy::Reach;
use http::StatusCode;
use jiff::{Timestamp, tz::TimeZone};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
pub(super) struct Reason {
    #[serde(default)]
    reason: String,
}

/// Whether the policy lets somebody in these roles break the glass at all.
pub(super) fn may_break(app: &App, context: &RequestContext) -> bool {
    let policy = app.policy.policy();
    context.actor().roles().iter().any(|role| policy.breaks_glass(role))
}

/// The form, in the place of a chart that is not shown.
pub(super) async fn offered(
    app: &App,
    visitor: Visitor,
    patient: Id<Patient>,
    (status, problem): (StatusCode, Option<String>),
) -> Response {
    let frame = visitor.frame(app, Section::Patients).await;
    let form = GlassForm { patient: patient.to_string(), problem };
    visitor.answer((status, rendered(&GlassPage { frame, form })))
}

/// Breaks the glass, and shows the chart.
pub(super) async fn begin(
    State(app): State<Arc<App>>,
    PathId(id): PathId<Patient>,
    Submitted { visitor, form }: Submitted<Reason>,
) -> Result<Response, Problem> {
    let context = &visitor.caller.context;
    let reason = match Justification::new(&form.reason) {
        Ok(reason) => reason,
        Err(error) if may_break(&app, context) => {
            let problem = Some(format!("Say why: {error}."));
            return Ok(offered(&app, visitor, id, (StatusCode::UNPROCESSABLE_ENTITY, problem)).await);
        }
        Err(error) => return Err(Problem::field("reason", error.to_string())),
    };
    app.emergencies.begin(context, id, reason, |_| Ok(None)).await?;
    Ok(visitor.answer(Redirect::to(&format!("/patients/{id}"))))
}

/// Emergency accesses: those of the clinic that wait for a review, or the reader's own.
pub(super) async fn page(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Query(mut asked): Query<GlassParams>,
) -> Result<Response, Problem> {
    let clinic = reach(&app, &visitor, Action::List) == Reach::All;
    let unreviewed = *asked.unreviewed.get_or_insert(clinic);
    let found = glasses(&app, &visitor.caller.context, asked).await?;
    let frame = visitor.frame(&app, Section::Emergencies).await;
    let rows = found.items.iter().map(|glass| row(&app, &visitor, glass)).collect();
    let page = BreakGlassPage { frame, clinic, unreviewed, rows, next: found.next };
    Ok(visitor.answer(rendered(&page)))
}

/// One, with what was read.
pub(super) async fn report(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    PathId(id): PathId<BreakGlass>,
) -> Result<Response, Problem> {
    let GlassReport { glass, accesses, more } = glass_report(&app, &visitor.caller.context, id).await?;
    let frame = visitor.frame(&app, Section::Emergencies).await;
    let glass = row(&app, &visitor, &glass);
    let accesses = accesses.map(|accesses| accesses.iter().map(access).collect());
    Ok(visitor.answer(rendered(&GlassReportPage { frame, glass, accesses, more })))
}

/// Ends one.
pub(super) async fn end(
    State(app): State<Arc<App>>,
    PathId(id): PathId<BreakGlass>,
    Submitted { visitor, .. }: Submitted<Nothing>,
) -> Result<Response, Problem> {
    step(&app, visitor, id, GlassStep::End).await
}

/// Marks one as reviewed.
pub(super) async fn review(
    State(app): State<Arc<App>>,
    PathId(id): PathId<BreakGlass>,
    Submitted { visitor, .. }: Submitted<Nothing>,
) -> Result<Response, Problem> {
    step(&app, visitor, id, GlassStep::Review).await
}

async fn step(app: &App, visitor: Visitor, id: Id<BreakGlass>, step: GlassStep) -> Result<Response, Problem> {
    app.emergencies.step(&visitor.caller.context, id, step, |_| Ok(None)).await?;
    Ok(visitor.answer(Redirect::to("/break-glass")))
}

fn reach(app: &App, visitor: &Visitor, action: Action) -> Reach {
    app.policy.policy().reach(visitor.actor(), BreakGlass::KIND, action)
}

fn row(app: &App, visitor: &Visitor, glass: &BreakGlassView) -> GlassRow {
    let own = visitor.actor().user().is_some_and(|user| user.to_string() == glass.user_id);
    let may = reach(app, visitor, Action::Update);
    let open = glass.state == "open";
    let state = match (&glass.ended_at, open) {
        (Some(at), _) => format!("ended {}", time(at)),
        (None, true) => format!("open until {}", time(&glass.ends)),
        (None, false) => "over".to_owned(),
    };
    let reviewed = glass.reviewed_at.as_deref().zip(glass.reviewed_by.as_deref());
    GlassRow {
        id: glass.id.clone(),
        at: glass.starts.clone(),
        began: time(&glass.starts),
        who: if own { "you".to_owned() } else { format!("…{}", short(&glass.user_id)) },
        patient: glass.patient_id.clone(),
        whom: format!("…{}", short(&glass.patient_id)),
        reason: glass.reason.clone().map_or(Shown::Hidden, Shown::Value),
        state,
        reviewed: reviewed.map(|(at, by)| format!("{} by …{}", time(at), short(by))),
        ends: open && (may == Reach::All || own),
        reviews: !open && !own && glass.reviewed_at.is_none() && may == Reach::All,
    }
}

fn access(entry: &EntryView) -> GlassAccess {
    GlassAccess {
        at: entry.at.clone(),
        time: time(&entry.at),
        what: format!("{} {}", entry.action, entry.kind.replace('_', " ")),
        outcome: entry.outcome.clone(),
    }
}

/// The end of an id: the beginnings of ids made in the same minute look alike.
fn short(id: &str) -> &str {
    id.get(id.len().saturating_sub(12)..).unwrap_or(id)
}

/// A time to read, to the minute.
fn time(at: &str) -> String {
    let minute = at.get(..16).unwrap_or(at);
    format!("{} UTC", minute.replace('T', " "))
}

impl OpenGlass {
    pub(super) fn until(until: Timestamp, now: Timestamp) -> Self {
        let seconds = until.duration_since(now).as_secs().max(0);
        let minutes = (seconds + 59) / 60;
        let left = if minutes == 1 { "1 minute left".into() } else { format!("{minutes} minutes left") };
        let clock = until.to_zoned(TimeZone::UTC).strftime("%H:%M UTC").to_string();
        // A moment later, so that it is over when the page is loaded anew.
        Self { until: clock, left, seconds: seconds + 2 }
    }
}
