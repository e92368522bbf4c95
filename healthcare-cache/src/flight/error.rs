use std::{error::Error, sync::Arc, time::Duration};

/// There is no value to give. All who waited for the load get the same error.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The load failed.
    #[error("the value could not be loaded: see the source")]
    Failed(#[source] Arc<dyn Error + Send + Sync>),
    /// The load took longer than a caller waits. It goes on in the background, and may be kept when it ends.
    #[error("the value did not load within {0:?}: try again later, or give the load more time")]
    TimedOut(Duration),
    /// The load took longer than a load may, and was dropped.
    #[error("the load was dropped after {0:?}: make it faster, or let it take longer")]
    Dropped(Duration),
    /// The load panicked.
    #[error("the load panicked: this is a mistake in the code that loads")]
    Panicked,
    /// The runtime dropped the load; it is shutting down.
    #[error("the load was cut off: the runtime is shutting down")]
    CutOff,
    /// Too many loads are under way or waiting.
    #[error("too many loads are under way: try again later, or allow more")]
    TooMany,
    /// The load asked for its own key, and would wait for itself.
    #[error("the load asked the cache for its own key: load that from the source")]
    Reentrant,
    /// There is no value, and the caller asked for one.
    #[error("there is no such value: ask with get_or_load_option where that is to be expected")]
    Absent,
    /// The load said that nothing had changed, but was not given anything to compare with.
    #[error(
        "the load said that nothing changed, but had nothing to compare with: look at Load::previous first"
    )]
    NothingToKeep,
    /// It was called outside a tokio runtime.
    #[error("loads run as tasks of their own: call this within a tokio runtime")]
    NoRuntime,
}
