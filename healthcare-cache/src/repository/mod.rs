//! Repositories whose rows are remembered, and the writes that make them forgotten.

mod key;
mod reader;
mod sink;
mod writer;

pub use self::{
    key::{RowKey, rows_tag},
    reader::CachedReader,
    sink::PurgingSink,
    writer::PurgingWriter,
};
