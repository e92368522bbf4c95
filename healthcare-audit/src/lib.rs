#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod checkpoint;
mod cipher;
mod error;
pub mod fhir;
mod frame;
mod log;
#[cfg(feature = "postgres")]
pub mod postgres;
mod read;
mod reconcile;
mod storage;
#[cfg(feature = "testing")]
pub mod testing;
pub mod verify;

pub use checkpoint::{Checkpoint, CheckpointError, CheckpointKey, CheckpointSigner};
pub use cipher::BodyCipher;
pub use error::{CipherError, Fault, OpenError, ReadError};
pub use log::{AuditLog, LogBuilder, LogHead, Recovery};
pub use read::{AuditReader, Entry, OutcomeClass, Page, Query};
pub use reconcile::{Reconciler, Reconciliation, Suspects};
