//! What the caches of a process share: the clock, the names, the numbers by which they forget, and how it hears the others.

mod bar;
mod bars;
mod build;
mod coherence;
mod debt;
mod guard;
mod handle;
mod hearing;
mod hears;
mod joined;
mod notice;
mod numbers;
mod purge;
mod queue;
mod reach;
mod versions;

pub use self::{
    bar::{NodeBar, NodeBarError},
    build::{NodeBuilder, NodeConfigError},
    coherence::Coherence,
    handle::CacheNode,
    reach::Reach,
};
pub(crate) use self::{
    handle::Names,
    purge::Renewed,
    versions::{Checked, Fence, Standing, Versions},
};

/// 584 years of them.
fn nanos(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
