//! What operators are told of the caches: health pages and metrics.

use super::Caches;
use healthcare_cache::{CacheNode, CacheStatistics};
use healthcare_resilience::{Condition, HealthBuilder};

impl Caches {
    /// Adds the circuits round the shared tier, whether the others are heard, and what each cache is good for. Everything is
    /// served without them.
    pub(crate) fn watched(&self, health: HealthBuilder) -> HealthBuilder {
        let health = self.node.circuits().into_iter().fold(health, HealthBuilder::component);
        let (node, is_kept) = (self.node.clone(), self.kept.is_some());
        let health = health.watch("cache", "node", move || node_condition(&node, is_kept));
        self.statistics().into_iter().enumerate().fold(health, |health, (index, first)| {
            let caches = self.clone();
            health.watch("cache", first.name, move || {
                let counted = caches.statistics();
                cache_condition(counted.get(index).unwrap_or(&first))
            })
        })
    }

    /// Sets the gauges `cache_hit_ratio` and `cache_shared_hit_ratio`: the part of the looks since the start that memory, or the
    /// shared tier, served. Before the first look there is none.
    pub(crate) fn measure(&self) {
        for counted in self.statistics() {
            if let Some(ratio) = counted.hit_ratio() {
                metrics::gauge!("cache_hit_ratio", "cache" => counted.name).set(ratio);
            }
            if let Some(ratio) = counted.shared_hit_ratio() {
                metrics::gauge!("cache_shared_hit_ratio", "cache" => counted.name).set(ratio);
            }
        }
    }
}

/// Tells the recorder what the gauges are.
pub(crate) fn describe() {
    metrics::describe_gauge!("cache_hit_ratio", "The part of the looks that memory served");
    metrics::describe_gauge!(
        "cache_shared_hit_ratio",
        "The part of the questions that the shared tier answered"
    );
}

#[allow(clippy::cast_precision_loss, reason = "a queue is short")]
fn node_condition(node: &CacheNode, is_kept: bool) -> Condition {
    if !node.is_joined() {
        return Condition::up(if is_kept { "alone" } else { "off" });
    }
    let counted = node.statistics();
    let condition = if counted.is_deaf { Condition::degraded("deaf") } else { Condition::up("hearing") };
    condition
        .reading("queue", counted.queue as f64)
        .reading("deaf_seconds", counted.deaf_for.as_secs_f64())
        .reading("bumps", counted.bumps as f64)
}

#[allow(clippy::cast_precision_loss, reason = "a count need not be exact")]
fn cache_condition(counted: &CacheStatistics) -> Condition {
    let condition = Condition::up("kept").reading("reads", counted.reads() as f64);
    let condition = match counted.hit_ratio() {
        Some(ratio) => condition.reading("hit_ratio", ratio),
        None => condition,
    };
    match counted.shared_hit_ratio() {
        Some(ratio) => condition.reading("shared_hit_ratio", ratio),
        None => condition,
    }
}
