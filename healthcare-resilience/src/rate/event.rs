use crate::{RejectReason, Rejection};
use std::{sync::OnceLock, time::Duration};
use tokio::sync::broadcast;

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

/// Those who listen to one limit. Until somebody did, nothing is kept and telling costs one look.
#[derive(Debug)]
pub(super) struct Listeners(OnceLock<broadcast::Sender<RateLimitEvent>>);

/// For a slow listener.
const EVENTS_KEPT: usize = 32;

impl Listeners {
    pub(super) const fn new() -> Self {
        Self(OnceLock::new())
    }

    pub(super) fn listen(&self) -> broadcast::Receiver<RateLimitEvent> {
        self.0.get_or_init(|| broadcast::Sender::new(EVENTS_KEPT)).subscribe()
    }

    pub(super) fn tell(&self, event: RateLimitEvent) {
        if let Some(sender) = self.0.get() {
            // They may all have left.
            let _ = sender.send(event);
        }
    }

    #[inline]
    pub(super) fn refused(&self, rejection: &Rejection) {
        if self.0.get().is_some() {
            let (policy, reason) = (rejection.policy(), rejection.reason());
            self.tell(RateLimitEvent::Refused { policy, reason, retry_after: rejection.retry_after() });
        }
    }
}
