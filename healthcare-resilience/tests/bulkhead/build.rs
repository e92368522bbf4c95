use crate::{PATIENCE, bulkhead};
use healthcare_resilience::{Bulkhead, BulkheadConfigError, RejectReason};
use std::time::Duration;

#[test]
fn a_number_that_is_missing_or_absurd_is_refused() {
    let max = 1 << 20;
    let calls = BulkheadConfigError::Calls { name: "x", max };
    assert_eq!(Bulkhead::builder("x").build().unwrap_err(), calls);
    assert_eq!(Bulkhead::builder("x").max_calls(0).build().unwrap_err(), calls);
    assert_eq!(Bulkhead::builder("x").max_calls(max + 1).build().unwrap_err(), calls);
    let waiting = Bulkhead::builder("x").max_calls(1).max_waiting(max + 1).max_wait(PATIENCE).build();
    assert_eq!(waiting.unwrap_err(), BulkheadConfigError::Waiting { name: "x", max });
    for (waiting, wait) in [(1, Duration::ZERO), (0, PATIENCE)] {
        let built = Bulkhead::builder("x").max_calls(1).max_waiting(waiting).max_wait(wait).build();
        assert_eq!(built.unwrap_err(), BulkheadConfigError::Wait { name: "x" });
    }
    assert!(Bulkhead::builder("x").max_calls(max).max_waiting(max).max_wait(Duration::MAX).build().is_ok());
}

#[test]
fn it_has_its_name_and_its_numbers() {
    let bulkhead = bulkhead(2, 1);
    assert_eq!((bulkhead.name(), bulkhead.max_calls()), ("laboratory", 2));
    assert!(format!("{bulkhead:?}").contains("laboratory"));
    let clone = bulkhead.clone();
    let _permit = clone.try_acquire().unwrap();
    assert_eq!(bulkhead.in_flight(), 1, "a clone is the same bulkhead");
}

#[test]
fn places_are_taken_given_back_and_taken_again() {
    let bulkhead = bulkhead(2, 0);
    let first = bulkhead.try_acquire().unwrap();
    let second = bulkhead.try_acquire_owned().unwrap();
    let refused = bulkhead.try_acquire().unwrap_err();
    assert_eq!((refused.policy(), refused.reason()), ("laboratory", RejectReason::BulkheadFull));
    assert_eq!(bulkhead.try_acquire_owned().unwrap_err().reason(), RejectReason::BulkheadFull);
    drop(first);
    assert_eq!(bulkhead.in_flight(), 1);
    drop(second);
    assert_eq!(bulkhead.in_flight(), 0);
    let (first, second) = (bulkhead.try_acquire(), bulkhead.try_acquire());
    assert!(first.is_ok() && second.is_ok() && bulkhead.try_acquire().is_err());
}
