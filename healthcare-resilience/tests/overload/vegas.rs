use crate::{MS, sample, stepping};
use healthcare_resilience::{AdaptiveLimit, Class, ClockHand, Vegas};

fn ten() -> (AdaptiveLimit, ClockHand) {
    let (builder, hand) = stepping(Vegas::default().queue(3, 6));
    let limit = builder.initial(10).max(20).build().unwrap();
    sample(&limit, &hand, MS * 10, 10, Class::Success);
    assert_eq!(limit.limit(), 10, "the first sample is what the next are compared with");
    (limit, hand)
}

#[test]
fn without_a_queue_it_grows_by_beta() {
    let (limit, hand) = ten();
    sample(&limit, &hand, MS * 10, 10, Class::Success);
    assert_eq!(limit.limit(), 16);
    sample(&limit, &hand, MS * 10, 16, Class::Success);
    assert_eq!(limit.limit(), 20, "not above the maximum");
}

#[test]
fn a_large_limit_grows_by_six_times_its_logarithm() {
    let (builder, hand) = stepping(Vegas::default());
    let limit = builder.initial(10_000).max(20_000).build().unwrap();
    sample(&limit, &hand, MS * 10_000, 5_000, Class::Success);
    assert_eq!(limit.limit(), 10_000);
    sample(&limit, &hand, MS * 10_000, 6_000, Class::Success);
    assert_eq!(limit.limit(), 10_024);
}

#[test]
fn a_short_queue_lets_it_grow_by_one() {
    let (limit, hand) = ten();
    // 10 * (1 - 10 / 12) = 1.67, so 2: more than 1 and fewer than 3.
    sample(&limit, &hand, MS * 12, 10, Class::Success);
    assert_eq!(limit.limit(), 11);
}

#[test]
fn a_queue_between_alpha_and_beta_holds_it() {
    let (limit, hand) = ten();
    sample(&limit, &hand, MS * 14, 10, Class::Success);
    assert_eq!(limit.limit(), 10);
}

#[test]
fn a_long_queue_shrinks_it() {
    let (limit, hand) = ten();
    sample(&limit, &hand, MS * 50, 10, Class::Success);
    assert_eq!(limit.limit(), 9);
}

#[test]
fn a_failure_shrinks_it_however_fast_it_came() {
    let (limit, hand) = ten();
    sample(&limit, &hand, MS / 1_000, 10, Class::Transient);
    assert_eq!(limit.limit(), 9);
    // A refusal of a microsecond is no latency without load: ten milliseconds are still no queue.
    sample(&limit, &hand, MS * 10, 9, Class::Success);
    assert_eq!(limit.limit(), 15);
}

#[test]
fn steps_can_be_taken_in_part() {
    let (builder, hand) = stepping(Vegas::default().smoothing(0.5));
    let limit = builder.initial(100).build().unwrap();
    sample(&limit, &hand, MS * 10, 100, Class::Success);
    sample(&limit, &hand, MS * 30, 100, Class::Success);
    assert_eq!(limit.limit(), 99, "half of the logarithm of 100");
    sample(&limit, &hand, MS * 30, 99, Class::Success);
    assert_eq!(limit.limit(), 98);
}

#[test]
fn less_than_half_in_use_says_nothing_of_the_limit() {
    let (limit, hand) = ten();
    for _ in 0..100 {
        sample(&limit, &hand, MS * 10, 4, Class::Success);
    }
    assert_eq!(limit.limit(), 10);
    sample(&limit, &hand, MS * 10, 5, Class::Success);
    assert_eq!(limit.limit(), 16);
}

#[test]
fn a_faster_call_is_learned_from_at_once() {
    let (limit, hand) = ten();
    sample(&limit, &hand, MS * 2, 10, Class::Success);
    assert_eq!(limit.limit(), 10);
    sample(&limit, &hand, MS * 10, 10, Class::Success);
    assert_eq!(limit.limit(), 9, "ten are slow now: a queue of eight");
}
