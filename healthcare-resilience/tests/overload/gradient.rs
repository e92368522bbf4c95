use crate::{MS, sample, stepping};
use healthcare_resilience::{Class, Gradient};

#[test]
fn without_a_queue_it_grows_by_what_may_queue() {
    let (builder, hand) = stepping(Gradient::default());
    let limit = builder.initial(20).build().unwrap();
    let mut estimate = 20.0_f64;
    for _ in 0..50 {
        sample(&limit, &hand, MS * 10, limit.limit(), Class::Success);
        estimate = estimate * 0.8 + (estimate + 4.0) * 0.2;
        // Binary fractions may fall on either side of a whole number.
        assert!((limit.limit() as f64 - estimate).abs() <= 1.001, "{} for {estimate}", limit.limit());
    }
    assert!(limit.limit() >= 59, "0.8 for each sample");
}

#[test]
fn a_queue_shrinks_it_by_the_gradient() {
    let (builder, hand) = stepping(Gradient::default().smoothing(1.0));
    let limit = builder.initial(100).build().unwrap();
    for _ in 0..10 {
        sample(&limit, &hand, MS * 10, 1, Class::Success);
    }
    assert_eq!(limit.limit(), 100, "one of a hundred says nothing of the limit");
    sample(&limit, &hand, MS * 20, 100, Class::Success);
    // 100 * 1.5 * 10 / 20 + 4
    assert_eq!(limit.limit(), 79);
}

#[test]
fn within_the_tolerance_it_grows() {
    let (builder, hand) = stepping(Gradient::default().smoothing(1.0).tolerance(2.0));
    let limit = builder.initial(100).build().unwrap();
    for _ in 0..10 {
        sample(&limit, &hand, MS * 10, 1, Class::Success);
    }
    sample(&limit, &hand, MS * 20, 100, Class::Success);
    assert_eq!(limit.limit(), 104);
}

#[test]
fn one_outlier_takes_at_most_half() {
    let (builder, hand) = stepping(Gradient::default().smoothing(1.0));
    let limit = builder.initial(100).build().unwrap();
    for _ in 0..10 {
        sample(&limit, &hand, MS * 10, 1, Class::Success);
    }
    sample(&limit, &hand, MS * 100_000, 100, Class::Success);
    assert_eq!(limit.limit(), 54);
}

#[test]
fn failures_are_not_fast_calls() {
    // Netflix/concurrency-limits #176: a callee that refuses in a millisecond looks as if it had room.
    let (builder, hand) = stepping(Gradient::default());
    let limit = builder.initial(100).build().unwrap();
    for _ in 0..10 {
        sample(&limit, &hand, MS * 10, 1, Class::Success);
    }
    for _ in 0..10 {
        sample(&limit, &hand, MS, limit.limit(), Class::Busy { retry_after: None });
    }
    assert!(limit.limit() < 50, "{}", limit.limit());
    let shrunk = limit.limit();
    sample(&limit, &hand, MS * 10, shrunk, Class::Success);
    assert!(limit.limit() >= shrunk, "ten milliseconds are still no queue");
}

#[test]
fn a_latency_that_returns_to_normal_lets_it_grow_again() {
    let (builder, hand) = stepping(Gradient::default());
    let limit = builder.initial(50).build().unwrap();
    for _ in 0..10 {
        sample(&limit, &hand, MS * 100, 50, Class::Success);
    }
    let before = limit.limit();
    for _ in 0..30 {
        sample(&limit, &hand, MS * 10, limit.limit(), Class::Success);
    }
    assert!(limit.limit() > before);
    // The average came down much faster than 600 samples would take it: 40 is a queue by now.
    let grown = limit.limit();
    for _ in 0..5 {
        sample(&limit, &hand, MS * 60, limit.limit(), Class::Success);
    }
    assert!(limit.limit() < grown, "{grown} to {}", limit.limit());
}
