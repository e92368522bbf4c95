//! A simple model: each patient is a register with a version that rises, and a name that says which version it is.

use serde_json::Value;
use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

/// The node's own bound, and as much again for a purge that waits until the Redis answers.
const BOUND: Duration = Duration::from_secs(3);
const DELIVERY: Duration = Duration::from_secs(7);

/// A write that was acknowledged.
#[derive(Debug, Clone, Copy)]
struct Written {
    version: i64,
    at: Instant,
    server: usize,
}

/// What was written to one patient.
#[derive(Debug, Default)]
pub(crate) struct Register {
    acknowledged: Mutex<Vec<Written>>,
}

/// The name of a version, as it is written.
pub(crate) fn name(version: i64) -> String {
    format!("Version {version}")
}

impl Register {
    /// A write through this server was answered with success.
    pub(crate) fn written(&self, version: i64, server: usize) {
        self.acknowledged.lock().unwrap().push(Written { version, at: Instant::now(), server });
    }

    pub(crate) fn writes(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    /// Judges what a read through this server, begun then, has shown: one version as a whole, on the server of a write nothing older than that, and
    /// on the other nothing older than what was written before the bound.
    pub(crate) fn judge(&self, shown: &Value, server: usize, begun: Instant) {
        let version = shown["version"].as_i64().unwrap();
        let given = shown["given"].as_str().unwrap();
        assert!(!given.starts_with("Version ") || given == name(version), "torn: {shown}");
        let due = |written: &&Written| {
            let slack = if written.server == server { Duration::ZERO } else { BOUND + DELIVERY };
            written.at + slack <= begun
        };
        let acknowledged = self.acknowledged.lock().unwrap();
        if let Some(least) = acknowledged.iter().filter(due).max_by_key(|written| written.version) {
            assert!(
                version >= least.version,
                "server {server} showed {version} after {least:?}, {:?} later",
                begun.duration_since(least.at)
            );
        }
    }
}
