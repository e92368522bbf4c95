//! Repository seams: reading and writing records, whatever keeps them.

mod memory;
mod page;
mod seams;
mod search;

pub use memory::MemoryStore;
pub use page::{Cursor, InvalidLimit, PageRequest};
pub use seams::{ChartReader, Guard, Reader, Refusal, Searcher, TransactionView, Writer};
pub use search::Criteria;
