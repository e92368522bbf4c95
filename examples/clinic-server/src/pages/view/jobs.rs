//! The queues.

use super::Frame;
use askama::Template;

/// A count, and where the jobs that it counts are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountLink {
    /// What is counted.
    pub label: &'static str,
    /// How many.
    pub count: u64,
    /// Where they are listed.
    pub href: String,
}

/// One queue.
#[derive(Debug, Clone)]
pub struct QueueRow {
    /// Its name.
    pub queue: String,
    /// How many of its jobs are in which state.
    pub counts: Vec<CountLink>,
    /// Since when the first of those that wait may start, or when it may; empty when none waits.
    pub first_due: String,
    /// Whether some of its jobs are not tried any more.
    pub has_dead: bool,
}

/// One job. What it works on is not shown to anybody.
#[derive(Debug, Clone)]
pub struct JobRow {
    /// Its id.
    pub id: String,
    /// The end of it, to tell it from others.
    pub short: String,
    /// Its queue.
    pub queue: String,
    /// Its kind.
    pub kind: String,
    /// What has become of it, in a few words.
    pub state: String,
    /// `given`, `refused` or empty.
    pub tone: &'static str,
    /// How often it was started, of how often it may be.
    pub tries: String,
    /// The class of its last error; empty when there was none.
    pub error_class: String,
    /// When it was enqueued, to read.
    pub created: String,
    /// Whether it can be tried again.
    pub is_dead: bool,
}

/// One choice of what is listed.
#[derive(Debug, Clone)]
pub struct StateChoice {
    /// Its name in the query.
    pub name: &'static str,
    /// What it says.
    pub label: &'static str,
    /// Whether it is the one.
    pub chosen: bool,
}

/// The page of the queues.
#[derive(Debug, Template)]
#[template(path = "jobs.html")]
pub struct JobsPage {
    /// Around it.
    pub frame: Frame,
    /// What was just done.
    pub said: Option<String>,
    /// Why the list could not be shown as asked.
    pub problem: Option<String>,
    /// The queues.
    pub queues: Vec<QueueRow>,
    /// Whether the reader may have jobs tried again.
    pub may_retry: bool,
    /// The queue that is listed; empty for all.
    pub queue: String,
    /// The states that can be listed.
    pub states: Vec<StateChoice>,
    /// The jobs.
    pub jobs: Vec<JobRow>,
    /// Where the next page is.
    pub next: Option<String>,
}

impl JobsPage {
    fn has_dead(&self) -> bool {
        self.queues.iter().any(|queue| queue.has_dead)
    }
}
