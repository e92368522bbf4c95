#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod health;
mod shutdown;
mod time_out;

#[cfg(feature = "signal")]
#[cfg_attr(docsrs, doc(cfg(feature = "signal")))]
pub use crate::shutdown::SecondSignal;
pub use crate::{
    health::{CheckReport, Health, HealthBuilder, HealthConfigError, HealthReport, State, Unhealthy},
    shutdown::{
        CutOff, DrainReport, Guard, Shutdown, ShutdownBuilder, ShutdownConfigError, Stage, StageReport,
        Stopping, Token, UnknownStage,
    },
    time_out::{Elapsed, TimeOut, TimeOutError, TimeOutFuture, TimeOutLayer, time_out},
};
