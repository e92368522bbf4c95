//! What a bulkhead tells: each refusal, and nothing else.

use crate::{Never, PATIENCE, bulkhead, poll_once};
use healthcare_resilience::{BulkheadEvent, Deadline, RejectReason};
use std::{pin::pin, time::Duration};
use tokio::sync::broadcast::error::TryRecvError;

fn refused(reason: RejectReason) -> BulkheadEvent {
    BulkheadEvent::Refused { policy: "laboratory", reason }
}

#[test]
fn each_refusal_is_told_to_all_who_listen_and_nothing_else_is() {
    let bulkhead = bulkhead(1, 0);
    let held = bulkhead.try_acquire().unwrap();
    bulkhead.try_acquire().unwrap_err();
    let (mut one, mut two) = (bulkhead.events(), bulkhead.clone().events());
    bulkhead.try_acquire().unwrap_err();
    bulkhead.try_acquire_owned().unwrap_err();
    drop(held);
    drop(bulkhead.try_acquire().unwrap());
    for events in [&mut one, &mut two] {
        assert_eq!(events.try_recv(), Ok(refused(RejectReason::BulkheadFull)));
        assert_eq!(events.try_recv(), Ok(refused(RejectReason::BulkheadFull)));
        assert_eq!(events.try_recv(), Err(TryRecvError::Empty));
    }
    drop((one, two));
    let _held = bulkhead.try_acquire().unwrap();
    bulkhead.try_acquire().unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_no_refusal_until_it_ends_as_one() {
    let bulkhead = bulkhead(1, 1);
    let mut events = bulkhead.events();
    let held = bulkhead.try_acquire().unwrap();
    let mut waits = pin!(bulkhead.acquire());
    assert!(poll_once(waits.as_mut()).is_pending());
    assert_eq!(events.try_recv(), Err(TryRecvError::Empty));
    bulkhead.call(async { Ok::<_, Never>(()) }).await.unwrap_err();
    assert_eq!(events.try_recv(), Ok(refused(RejectReason::BulkheadFull)));
    waits.await.unwrap_err();
    assert_eq!(events.try_recv(), Ok(refused(RejectReason::WaitedTooLong)));
    Deadline::within(PATIENCE / 2).scope(bulkhead.acquire()).await.unwrap_err();
    assert_eq!(events.try_recv(), Ok(refused(RejectReason::DeadlineOver)));
    Deadline::within(Duration::ZERO).scope(bulkhead.acquire()).await.unwrap_err();
    assert_eq!(events.try_recv(), Ok(refused(RejectReason::DeadlineOver)));
    // One who leaves was not refused, and one who was served neither.
    let mut leaves = Box::pin(bulkhead.acquire());
    assert!(poll_once(leaves.as_mut()).is_pending());
    drop(leaves);
    let mut served = pin!(bulkhead.acquire());
    assert!(poll_once(served.as_mut()).is_pending());
    drop(held);
    drop(served.await.unwrap());
    assert_eq!(events.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_slow_listener_loses_the_oldest_and_costs_nobody_anything() {
    let bulkhead = bulkhead(1, 0);
    let mut events = bulkhead.events();
    let _held = bulkhead.try_acquire().unwrap();
    for _ in 0..100 {
        bulkhead.try_acquire().unwrap_err();
    }
    assert_eq!(events.try_recv(), Err(TryRecvError::Lagged(68)));
    assert_eq!((0..100).take_while(|_| events.try_recv().is_ok()).count(), 32);
}
