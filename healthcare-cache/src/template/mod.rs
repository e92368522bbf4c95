//! Key types written down once.

mod macros;
mod part;

pub use self::part::{KeyPart, SubjectPart};
