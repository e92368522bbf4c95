//! The access path: decide, record, read, release.
//!
//! ```text
//! Gate::open ── Grant ── repository ── Row (sealed) ── Grant::release ── Released ── reveal
//! (decided; record submitted)                          (record durable; row checked again)
//! ```

mod accesses;
mod boundary;
mod case;
mod change;
mod chart;
mod door;
mod draft;
mod gate;
mod grant;
mod released;
mod sealed;

pub use accesses::{Access, Create, Delete, List, Read, ReadChart, Search, Update};
pub(crate) use boundary::BoundaryCore;
pub use boundary::{Boundary, BoundaryBuilder, BuildError};
#[cfg(feature = "crypto")]
pub(crate) use change::phi_json;
pub use change::{Change, Committed, ErasedRow, Parts, Remember, Touched, Write, WriteRow};
pub use chart::{Chart, ChartRows};
pub use door::{Entry, StorageDoor};
pub use draft::Draft;
pub use gate::Gate;
pub use grant::Grant;
pub use released::{Page, Released};
pub use sealed::{Row, Rows, Sealed};
