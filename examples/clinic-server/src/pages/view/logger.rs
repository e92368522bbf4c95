//! The audit log.

use super::Frame;
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
    /// When, to read.
    pub time: String,
    /// Who.
    pub who: String,
    /// What was asked.
    pub what: String,
    /// Why.
    pub purpose: String,
    /// What came of it.
    pub outcome: String,
    /// `given`, `refused` or empty.
    pub tone: &'static str,
}

/// The page of the audit log.
#[derive(Debug, Template)]
#[template(path = "logger.html")]
pub struct LoggerPage {
    /// Around it.
    pub frame: Frame,
    /// What a verification found, when one was asked for.
    pub verdict: Option<Verdict>,
    /// The latest entries.
    pub entries: Vec<LogEntry>,
}
