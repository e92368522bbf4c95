//! The seam between what happens and who wants to know.

mod error;
mod handler;
mod subscribed;
mod subscription;

pub use self::{
    error::{PublishError, SubscribeError, Undelivered, Why},
    handler::{Handler, HandlerError},
    subscribed::{Counts, Subscribed, Tally},
    subscription::{Delivery, Subscription},
};

use async_trait::async_trait;
use healthcare_core::DomainEvent;
use std::{fmt, sync::Arc};

/// Carries domain events to whoever subscribed.
///
/// # Contract
/// - When [`publish`](Self::publish) returned `Ok`, every [`Delivery::Acknowledged`] subscriber of that kind has
///   handled the event, or the bus has stored it durably and will deliver it until it is handled. When it returned an
///   error, publish the same event again: at least once is a promise of publisher and bus together.
/// - A handler may see an event more than once and passes over an id it has seen. It sees the events of one publisher
///   in the order in which they were published, one at a time, except that one it failed comes again later.
/// - A handler that fails, panics, is slow or is behind has no influence on what other subscribers get.
/// - A [`Delivery::BestEffort`] subscriber never holds up or fails a publish. What it misses it is told as a number.
/// - Nothing is delivered after its [`Subscribed`] was dropped, except the one event being handled.
/// - Dropping a future of a bus leaves it usable.
#[async_trait]
pub trait EventBus: fmt::Debug + Send + Sync {
    /// Publishes an event.
    ///
    /// # Errors
    /// [`PublishError`] when somebody who must have it does not: publish it again.
    async fn publish(&self, event: Arc<DomainEvent>) -> Result<(), PublishError>;

    /// Delivers what is published from now on to `handler`, until what is returned is dropped.
    ///
    /// # Errors
    /// [`SubscribeError`] when the name is taken or a limit is reached.
    async fn subscribe(
        &self,
        subscription: Subscription,
        handler: Arc<dyn Handler>,
    ) -> Result<Subscribed, SubscribeError>;
}
