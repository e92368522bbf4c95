//! Five policies round one call: M9. Allocations are counted by the binary `counted`.

use super::{
    Failure, check, cost,
    subjects::{keep, our_nest, our_stack, tower_stack},
};
use crate::compare::{Measure, Side, batches};
use std::rc::Rc;
use tokio::runtime::{Builder, Runtime};

const BATCHES: (usize, u32) = (16, 500);
const STACKED: &str = "time-out, rate limit, retry, breaker with a window of 100, time-out, from the outside inwards, prebuilt, round a \
                       call that is done at once; ours is a stack, the peer's are layers in a row";
const NESTED: &str =
    "the same five as plain async functions of ours, the peer's as layers: it has no other form";

pub(super) fn measures() -> Result<Vec<Measure>, Failure> {
    let runtime = Rc::new(Builder::new_current_thread().enable_all().build()?);
    Ok(vec![
        cost(
            "M9 good read through a stack of five",
            0.5,
            (side(&runtime, our_stack()?)?, STACKED),
            (side(&runtime, tower_stack()?)?, "tower-resilience 0.14"),
        ),
        cost(
            "M9 good read through five, nested by hand",
            0.5,
            (side(&runtime, our_nest()?)?, NESTED),
            (side(&runtime, tower_stack()?)?, "tower-resilience 0.14"),
        ),
    ])
}

fn side(runtime: &Rc<Runtime>, mut call: impl FnMut() -> bool + 'static) -> Result<Side, Failure> {
    let runtime = Rc::clone(runtime);
    let works = {
        // Time-outs look for a timer where they are made.
        let _inside = runtime.enter();
        (0..1_000).all(|_| call())
    };
    check("every call goes through", works)?;
    let mut timed = batches(BATCHES.0, BATCHES.1, move || keep(call()));
    Ok(Box::new(move || {
        let _inside = runtime.enter();
        timed()
    }))
}
