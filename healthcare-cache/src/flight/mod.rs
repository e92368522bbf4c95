//! One load per key at a time, which belongs to nobody who waits for it.

mod error;
mod share;
mod table;

pub use self::error::LoadError;
pub(crate) use self::{
    share::{Flight, Landing, Outcome},
    table::{Boarding, Table},
};
