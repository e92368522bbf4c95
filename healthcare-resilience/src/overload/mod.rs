//! Overload: adaptive concurrency, throttling, priority shedding, a dimmer for optional work, surge protection.

mod admit;
mod algorithm;
mod attempts;
mod baseline;
mod brightness;
mod cohort;
mod controller;
mod dimmer;
mod error;
mod event;
mod in_flight;
mod limit;
mod limit_build;
mod moving;
mod numbers;
mod priority;
mod samples;
mod shedder;
mod throttle;
mod throttle_build;
mod warm_up;

pub use self::{
    admit::{Admit, AdmitFuture, AdmitLayer, AdmitService},
    algorithm::{Aimd, Gradient, LimitAlgorithm, Vegas},
    dimmer::{Dimmer, DimmerBuilder, DimmerPermit, Optional},
    error::OverloadConfigError,
    event::OverloadEvent,
    limit::{AdaptiveLimit, LimitPermit},
    limit_build::AdaptiveLimitBuilder,
    priority::{Prioritize, Priority},
    shedder::{ShedBy, Shedder, ShedderBuilder},
    throttle::{Throttle, ThrottlePermit},
    throttle_build::{ThrottleBuilder, ThrottleFormula},
    warm_up::{WarmUp, WarmUpBuilder, WarmUpCurve, WarmUpPermit},
};
