//! What policies count, through the `metrics` facade. Without the feature of that name every function here is empty.
//!
//! One convention for every policy. The labels are fixed texts: `kind` (`breaker`, `retry`, …) and `policy` (the name it
//! was built with), so that no patient, key or address can become a label, and their number is bounded.
//!
//! | name | type | further label | what |
//! | --- | --- | --- | --- |
//! | `resilience_calls_total` | counter | `outcome` | calls that were let through, by how they ended |
//! | `resilience_rejected_total` | counter | `reason` | calls that were refused, by [`RejectReason::as_str`] |
//! | `resilience_events_total` | counter | `event` | what happened besides: `retry`, `hedge`, `open`, … |
//! | `resilience_call_seconds` | histogram | | how long each run of a check took, in seconds |
//! | `resilience_state` | gauge | | state as a number: 0 is normal, see each policy |
//! | `resilience_in_flight` | gauge | | calls under way |
//! | `resilience_waiting` | gauge | | calls waiting for a place or a turn |
//! | `resilience_limit` | gauge | | the adaptive limit that holds now, once it moved; the level of a dimmer |
//!
//! A series appears when it is first counted, and is then reached through a kept handle: no lookup for each call. While
//! no recorder is installed no handle is kept, so a recorder may be installed after the policies were built; what was
//! counted before it came is lost, except that calls under way and waiting are told in full. Once a recorder was there,
//! its handles stay: a second one is not noticed.

#[cfg(not(feature = "metrics"))]
mod off;
#[cfg(feature = "metrics")]
mod on;

#[cfg(not(feature = "metrics"))]
pub(crate) use self::off::PolicyMetrics;
#[cfg(feature = "metrics")]
pub(crate) use self::on::PolicyMetrics;

use crate::Class;

/// How a call that was let through ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Success,
    Failure,
    /// The caller's mistake: says nothing of the callee.
    Ignored,
    /// Another policy, further in, refused it.
    Rejected,
    /// Dropped before it ended.
    Cancelled,
    Panicked,
    /// Dropped because its time was over.
    Elapsed,
    /// Ended after the state it was let through in.
    Stale,
}

impl Outcome {
    #[cfg(feature = "metrics")]
    pub(crate) const COUNT: usize = Self::Stale as usize + 1;

    #[cfg(feature = "metrics")]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Ignored => "ignored",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
            Self::Panicked => "panicked",
            Self::Elapsed => "elapsed",
            Self::Stale => "stale",
        }
    }
}

impl From<Class> for Outcome {
    fn from(class: Class) -> Self {
        match class {
            Class::Success => Self::Success,
            Class::Transient | Class::Busy { .. } | Class::Permanent => Self::Failure,
            Class::Ignored => Self::Ignored,
            Class::Cancelled => Self::Cancelled,
            Class::Rejected => Self::Rejected,
        }
    }
}

/// A number that goes up and down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    State,
    InFlight,
    Waiting,
    Limit,
}
