//! The audit log as a page.

use super::{
    form::Submitted,
    rendered,
    session::Visitor,
    sign_in::Nothing,
    view::{LogEntry, LoggerPage, Section, Verdict},
};
use crate::{
    App,
    api::{AuditParams, EntryView, VerdictView, audit_entries, audit_verdict},
    http::Problem,
};
use axum::{extract::State, response::Response};
use std::sync::Arc;

/// The latest entries.
pub(super) async fn page(State(app): State<Arc<App>>, visitor: Visitor) -> Result<Response, Problem> {
    shown(&app, visitor, None).await
}

/// Verifies the log, and shows the latest entries below the answer.
pub(super) async fn verify(
    State(app): State<Arc<App>>,
    Submitted { visitor, .. }: Submitted<Nothing>,
) -> Result<Response, Problem> {
    let verdict = audit_verdict(&app, &visitor.caller.context).await?;
    shown(&app, visitor, Some(said(&verdict))).await
}

async fn shown(app: &App, visitor: Visitor, verdict: Option<Verdict>) -> Result<Response, Problem> {
    let latest = AuditParams { limit: Some(100), ..AuditParams::default() };
    let found = audit_entries(app, &visitor.caller.context, latest).await?;
    let frame = visitor.frame(app, Section::Logger).await;
    let entries = found.items.iter().map(LogEntry::of).collect();
    Ok(visitor.answer(rendered(&LoggerPage { frame, verdict, entries })))
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
    fn of(entry: &EntryView) -> Self {
        let target = entry.target.as_deref().map(short).unwrap_or_default();
        let tone = match entry.outcome.split(':').next() {
            Some("allowed" | "disclosed" | "written") => "given",
            Some("denied" | "withheld" | "sign-in-failed" | "sign-in-refused" | "refresh-reuse") => "refused",
            _ => "",
        };
        Self {
            number: entry.sequence.to_string(),
            at: entry.at.clone(),
            time: entry
                .at
                .replace('T', " ")
                .split('.')
                .next()
                .unwrap_or_default()
                .trim_end_matches('Z')
                .to_owned(),
            who: format!("{} {}", short_who(&entry.who), entry.roles.join(" ")),
            what: format!("{} {} {target}", entry.action, entry.kind).trim_end().to_owned(),
            purpose: entry.purpose.clone().unwrap_or_else(|| "–".into()),
            outcome: entry.outcome.clone(),
            tone,
        }
    }
}

/// The end of an id: the beginnings of ids made in the same minute look alike.
fn short(id: &str) -> &str {
    id.get(id.len().saturating_sub(12)..).unwrap_or(id)
}

fn short_who(who: &str) -> String {
    match who.split_once(' ') {
        Some(("user", id)) => format!("…{}", short(id)),
        _ => who.to_owned(),
    }
}
