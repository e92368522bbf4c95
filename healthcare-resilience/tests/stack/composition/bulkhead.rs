use crate::{Answer, Laboratory, Trouble, bulkhead, ms, retry};
use futures_util::future::{join, join_all};
use healthcare_resilience::{CallError, OrderRule, Stack, StackBuilder};

const CLOSED: Answer = Err(Trouble::Closed);

fn stack() -> StackBuilder {
    Stack::builder("laboratory")
}

#[tokio::test(start_paused = true)]
async fn no_place_is_held_while_a_call_waits_for_its_next_try() {
    let bulkhead = bulkhead(1, 5);
    let stack = stack().retry(retry(2)).bulkhead(bulkhead.clone()).build().unwrap();
    let (failing, other) = (Laboratory::answering(&[CLOSED]), Laboratory::new(&[(ms(20), Ok(2))]));
    let mut call = Box::pin(stack.read(|| failing.call()));
    assert!(crate::poll_once(call.as_mut()).is_pending());
    assert_eq!((failing.made(), bulkhead.in_flight()), (1, 0));
    assert_eq!(stack.read(|| other.call()).await, Ok(2));
    assert_eq!(call.await, Err(CallError::Inner(Trouble::Closed)));
    assert_eq!(failing.made(), 2);
}

#[tokio::test(start_paused = true)]
async fn outside_the_retry_it_holds_the_place_and_has_to_be_allowed() {
    let bulkhead = bulkhead(1, 0);
    let around = stack().bulkhead(bulkhead.clone()).retry(retry(2)).allow(OrderRule::BulkheadInsideRetry);
    let stack = around.build().unwrap();
    let failing = Laboratory::answering(&[CLOSED]);
    let mut call = Box::pin(stack.read(|| failing.call()));
    assert!(crate::poll_once(call.as_mut()).is_pending());
    assert_eq!((failing.made(), bulkhead.in_flight()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_further_try_stands_at_the_end_of_the_line() {
    let stack = stack().retry(retry(2)).bulkhead(bulkhead(1, 5)).build().unwrap();
    let order = std::sync::Mutex::new(Vec::new());
    let work = |name: &'static str, fails: bool| {
        let order = &order;
        move || async move {
            order.lock().unwrap().push(name);
            tokio::time::sleep(ms(200)).await;
            if fails { CLOSED } else { Ok(1) }
        }
    };
    let calls = join_all([
        Box::pin(stack.read(work("a", true))) as std::pin::Pin<Box<dyn Future<Output = _>>>,
        Box::pin(stack.read(work("b", false))),
        Box::pin(stack.read(work("c", false))),
    ]);
    let ends = calls.await;
    assert_eq!(ends, [Err(CallError::Inner(Trouble::Closed)), Ok(1), Ok(1)]);
    assert_eq!(*order.lock().unwrap(), ["a", "b", "c", "a"]);
}

#[tokio::test(start_paused = true)]
async fn a_call_cancelled_in_the_queue_is_never_made() {
    let stack = stack().bulkhead(bulkhead(1, 5)).build().unwrap();
    let (first, second) = (Laboratory::new(&[(ms(200), Ok(1))]), Laboratory::answering(&[Ok(2)]));
    let waiting = tokio::time::timeout(ms(50), stack.read(|| second.call()));
    let (done, cancelled) = join(stack.read(|| first.call()), waiting).await;
    assert!(done.is_ok() && cancelled.is_err());
    assert_eq!(second.made(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_limit_outside_runs_in_the_queue() {
    let bulkhead = bulkhead(1, 5);
    let stack = stack().time_out(ms(100)).bulkhead(bulkhead.clone()).build().unwrap();
    let laboratory = Laboratory::new(&[(ms(60), Ok(1))]);
    let (one, other) = join(stack.read(|| laboratory.call()), stack.read(|| laboratory.call())).await;
    // The second waited 60 ms of its 100 and was then dropped at work.
    assert!(one.is_ok() && matches!(other, Err(CallError::Elapsed(at)) if at.limit() == ms(100)));
    assert_eq!((laboratory.made(), laboratory.ended(), bulkhead.in_flight()), (2, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_limit_inside_begins_with_the_work() {
    let stack = stack().deadline(ms(900)).bulkhead(bulkhead(1, 5)).time_out(ms(100)).build().unwrap();
    let laboratory = Laboratory::new(&[(ms(60), Ok(1))]);
    let ends = join_all((0..4).map(|_| stack.read(|| laboratory.call()))).await;
    assert!(ends.iter().all(Result::is_ok));
}

#[tokio::test(start_paused = true)]
async fn under_pressure_no_more_work_lives_than_places_are() {
    let stack = stack().retry(retry(3)).bulkhead(bulkhead(5, 200)).time_out(ms(70)).build().unwrap();
    let script: Vec<_> =
        (0..400).map(|at| (ms(10 + at % 90), if at % 3 == 0 { CLOSED } else { Ok(1) })).collect();
    let laboratory = Laboratory::new(&script);
    let calls = (0..150).map(|at| {
        let (stack, laboratory) = (stack.clone(), laboratory.clone());
        // Every fifth caller loses patience.
        let patience = ms(if at % 5 == 0 { 20 + at } else { 60_000 });
        tokio::spawn(async move { tokio::time::timeout(patience, stack.read(|| laboratory.call())).await })
    });
    join_all(calls).await;
    assert_eq!((laboratory.peak(), laboratory.live()), (5, 0));
}
