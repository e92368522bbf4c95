//! How long a kind of value is kept, what happens when it grows old, and how long its loads may take.

mod build;
mod class;
mod error;
mod level;

pub use self::{
    build::{CachePolicy, CachePolicyBuilder},
    class::TtlClass,
    error::PolicyError,
    level::CacheLevel,
};
