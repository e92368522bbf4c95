//! A shared tier in which things go wrong on command: calls, and what is heard.

mod hear;
mod tier;

pub use self::{
    hear::NoticeMishap,
    tier::{ChaosShared, Mishap},
};
