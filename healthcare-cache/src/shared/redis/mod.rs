//! The shared tier over Redis: plain looks, scripts, and the host's connection under them.

mod build;
mod known;
mod listen;
mod look;
mod luck;
mod refusal;
mod script;
mod standing;
mod tier;
mod value;

pub use self::{
    build::{RedisSharedBuilder, RedisSharedError},
    tier::RedisShared,
};
