#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod admitted;
mod breaker;
mod bulkhead;
mod class;
mod clock;
mod deadline;
mod error;
mod fallback;
mod health;
mod hedge;
#[cfg(feature = "http")]
mod http;
mod listeners;
mod metrics;
mod overload;
mod rate;
#[cfg(feature = "redis")]
mod redis;
mod retry;
mod shutdown;
mod stack;
mod start;
mod sync;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
mod time_out;
mod window;

#[cfg(feature = "signal")]
#[cfg_attr(docsrs, doc(cfg(feature = "signal")))]
pub use crate::shutdown::SecondSignal;
pub use crate::{
    admitted::AdmitPermit,
    breaker::{
        BreakerBuilder, BreakerCause, BreakerConfigError, BreakerEvent, BreakerEvents, BreakerFuture,
        BreakerLayer, BreakerPermit, BreakerService, BreakerSnapshot, BreakerState, CircuitBreaker,
        MissedEvents, OwnedBreakerPermit,
    },
    bulkhead::{
        Bulkhead, BulkheadBuilder, BulkheadConfigError, BulkheadEvent, BulkheadFuture, BulkheadLayer,
        BulkheadPermit, BulkheadService,
    },
    class::{AnyError, BoxError, Class, Classify, ErrorChain},
    clock::{Clock, ClockHand, Moment},
    deadline::{Deadline, DeadlineFuture, DeadlineLayer, DeadlineService, Scoped, TimeAllowed},
    error::{CallError, RejectReason, Rejection},
    fallback::{
        Always, Fallback, FallbackEvent, FallbackFuture, FallbackLayer, FallbackOn, FallbackService,
        FromError, OrFallback, Substitute,
    },
    health::{
        CheckFailure, CheckReport, Component, ComponentReport, Condition, FailureClass, Health,
        HealthBuilder, HealthConfigError, HealthDetails, HealthReport, Phase, State, Unhealthy,
    },
    hedge::{
        Hedge, HedgeBuilder, HedgeCall, HedgeConfigError, HedgeCounts, HedgeDelay, HedgeEvent, HedgeFuture,
        HedgeLayer, HedgeService,
    },
    overload::{
        AdaptiveLimit, AdaptiveLimitBuilder, Admit, AdmitFuture, AdmitLayer, AdmitService, Aimd, Dimmer,
        DimmerBuilder, DimmerPermit, Gradient, LimitAlgorithm, LimitPermit, Optional, OverloadConfigError,
        OverloadEvent, Prioritize, Priority, ShedBy, Shedder, ShedderBuilder, Throttle, ThrottleBuilder,
        ThrottleFormula, ThrottlePermit, Vegas, WarmUp, WarmUpBuilder, WarmUpCurve, WarmUpPermit,
    },
    rate::{
        AddressKey, Admission, AsError, ByKey, KeyedRateLimit, KeyedRateLimitBuilder, Quota, RateAnswer,
        RateConfigError, RateDecision, RateGate, RateLimit, RateLimitBuilder, RateLimitEvent,
        RateLimitFuture, RateLimitLayer, RateLimitService, WhenFull,
    },
    retry::{
        Backoff, Causes, CloneAs, CloneRequest, Effect, GiveUp, Guarded, IdempotencyKey, IdempotencyKeyError,
        Jitter, Retry, RetryBudget, RetryBudgetBuilder, RetryBuilder, RetryCall, RetryConfigError,
        RetryEvent, RetryFuture, RetryLayer, RetryService, RetryToken, Retryable, Waits, When,
    },
    shutdown::{
        ClosingReport, ClosingState, CutOff, DrainReport, Guard, Shutdown, ShutdownBuilder,
        ShutdownConfigError, Stage, StageReport, Stopping, Token, UnknownStage,
    },
    stack::{
        Explanation, OrderRule, Stack, StackBuilder, StackCall, StackConfigError, StackEvent, StackFuture,
        StackLayer, StackService, StepKind,
    },
    start::{Start, StartError, StartFailure, StartReport, Step, StepReport, StepState},
    time_out::{Elapsed, TimeOut, TimeOutFuture, TimeOutLayer, time_out},
};
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub use crate::{
    deadline::ClientTime,
    rate::{AsResponse, RateHeaders},
    retry::{CloneHttp, HttpStatus},
};
#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub use crate::{
    rate::{RateToken, RedisRateLimit, RedisRateLimitBuilder, WhileAway},
    redis::{RedisInput, RedisLink, RedisScript},
};

/// The guide's code, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guarding-calls.md")]
struct Guide;
