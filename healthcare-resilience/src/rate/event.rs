use crate::{RejectReason, Rejection, listeners::Listeners};
use std::time::Duration;

/// What happened at a limit. Holds nothing of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RateLimitEvent {
    /// A call was refused.
    Refused {
        /// The limit.
        policy: &'static str,
        /// Why.
        reason: RejectReason,
        /// When a call may be admitted again, if the limit can tell.
        retry_after: Option<Duration>,
    },
    /// The server of a limit over Redis stopped answering: decisions are made as `WhileAway` says.
    WentAway {
        /// The limit.
        policy: &'static str,
    },
    /// It answers again.
    CameBack {
        /// The limit.
        policy: &'static str,
    },
}

impl Listeners<RateLimitEvent> {
    #[inline]
    pub(super) fn refused(&self, rejection: &Rejection) {
        self.tell(|| RateLimitEvent::Refused {
            policy: rejection.policy(),
            reason: rejection.reason(),
            retry_after: rejection.retry_after(),
        });
    }
}
