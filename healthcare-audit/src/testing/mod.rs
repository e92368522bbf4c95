//! The contract suite that every log runs, and what its tests are made of. Not covered by semver.

mod cipher;
mod contract;
mod events;

pub use cipher::{TestCipher, cipher};
pub use contract::{Reopen, run_contract, run_durable_contract};
pub use events::{allowed, clinic, disclosed, id, patient};
