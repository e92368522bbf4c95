//! What is known of each patient while many read and one writes.

use serde_json::Value;
use std::{
    sync::{
        Mutex,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

/// After this a server has heard of what another has written: the cache's bound.
pub(crate) const BOUND: Duration = Duration::from_secs(3);

/// A version, the server that acknowledged it, and when.
#[derive(Debug, Clone, Copy)]
struct Written {
    version: i64,
    server: usize,
    at: Instant,
}

/// A patient whose telephone number is written by one worker and read by all.
#[derive(Debug)]
pub(crate) struct Register {
    pub(crate) id: String,
    acknowledged: Mutex<Vec<Written>>,
    /// The newest version that was asked for, and may be there.
    asked: AtomicI64,
}

/// The number that belongs to a version.
pub(crate) fn number(version: i64) -> String {
    format!("+1 555 {version:07}")
}

/// What a read must not be older than: taken before it is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Floor {
    /// Whatever else there is.
    least: i64,
    /// The newest of all. Between the two is what another server may not have heard of yet.
    newest: i64,
}

/// What a read was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    Right,
    /// Older than what another server acknowledged less than the bound ago.
    Late,
    Wrong,
}

impl Register {
    pub(crate) fn new(id: String, version: i64) -> Self {
        let first = Written { version, server: 0, at: Instant::now() };
        Self { id, acknowledged: Mutex::new(vec![first]), asked: AtomicI64::new(version) }
    }

    /// The version to write upon. Only the owner asks.
    pub(crate) fn version(&self) -> i64 {
        self.floor(0).newest
    }

    /// For a question to this server.
    pub(crate) fn floor(&self, server: usize) -> Floor {
        let known = self.acknowledged.lock().unwrap();
        let heard = known.iter().filter(|one| one.server == server || one.at.elapsed() >= BOUND);
        let newest = known.iter().map(|one| one.version).max().unwrap_or(1);
        Floor { least: heard.map(|one| one.version).max().unwrap_or(1), newest }
    }

    /// From now on the version after this one may be seen.
    pub(crate) fn write(&self, version: i64) {
        self.asked.fetch_max(version + 1, SeqCst);
    }

    /// This version is there, says this server.
    pub(crate) fn acknowledge(&self, version: i64, server: usize) {
        self.acknowledged.lock().unwrap().push(Written { version, server, at: Instant::now() });
    }

    /// Whether a patient may look like this, for whoever asked when this was the floor.
    pub(crate) fn seen(&self, patient: &Value, floor: Floor) -> Seen {
        let Some(version) = patient["version"].as_i64() else { return Seen::Wrong };
        let number_fits = version == 1 || patient["phone"] == number(version).as_str();
        let in_range = (floor.least..=self.asked.load(SeqCst)).contains(&version);
        match patient["id"] == self.id.as_str() && number_fits && in_range {
            false => Seen::Wrong,
            true if version < floor.newest => Seen::Late,
            true => Seen::Right,
        }
    }
}
