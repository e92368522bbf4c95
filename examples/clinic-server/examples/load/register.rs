//! What is known of each patient while many read and one writes.

use serde_json::Value;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

/// A patient whose telephone number is written by one worker and read by all.
#[derive(Debug)]
pub struct Register {
    pub id: String,
    /// The newest version that was acknowledged.
    acknowledged: AtomicI64,
    /// The newest version that was asked for, and may be there.
    asked: AtomicI64,
}

/// The number that belongs to a version.
pub fn number(version: i64) -> String {
    format!("+1 555 {version:07}")
}

impl Register {
    pub const fn new(id: String, version: i64) -> Self {
        Self { id, acknowledged: AtomicI64::new(version), asked: AtomicI64::new(version) }
    }

    /// The version to write upon. Only the owner asks.
    pub fn version(&self) -> i64 {
        self.acknowledged.load(SeqCst)
    }

    /// What a read must not be older than: taken before it is sent.
    pub fn floor(&self) -> i64 {
        self.acknowledged.load(SeqCst)
    }

    /// From now on the version after this one may be seen.
    pub fn write(&self, version: i64) {
        self.asked.fetch_max(version + 1, SeqCst);
    }

    /// This version is there.
    pub fn acknowledge(&self, version: i64) {
        self.acknowledged.fetch_max(version, SeqCst);
    }

    /// Whether a patient may look like this, for whoever asked when `floor` was the newest.
    pub fn is_right(&self, patient: &Value, floor: i64) -> bool {
        let (Some(version), id) = (patient["version"].as_i64(), &patient["id"]) else { return false };
        let number_fits = version == 1 || patient["phone"] == number(version).as_str();
        id == self.id.as_str() && (floor..=self.asked.load(SeqCst)).contains(&version) && number_fits
    }
}
