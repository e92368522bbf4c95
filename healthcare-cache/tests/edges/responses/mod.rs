//! Kept responses.

mod answers;
mod keeping;
mod rig;
mod writes;
