//! Repositories whose rows are remembered.

mod key;
mod reader;

pub use self::{
    key::{RowKey, rows_tag},
    reader::CachedReader,
};
