//! Limits on how long a call may take.

mod error;
mod future;
mod layer;

pub use self::{error::Elapsed, future::TimeOutFuture, layer::TimeOutLayer};

use crate::BoxError;
use std::{
    future::IntoFuture,
    task::{Context, Poll},
    time::Duration,
};
use tower_service::Service;

/// Runs `work` for at most `limit`, then drops it.
///
/// Dropping is the cancellation: what `work` owns is released before this returns. What it spawned or handed
/// to another thread goes on. A future that never yields cannot be stopped by anyone. The limit is measured on
/// tokio's clock; a limit of zero still polls `work` once.
///
/// # Errors
/// [`Elapsed`] when `work` was not done in time.
///
/// ```
/// use healthcare_resilience::time_out;
/// use std::time::Duration;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), healthcare_resilience::Elapsed> {
/// let beds = time_out(Duration::from_secs(2), async { 12 }).await?;
/// assert_eq!(beds, 12);
/// # Ok(()) }
/// ```
pub async fn time_out<W: IntoFuture>(limit: Duration, work: W) -> Result<W::Output, Elapsed> {
    tokio::time::timeout(limit, work).await.map_err(|_| Elapsed::after(limit))
}

/// A service whose calls take at most a given time. Made by [`TimeOutLayer`].
///
/// The time runs from `call`, not from `poll_ready`: waiting for readiness is the caller's to bound. A late call fails
/// with [`Elapsed`], the service's own errors pass through as they are; both are boxed, and [`Elapsed::find`] tells them
/// apart.
#[derive(Debug, Clone)]
pub struct TimeOut<S> {
    inner: S,
    limit: Duration,
}

impl<S> TimeOut<S> {
    /// `inner`, each of whose calls is dropped after `limit`.
    pub const fn new(inner: S, limit: Duration) -> Self {
        Self { inner, limit }
    }
}

impl<S, R> Service<R> for TimeOut<S>
where
    S: Service<R>,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = TimeOutFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: R) -> Self::Future {
        TimeOutFuture::new(self.inner.call(request), self.limit)
    }
}
