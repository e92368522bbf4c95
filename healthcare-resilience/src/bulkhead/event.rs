use crate::RejectReason;

/// What happened at a [`Bulkhead`](crate::Bulkhead). Holds nothing of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BulkheadEvent {
    /// A call was refused: at once, or after it had waited.
    Refused {
        /// The bulkhead.
        policy: &'static str,
        /// Why.
        reason: RejectReason,
    },
}
