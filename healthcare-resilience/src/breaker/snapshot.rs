use super::{BreakerState, machine::View};
use crate::Class;
use std::time::Duration;

/// What a breaker knows at one moment: numbers and names, no text of an error, so that a health page may show it all.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct BreakerSnapshot {
    /// The name the breaker was built with.
    pub name: &'static str,
    /// What it does with calls.
    pub state: BreakerState,
    /// Calls it judges by: those in the window while closed, the probes while half-open, and while open those that made
    /// it open. With consecutive failures only the failures of the run are known.
    pub calls: u64,
    /// How many of them failed.
    pub failed: u64,
    /// How many of them were slow; they may have failed too.
    pub slow: u64,
    /// Probes that have not come back.
    pub probes_out: u32,
    /// How often it opened since it was last closed.
    pub opens: u32,
    /// How long it stays open, while it is. Zero when the next call will be a probe.
    pub open_for: Option<Duration>,
    /// What the last failure was like.
    pub last_failure: Option<Class>,
    /// Results that came after the state their call was let through in. They changed nothing. Since it was built.
    pub stale: u64,
    /// Calls it refused since it was built.
    pub not_permitted: u64,
}

impl BreakerSnapshot {
    pub(super) const fn of(name: &'static str, view: View) -> Self {
        Self {
            name,
            state: view.state,
            calls: view.seen.calls,
            failed: view.seen.failed,
            slow: view.seen.slow,
            probes_out: view.probes_out,
            opens: view.opens,
            open_for: view.left,
            last_failure: view.last_failure,
            stale: view.stale,
            not_permitted: view.refused,
        }
    }

    /// The part of the calls that failed, from 0.0 to 1.0; `None` without calls.
    #[must_use]
    pub fn failure_rate(&self) -> Option<f64> {
        (self.calls > 0).then(|| self.failed as f64 / self.calls as f64)
    }

    /// The part of the calls that were slow, from 0.0 to 1.0; `None` without calls.
    #[must_use]
    pub fn slow_rate(&self) -> Option<f64> {
        (self.calls > 0).then(|| self.slow as f64 / self.calls as f64)
    }
}
