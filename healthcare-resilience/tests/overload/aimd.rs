use crate::{MS, sample, stepping};
use healthcare_resilience::{Aimd, Class};

#[test]
fn it_begins_where_it_is_told() {
    let (builder, _) = stepping(Aimd::default());
    assert_eq!(builder.clone().initial(10).build().unwrap().limit(), 10);
    assert_eq!(builder.clone().build().unwrap().limit(), 20);
    assert_eq!(builder.clone().max(15).build().unwrap().limit(), 15, "not above the maximum");
    assert_eq!(builder.min(30).build().unwrap().limit(), 30, "not below the minimum");
}

#[test]
fn a_success_adds_one_while_half_is_in_use() {
    let (builder, hand) = stepping(Aimd::default());
    let limit = builder.initial(20).build().unwrap();
    sample(&limit, &hand, MS, 9, Class::Success);
    assert_eq!(limit.limit(), 20, "nine of twenty are less than half");
    sample(&limit, &hand, MS, 10, Class::Success);
    assert_eq!(limit.limit(), 21);
}

#[test]
fn a_failure_takes_a_tenth_however_few_are_under_way() {
    let (builder, hand) = stepping(Aimd::default());
    let limit = builder.initial(30).build().unwrap();
    sample(&limit, &hand, MS, 1, Class::Transient);
    assert_eq!(limit.limit(), 27);
}

#[test]
fn it_stays_between_its_ends() {
    let (builder, hand) = stepping(Aimd::default().ratio(0.5));
    let limit = builder.initial(21).min(8).max(21).build().unwrap();
    sample(&limit, &hand, MS, 11, Class::Success);
    assert_eq!(limit.limit(), 21);
    for _ in 0..5 {
        sample(&limit, &hand, MS, 1, Class::Permanent);
    }
    assert_eq!(limit.limit(), 8);
}

#[test]
fn a_call_that_takes_too_long_is_a_failure() {
    let (builder, hand) = stepping(Aimd::default().slow(MS * 100));
    let limit = builder.initial(30).build().unwrap();
    sample(&limit, &hand, MS * 100, 30, Class::Success);
    assert_eq!(limit.limit(), 31, "exactly as long as allowed");
    sample(&limit, &hand, MS * 101, 30, Class::Success);
    assert_eq!(limit.limit(), 27);
}

#[test]
fn calls_that_fail_together_are_one_sign() {
    let (builder, hand) = stepping(Aimd::default());
    let limit = builder.initial(100).build().unwrap();
    let permits: Vec<_> = (0..100).map(|_| limit.try_acquire().unwrap()).collect();
    hand.advance(MS);
    for permit in permits {
        permit.record(Class::Busy { retry_after: None });
    }
    assert_eq!(limit.limit(), 90, "not 0.9 to the hundredth power");
    // What began after the decrease is a new sign.
    for shrunk in [81, 72] {
        hand.advance(MS);
        sample(&limit, &hand, MS, 1, Class::Transient);
        assert_eq!(limit.limit(), shrunk);
    }
}
