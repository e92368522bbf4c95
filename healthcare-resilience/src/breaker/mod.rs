//! Circuit breaker: stops calling what keeps failing, and finds out with few calls when it works again.

mod build;
mod circuit;
mod error;
mod event;
mod layer;
mod machine;
mod numbers;
mod permit;
mod presets;
mod rules;
mod service;
mod snapshot;
mod state;
mod word;

pub use self::{
    build::BreakerBuilder,
    circuit::CircuitBreaker,
    error::BreakerConfigError,
    event::{BreakerEvent, BreakerEvents, MissedEvents},
    layer::BreakerLayer,
    permit::{BreakerPermit, OwnedBreakerPermit},
    service::{BreakerFuture, BreakerService},
    snapshot::BreakerSnapshot,
    state::{BreakerCause, BreakerState},
};
