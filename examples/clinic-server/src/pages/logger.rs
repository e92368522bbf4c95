//! The audit log as a page: the latest entries, those that a reader looks for, and whether the log is whole.

use super::{
    diary,
    form::Submitted,
    rendered,
    session::Visitor,
    sign_in::Nothing,
    view::{Choice, LogEntry, LogFilters, LoggerPage, Section, Verdict},
};
use crate::{
    App,
    api::{AuditParams, EntryView, VerdictView, audit_entries, audit_verdict, read_clinic},
    http::{Problem, Query},
};
use axum::{extract::State, response::Response};
use healthcare_audit::OutcomeClass;
use healthcare_core::{Action, Zone};
use healthcare_rbac::policy::Schema;
use jiff::{Timestamp, civil::Date};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;

/// Which entries. All are ids, codes and days: the log holds no names, and neither does the address.
#[derive(Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct LogParams {
    patient: String,
    user: String,
    action: String,
    kind: String,
    outcome: String,
    from: String,
    to: String,
    place: String,
    after: String,
}

/// The latest entries.
pub(super) async fn page(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Query(asked): Query<LogParams>,
) -> Result<Response, Problem> {
    shown(&app, visitor, asked, None).await
}

/// Verifies the log, and shows the latest entries below the answer.
pub(super) async fn verify(
    State(app): State<Arc<App>>,
    Submitted { visitor, .. }: Submitted<Nothing>,
) -> Result<Response, Problem> {
    let verdict = audit_verdict(&app, &visitor.caller.context).await?;
    shown(&app, visitor, LogParams::default(), Some(said(&verdict))).await
}

async fn shown(
    app: &App,
    visitor: Visitor,
    asked: LogParams,
    verdict: Option<Verdict>,
) -> Result<Response, Problem> {
    let clinic = read_clinic(app, &visitor.caller.context).await?;
    let found = match asked.query(&clinic.zone) {
        Ok(query) => audit_entries(app, &visitor.caller.context, query).await,
        Err(problem) => Err(problem),
    };
    // A filter that cannot be is said above the form, which keeps what was written into it.
    let (problem, found) = match found {
        Ok(found) => (None, Some(found)),
        Err(problem) if problem.code.status() == 422 => (Some(super::problem_text(&problem)), None),
        Err(problem) => return Err(problem),
    };
    let next = found.as_ref().and_then(|found| found.next.clone());
    let page = LoggerPage {
        frame: visitor.frame_of(app, Section::Logger, clinic.name.clone()),
        verdict,
        problem,
        next: next.map(|next| LogParams { after: next, ..asked.clone() }.address()),
        entries: found
            .iter()
            .flat_map(|found| &found.items)
            .map(|entry| LogEntry::of(entry, &clinic.zone))
            .collect(),
        second: app.audit.spill_verifier().map(|_| asked.place == "second"),
        filters: asked.filters(),
        zone: clinic.zone.to_string(),
    };
    Ok(visitor.answer(rendered(&page)))
}

impl LogParams {
    /// What the log is asked; days are those of the clinic's clocks, the last one included.
    fn query(&self, zone: &Zone) -> Result<AuditParams, Problem> {
        let filled = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let to = midnight("to", &self.to, zone, |day| day.tomorrow().ok())?;
        Ok(AuditParams {
            patient_id: filled(&self.patient),
            user_id: filled(&self.user),
            action: filled(&self.action),
            kind: filled(&self.kind),
            outcome: filled(&self.outcome),
            from: midnight("from", &self.from, zone, Some)?.map(|at| at.to_string()),
            to: to.map(|at| at.to_string()),
            place: filled(&self.place),
            limit: Some(100),
            after: filled(&self.after),
        })
    }

    /// The page that shows this.
    fn address(&self) -> String {
        let pairs = [
            ("patient", &self.patient),
            ("user", &self.user),
            ("action", &self.action),
            ("kind", &self.kind),
            ("outcome", &self.outcome),
            ("from", &self.from),
            ("to", &self.to),
            ("place", &self.place),
            ("after", &self.after),
        ];
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        pairs.into_iter().filter(|(_, value)| !value.is_empty()).for_each(|(name, value)| {
            query.append_pair(name, value);
        });
        format!("/logger?{}", query.finish())
    }

    fn filters(self) -> LogFilters {
        let choices = |codes: &mut dyn Iterator<Item = &'static str>, chosen: &str| {
            codes
                .map(|code| Choice {
                    value: code.to_owned(),
                    label: code.replace(['_', '-'], " "),
                    chosen: code == chosen,
                })
                .collect()
        };
        LogFilters {
            is_any: self.address() != "/logger?",
            actions: choices(&mut Action::ALL.iter().map(|action| action.as_str()), &self.action),
            kinds: choices(&mut Schema::clinic().kinds().chain(["session"]), &self.kind),
            outcomes: choices(&mut OutcomeClass::ALL.iter().map(|class| class.as_str()), &self.outcome),
            patient: self.patient,
            user: self.user,
            from: self.from,
            to: self.to,
        }
    }
}

/// A day's beginning, or that of the day after.
fn midnight(
    field: &'static str,
    text: &str,
    zone: &Zone,
    moved: impl Fn(Date) -> Option<Date>,
) -> Result<Option<Timestamp>, Problem> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let wrong = || Problem::field(field, "write a date such as 2026-03-09");
    let day = diary::day(Some(text), Date::ZERO).ok().and_then(moved).ok_or_else(wrong)?;
    let zoned = day.to_zoned(zone.as_jiff().clone()).map_err(|_| wrong())?;
    Ok(Some(zoned.timestamp()))
}

fn said(verdict: &VerdictView) -> Verdict {
    let text = if verdict.sound {
        format!("The log has {} entries: each is in its place and unchanged.", verdict.entries)
    } else {
        format!("The log is not whole. {}", verdict.findings.join(" · "))
    };
    Verdict { sound: verdict.sound, text }
}

impl LogEntry {
    fn of(entry: &EntryView, zone: &Zone) -> Self {
        let tone = match entry.outcome.split(':').next() {
            Some("allowed" | "disclosed" | "written" | "signed-in") => "given",
            Some("denied" | "withheld" | "sign-in-failed" | "sign-in-refused" | "refresh-reuse") => "refused",
            _ => "",
        };
        let user = entry.who.strip_prefix("user ").map(str::to_owned);
        let local = entry.at.parse::<Timestamp>().map(|at| at.to_zoned(zone.as_jiff().clone()));
        let target = entry.target.as_deref().filter(|target| entry.patient_id.as_deref() != Some(*target));
        Self {
            number: entry.sequence.to_string(),
            at: entry.at.clone(),
            time: local
                .map_or_else(|_| entry.at.clone(), |local| local.strftime("%Y-%m-%d %H:%M:%S").to_string()),
            who: user.as_deref().map_or_else(|| entry.who.clone(), |id| format!("…{}", short(id))),
            user,
            roles: entry.roles.join(" ").replace('_', " "),
            what: format!("{} {}", entry.action, entry.kind),
            target: target.map(|id| format!("…{}", short(id))).unwrap_or_default(),
            about: entry.patient_id.as_deref().map(|id| format!("…{}", short(id))).unwrap_or_default(),
            patient: entry.patient_id.clone(),
            purpose: entry.purpose.clone().unwrap_or_else(|| "–".into()),
            outcome: entry.outcome.clone(),
            tone,
        }
    }
}

/// The end of an id: the beginnings of ids made in the same minute look alike.
fn short(id: &str) -> &str {
    id.get(id.len().saturating_sub(8)..).unwrap_or(id)
}
