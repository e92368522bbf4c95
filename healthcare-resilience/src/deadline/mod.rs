//! Deadlines: one point in time that queue, tries and waits share, carried down the task.

mod context;
#[cfg(feature = "http")]
mod header;
mod layer;
mod scope;

pub(crate) use self::context::Context;
#[cfg(feature = "http")]
pub use self::header::ClientTime;
pub use self::{
    layer::{DeadlineFuture, DeadlineLayer, DeadlineService, TimeAllowed},
    scope::Scoped,
};

use crate::{CallError, Clock, Elapsed, Moment, RejectReason, Rejection};
use std::{future::IntoFuture, time::Duration};

/// The moment by which an operation is to be over, whatever it is made of: waiting in a queue, tries, waits between
/// them.
///
/// A deadline is carried by the task: [`scope`](Self::scope) sets it for everything awaited inside, and the policies of
/// this crate find it with [`current`](Self::current). A scope inside a scope can only shorten it. It does not follow
/// `tokio::spawn` by itself: spawn `deadline.scope(work)`.
///
/// It is a moment of the system's [`Clock`], whatever clock a policy was given, so it means nothing in another process; there it is sent as the time
/// that is left (feature `http`: `write_header`, `from_headers`).
///
/// ```
/// use healthcare_resilience::Deadline;
/// use std::time::Duration;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), healthcare_resilience::CallError<std::io::Error>> {
/// let beds = Deadline::within(Duration::from_secs(2))
///     .call(async {
///         let left = Deadline::current().map(|deadline| deadline.left());
///         assert!(left.is_some_and(|left| left <= Duration::from_secs(2)));
///         Ok(12)
///     })
///     .await?;
/// assert_eq!(beds, 12);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deadline {
    at: Moment,
}

/// The name in refusals: a deadline is nobody's policy.
const NAME: &str = "deadline";

impl Deadline {
    /// `limit` from now.
    #[must_use]
    pub fn within(limit: Duration) -> Self {
        Self::at(Clock::default().now().after(limit))
    }

    /// At that moment.
    #[must_use]
    pub const fn at(moment: Moment) -> Self {
        Self { at: moment }
    }

    /// The moment.
    #[must_use]
    pub const fn moment(self) -> Moment {
        self.at
    }

    /// What is left of it at `now`; zero when it is over.
    #[must_use]
    pub const fn remaining(self, now: Moment) -> Duration {
        self.at.since(now)
    }

    /// What is left of it on the system's clock.
    #[must_use]
    pub fn left(self) -> Duration {
        self.remaining(Clock::default().now())
    }

    /// Nothing is left at `now`: the moment itself is too late.
    #[must_use]
    pub const fn is_over(self, now: Moment) -> bool {
        self.at.as_nanos() <= now.as_nanos()
    }

    /// The earlier of the two.
    #[must_use]
    pub fn earlier(self, other: Self) -> Self {
        self.min(other)
    }

    /// The deadline of the task that asks, if it has one.
    #[must_use]
    pub fn current() -> Option<Self> {
        Context::current().deadline
    }

    /// `future` with this deadline, or the one it already stands under when that is earlier.
    ///
    /// The deadline is only told: nothing is dropped when it passes. For that see [`call`](Self::call).
    pub fn scope<F: IntoFuture>(self, future: F) -> Scoped<F::IntoFuture> {
        Scoped::new(future.into_future(), self)
    }

    /// Runs `work` under this deadline, or the one that already holds when that is earlier, and drops it when the
    /// deadline is over.
    ///
    /// # Errors
    /// [`CallError::Rejected`] with [`RejectReason::DeadlineOver`] when it is over before anything was done;
    /// [`CallError::Elapsed`] when `work` had begun and was dropped; [`CallError::Inner`] when it failed.
    pub async fn call<W, T, E>(self, work: W) -> Result<T, CallError<E>>
    where
        W: IntoFuture<Output = Result<T, E>>,
    {
        let deadline = Self::current().map_or(self, |current| current.earlier(self));
        let left = deadline.left();
        if left.is_zero() {
            return Err(Rejection::new(NAME, RejectReason::DeadlineOver).into());
        }
        match tokio::time::timeout(left, deadline.scope(work)).await {
            Ok(done) => done.map_err(CallError::Inner),
            Err(_) => Err(Elapsed::at(deadline, left).into()),
        }
    }
}

/// Waits for `future` at most until `deadline`. Shared by the futures that are written by hand.
pub(crate) fn sleep_until(deadline: Deadline) -> tokio::time::Sleep {
    tokio::time::sleep(deadline.left())
}
