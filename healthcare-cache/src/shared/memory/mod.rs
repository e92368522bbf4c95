//! The shared tier in one process: the reference for what the others do, and several nodes for tests.

mod bus;
mod clinic;
mod node;
mod server;

pub use self::{
    node::MemoryShared,
    server::{MemoryServer, MemoryServerBuilder},
};
