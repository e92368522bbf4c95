//! The audit log.

use super::{Choice, Frame};
use askama::Template;

/// What a verification found.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Whether every entry was in order.
    pub sound: bool,
    /// In words.
    pub text: String,
}

/// One entry of the audit log. It names people by id: the log holds no names.
#[derive(Debug, Clone)]
pub struct LogEntry {
    /// Its number in the log.
    pub number: String,
    /// When, RFC 3339.
    pub at: String,
    /// When on the clinic's clocks, to read.
    pub time: String,
    /// Who: the end of their id, or the job's name.
    pub who: String,
    /// Their whole id, when they are a user.
    pub user: Option<String>,
    /// In which roles.
    pub roles: String,
    /// What was asked.
    pub what: String,
    /// The end of the record's id, when it is not the patient's.
    pub target: String,
    /// The end of the patient's id.
    pub about: String,
    /// The patient's whole id.
    pub patient: Option<String>,
    /// Why.
    pub purpose: String,
    /// What came of it.
    pub outcome: String,
    /// `given`, `refused` or empty.
    pub tone: &'static str,
}

/// What is looked for, to fill the form again.
#[derive(Debug, Clone, Default)]
pub struct LogFilters {
    /// Whether anything is.
    pub is_any: bool,
    /// A patient's id.
    pub patient: String,
    /// A user's id.
    pub user: String,
    /// What was done.
    pub actions: Vec<Choice>,
    /// With which kind of record.
    pub kinds: Vec<Choice>,
    /// How it came out.
    pub outcomes: Vec<Choice>,
    /// The first day.
    pub from: String,
    /// The last day.
    pub to: String,
}

/// The page of the audit log.
#[derive(Debug, Template)]
#[template(path = "logger.html")]
pub struct LoggerPage {
    /// Around it.
    pub frame: Frame,
    /// What a verification found, when one was asked for.
    pub verdict: Option<Verdict>,
    /// What is looked for.
    pub filters: LogFilters,
    /// What is wrong with it.
    pub problem: Option<String>,
    /// Whether the second place is shown; nothing when there is none.
    pub second: Option<bool>,
    /// The latest entries.
    pub entries: Vec<LogEntry>,
    /// Where earlier ones are.
    pub next: Option<String>,
    /// The clocks that times are read from.
    pub zone: String,
}
