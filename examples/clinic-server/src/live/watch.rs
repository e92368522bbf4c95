//! What operators are told of the connections.

use super::Live;
use healthcare_resilience::{HealthBuilder, Unhealthy};
use std::{sync::Arc, time::Duration};

impl Live {
    /// Adds a check of what feeds them, where there are any. Pages work without it, by being loaded again.
    pub(crate) fn watched(&self, health: HealthBuilder) -> HealthBuilder {
        if !self.is_on {
            return health;
        }
        let (fed, clock) = (Arc::clone(&self.fed), Arc::clone(&self.clock));
        health.optional("live", Duration::from_secs(1), move || {
            let is_stale = fed.is_fresh(clock.monotonic()) == Some(false);
            async move { if is_stale { Err(Unhealthy::because("is not told what happens")) } else { Ok(()) } }
        })
    }

    /// Sets the gauges and counters `live_*`, in a process that holds connections.
    pub(crate) fn measure(&self) {
        if !self.is_on {
            return;
        }
        let counts = self.hub.counts();
        let gauges = [
            ("live_sockets", counts.clients),
            ("live_rooms", counts.rooms),
            ("live_memberships", counts.members),
        ];
        for (name, number) in gauges {
            #[allow(clippy::cast_precision_loss, reason = "a gauge")]
            metrics::gauge!(name).set(number as f64);
        }
        let counters = [
            ("live_sockets_opened_total", counts.connected),
            ("live_sockets_turned_away_total", counts.turned_away),
            ("live_sockets_too_slow_total", counts.too_slow),
            ("live_events_published_total", counts.published),
            ("live_events_delivered_total", counts.delivered),
            ("live_rooms_refused_total", counts.refused),
        ];
        for (name, number) in counters {
            metrics::counter!(name).absolute(number);
        }
    }
}

/// Tells the recorder what they are.
pub(crate) fn describe() {
    metrics::describe_gauge!("live_sockets", "Sockets that are open");
    metrics::describe_gauge!("live_rooms", "Rooms that somebody is in, or was in lately");
    metrics::describe_gauge!("live_memberships", "Sockets times the rooms that they are in");
    metrics::describe_counter!("live_sockets_opened_total", "Sockets since the start");
    metrics::describe_counter!("live_sockets_turned_away_total", "Sockets for which there was no place");
    metrics::describe_counter!(
        "live_sockets_too_slow_total",
        "Sockets that were closed because they did not keep up"
    );
    metrics::describe_counter!("live_events_published_total", "Events that were told to a room");
    metrics::describe_counter!(
        "live_events_delivered_total",
        "Events times the sockets that they were queued for"
    );
    metrics::describe_counter!("live_rooms_refused_total", "Wishes to be in a room that were refused");
}
