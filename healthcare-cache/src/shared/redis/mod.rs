//! The shared tier over Redis: its scripts, and the host's connection under them.

mod build;
mod known;
mod listen;
mod refusal;
mod script;
mod tier;
mod value;

pub use self::{
    build::{RedisSharedBuilder, RedisSharedError},
    tier::RedisShared,
};
