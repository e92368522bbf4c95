//! What every route shares: how a request is read, who its caller is, and how a problem is answered.

mod address;
mod caller;
mod cors;
mod counts;
mod extract;
mod first_bytes;
mod idempotency;
mod layers;
mod limits;
mod problem;
mod told;

pub use address::ClientAddress;
pub use caller::Caller;
pub use counts::SharedCounts;
use extract::BODY_BYTES_MAX;
pub use extract::{Json, NoParams, OptionalJson, PathId, Query};
pub(crate) use extract::{Object, is_media, read as read_body};
pub use first_bytes::{Awaited, FirstBytes};
pub(crate) use idempotency::replayed;
pub use idempotency::{IdempotencyKey, Once, Reply};
pub use layers::{CONTENT_POLICY, wrap};
pub use limits::Limits;
pub(crate) use limits::by_caller;
pub use problem::{Fields, Problem};
