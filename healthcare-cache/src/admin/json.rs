use crate::{CacheLevel, CacheStatistics, CacheUsage, EntryInfo, NodeStatistics, Reach};
use healthcare_core::ClinicId;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// A look-up.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    pub(super) key: Value,
}

/// A purge.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Order {
    Key { cache: String, key: Value },
    Tag { clinic: ClinicId, tag: String },
    Subject { clinic: ClinicId, subject: Uuid },
    Clinic { clinic: ClinicId },
    All {},
}

pub(super) fn entry(info: &EntryInfo) -> Value {
    let level = match info.level {
        CacheLevel::Standard => "standard",
        CacheLevel::Sensitive => "sensitive",
        CacheLevel::Restricted => "restricted",
    };
    json!({
        "age_seconds": info.age.as_secs_f64(),
        "left_seconds": info.left.as_secs_f64(),
        "is_stale": info.is_stale,
        "level": level,
        "tags": info.tags,
        "weight_bytes": info.weight,
    })
}

pub(super) fn node(counted: &NodeStatistics, is_joined: bool) -> Value {
    json!({
        "is_joined": is_joined,
        "is_deaf": counted.is_deaf,
        "deaf_seconds": counted.deaf_for.as_secs_f64(),
        "queue": counted.queue,
        "bumps": counted.bumps,
    })
}

pub(super) fn cache(counted: &CacheStatistics, usage: &CacheUsage) -> Value {
    json!({
        "name": counted.name,
        "class": counted.class.as_str(),
        "usage": {
            "entries": usage.entries,
            "weight_bytes": usage.weight,
            "negatives": usage.negatives,
            "loads": usage.flights,
        },
        "memory": {
            "hit_ratio": counted.hit_ratio(),
            "hits": counted.hits,
            "stale": counted.stale,
            "absent": counted.absent,
            "misses": counted.misses,
            "bypasses": counted.bypasses,
            "stored": counted.stored,
            "refused": counted.fills_refused,
        },
        "shared": {
            "hit_ratio": counted.shared_hit_ratio(),
            "hits": counted.shared_hits,
            "misses": counted.shared_misses,
            "waits": counted.shared_waits,
            "errors": counted.shared_errors,
            "undecodable": counted.undecodable,
            "stored": counted.shared_stored,
            "refused": counted.shared_fills_refused,
        },
        "loads": {
            "loaded": counted.loaded,
            "failed": counted.load_failures,
            "refused": counted.loads_refused,
            "seconds": counted.load_time.as_secs_f64(),
            "fail_safe": counted.fail_safe,
        },
        "evicted": {
            "room": counted.evicted_for_room,
            "share": counted.evicted_for_share,
            "age": counted.evicted_by_age,
        },
    })
}

pub(super) fn reach(reach: Reach) -> Value {
    json!({
        "reach": match reach {
            Reach::Everyone => "everyone",
            Reach::Queued => "queued",
        },
    })
}
