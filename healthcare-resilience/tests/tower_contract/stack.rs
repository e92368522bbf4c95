//! The laws on a whole stack.

use crate::{
    laboratory::{Laboratory, SECOND},
    laws::lawful,
};
use healthcare_resilience::{
    Bulkhead, CircuitBreaker, CloneAs, Effect, Retry, Stack, StackFuture, StackLayer, StackService,
};
use std::{fmt::Debug, time::Duration};

const HOUR: Duration = Duration::from_secs(3600);

fn stack(places: usize) -> StackLayer<CloneAs> {
    let bulkhead = Bulkhead::builder("laboratory").max_calls(places).max_waiting(100).max_wait(HOUR);
    let stack = Stack::builder("laboratory")
        .deadline(HOUR * 3)
        .retry(Retry::builder("laboratory").max_tries(2).build().unwrap())
        .bulkhead(bulkhead.build().unwrap())
        .breaker(CircuitBreaker::builder("laboratory").consecutive(3).open_for(SECOND).build().unwrap())
        .time_out(HOUR)
        .build()
        .unwrap();
    StackLayer::new(stack, CloneAs(Effect::Read))
}

lawful!(wide, stack(100));
lawful!(tight, stack(1));

#[test]
fn auto_traits_follow_the_inner_service() {
    fn all<T: Send + Sync + Clone + Debug>() {}
    all::<StackLayer<CloneAs>>();
    all::<StackService<u8, CloneAs>>();
    fn send<T: Send + Debug>() {}
    send::<StackFuture<Laboratory>>();
}
