//! What a cache and its node count. Without the feature `statistics` every function here is empty.
//!
//! Whoever is told something of a cache tells [`CacheReport`], with one word of [`Count`]; what the words become outside is
//! decided here. With the feature `metrics` they are these series, labelled with `cache` (the cache's name), `class` (its
//! [`TtlClass`](crate::TtlClass)) and one fixed word more, so that nothing of a person can become a label:
//!
//! | name | type | further label | what |
//! | --- | --- | --- | --- |
//! | `cache_reads_total` | counter | `result` | looks at the memory tier: `hit`, `stale`, `absent`, `miss`, `bypass` |
//! | `cache_fail_safe_total` | counter | | old values given because a load failed |
//! | `cache_shared_reads_total` | counter | `result` | questions to the shared tier: `hit`, `miss`, `wait`, `error`, `undecodable` |
//! | `cache_loads_total` | counter | `outcome` | `loaded`, `absent`, `unchanged`, `failed`, `dropped`, `panicked`, `refused` |
//! | `cache_load_seconds` | histogram | | how long loads took that ended, in seconds |
//! | `cache_fills_total` | counter | `tier`, `outcome` | `stored`, `stale` (refused: purged or barred meanwhile), `too_large` |
//! | `cache_evictions_total` | counter | `cause` | `room`, `share` (a clinic's own oldest), `age` |
//! | `cache_node_deaf` | gauge | | 1 while the node does not hear the others, and bypasses its memory |
//! | `cache_node_deaf_seconds` | gauge | | how long it has been so in all |
//! | `cache_node_queue` | gauge | | purges that wait for the shared tier to come back |
//! | `cache_node_bumps_total` | counter | `reason` | times that all of the memory tier was given up, because something may have been missed |
//!
//! The series of a node have no label but their word. A counter is reached through a kept handle once there is a recorder.

mod count;
#[cfg(feature = "statistics")]
mod kept;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(feature = "statistics")]
mod node;
#[cfg(not(feature = "statistics"))]
mod off;
#[cfg(feature = "statistics")]
mod on;
mod span;
#[cfg(feature = "statistics")]
mod statistics;

pub(crate) use self::count::{Bump, Count};
#[cfg(not(feature = "statistics"))]
pub(crate) use self::off::{CacheReport, LoadReport, NodeReport};
#[cfg(feature = "statistics")]
pub(crate) use self::on::{CacheReport, LoadReport, NodeReport};
#[cfg(feature = "statistics")]
pub use self::statistics::{CacheStatistics, NodeStatistics};
