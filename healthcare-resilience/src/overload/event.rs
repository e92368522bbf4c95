use super::{Optional, Priority};
use crate::{RejectReason, Rejection, listeners::Listeners};
use std::time::Duration;

/// What happened at a policy against overload. Holds nothing of the call.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum OverloadEvent {
    /// A call was refused.
    Refused {
        /// The policy.
        policy: &'static str,
        /// Why.
        reason: RejectReason,
        /// How much the call mattered, where the policy is a [`Shedder`](crate::Shedder).
        priority: Option<Priority>,
        /// When a call may be let in again, if the policy can tell.
        retry_after: Option<Duration>,
    },
    /// A [`Dimmer`](crate::Dimmer) left optional work out.
    LeftOut {
        /// The dimmer.
        policy: &'static str,
        /// The work.
        optional: Optional,
    },
    /// An [`AdaptiveLimit`](crate::AdaptiveLimit) moved.
    LimitMoved {
        /// The limit.
        policy: &'static str,
        /// How many calls could be under way.
        from: usize,
        /// How many can be now.
        to: usize,
    },
    /// The level of a [`Dimmer`](crate::Dimmer) moved.
    LevelMoved {
        /// The dimmer.
        policy: &'static str,
        /// The level before.
        from: f64,
        /// The level now.
        to: f64,
    },
    /// A [`WarmUp`](crate::WarmUp) is over: told by the first call that comes then.
    WarmedUp {
        /// The warm-up.
        policy: &'static str,
    },
    /// A [`WarmUp`](crate::WarmUp) began again.
    Restarted {
        /// The warm-up.
        policy: &'static str,
    },
}

impl Listeners<OverloadEvent> {
    #[inline]
    pub(super) fn refused(&self, rejection: &Rejection, priority: Option<Priority>) {
        self.tell(|| OverloadEvent::Refused {
            policy: rejection.policy(),
            reason: rejection.reason(),
            priority,
            retry_after: rejection.retry_after(),
        });
    }
}
