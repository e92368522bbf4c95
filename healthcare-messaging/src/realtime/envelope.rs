//! What goes to clients.

use healthcare_core::DomainEvent;
use std::borrow::Cow;
use uuid::Uuid;

/// That something happened to a record: kinds, an id and a version, never a value. A client fetches what it may see.
///
/// It is made of a [`DomainEvent`] and of nothing else, so that no text of a caller's can get in.
///
/// ```
/// # use healthcare_core::DomainEvent;
/// use healthcare_messaging::Envelope;
/// # fn example(event: &DomainEvent) {
/// let envelope = Envelope::of(event);
/// assert_eq!(envelope.kind(), event.kind);
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    pub(super) event: Uuid,
    pub(super) kind: Cow<'static, str>,
    pub(super) record: Cow<'static, str>,
    pub(super) id: Uuid,
    pub(super) version: i64,
}

impl Envelope {
    /// The envelope of an event.
    #[must_use]
    pub fn of(event: &DomainEvent) -> Self {
        Self {
            event: event.id,
            kind: event.kind.clone(),
            record: event.aggregate_kind.clone(),
            id: event.aggregate_id,
            version: event.aggregate_version,
        }
    }

    /// What happened: `appointment.booked`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }
}
