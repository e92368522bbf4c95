//! The circuit breaker as a tower layer: M3. Allocations are counted by the binary `counted`.

use super::{
    Failure, check, cost,
    subjects::{keep, once, our_layer, tower_layer},
};
use crate::compare::{Measure, Side, batches};
use tower_service::Service;

const BATCHES: (usize, u32) = (16, 1_000);
const HELD_EQUAL: &str = "one prebuilt service behind one prebuilt layer, closed, window of 100, every call good and done at once: \
                          poll_ready, call, one poll; ours boxes only errors, the peer boxes each call and sends events to no one";

pub(super) fn measures() -> Result<Vec<Measure>, Failure> {
    Ok(vec![cost(
        "M3 good call through the layer",
        0.35,
        (side(our_layer()?)?, HELD_EQUAL),
        (side(tower_layer()?)?, "tower-resilience-circuitbreaker 0.14"),
    )])
}

fn side(mut service: impl Service<u64, Response = u64> + 'static) -> Result<Side, Failure> {
    check("the service answers", (0..1_000).all(|_| once(&mut service)))?;
    Ok(batches(BATCHES.0, BATCHES.1, move || keep(once(&mut service))))
}
