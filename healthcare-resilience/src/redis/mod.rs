//! The host's Redis as a policy sees it: one command, one answer, and scripts.

mod input;
mod link;
mod script;

pub use self::{input::RedisInput, link::RedisLink, script::RedisScript};
