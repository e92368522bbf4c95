use async_trait::async_trait;
use healthcare_core::DomainEvent;

/// An event was not handled; the cause is for the log, so its text holds no personal data.
#[derive(Debug, thiserror::Error)]
#[error("the event was not handled")]
pub struct HandlerError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

impl HandlerError {
    /// Not handled because of this.
    pub fn because(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

/// Does something about events.
///
/// An event is an envelope of ids; who needs a record opens a grant and reads it. An event may come more than once: do
/// something that may be done twice, or remember the ids that were done, in the transaction that does it.
///
/// ```
/// use healthcare_core::DomainEvent;
/// use healthcare_messaging::{Handler, HandlerError};
///
/// struct Reminders;
///
/// #[async_trait::async_trait]
/// impl Handler for Reminders {
///     async fn handle(&self, event: &DomainEvent) -> Result<(), HandlerError> {
///         println!("{} happened to {}", event.kind, event.aggregate_id);
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Handles one event. Dropped when it takes longer than the subscription's limit.
    ///
    /// # Errors
    /// [`HandlerError`] when it did not: the event comes again if delivery is acknowledged.
    async fn handle(&self, event: &DomainEvent) -> Result<(), HandlerError>;

    /// Told when events were missed because this subscriber was behind: read the present state instead. Only with
    /// [`Delivery::BestEffort`](crate::Delivery::BestEffort). Events that are still queued come after this call.
    async fn missed(&self, events: u64) {
        let _ = events;
    }
}
