//! What a key, a subject, a tag or a clinic is called outside the value: a keyed hash, which tells nothing of it.

mod name;
mod sip;
mod write;

pub use self::{
    name::{Mark, Namer, ScopeMark},
    write::KeyWriter,
};
