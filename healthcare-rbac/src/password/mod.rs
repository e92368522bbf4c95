//! Passwords: what may be one, how it is kept, and how many are hashed at once.

mod blocklist;
mod hasher;
mod text;

pub use blocklist::{Blocklist, CommonPasswords};
pub use hasher::{
    HashParams, HasherConfig, InvalidConfig, PasswordError, PasswordHash, PasswordHasher, Verdict,
};
pub use text::{NewPasswordRules, Password, PasswordRefused};
