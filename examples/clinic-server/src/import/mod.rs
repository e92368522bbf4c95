//! Importing FHIR R4 bundles into one clinic.
//!
//! Every bundle is read whole before anything of it is stored, and each person's rows are one commit. Records are known again by a
//! keyed hash of their source's id, so that importing the same files twice changes nothing: the first copy wins. The work is done as
//! the system actor `IMPORT`, decided and recorded like anyone's.

mod files;
mod importer;
mod map;
mod report;
mod rows;

pub use files::{InputError, input_files};
pub use importer::{ImportError, ImportStore, Importer, Progress};
pub use report::{Failure, Report};
