//! What cannot be built, and what the presets are.

use healthcare_resilience::{BreakerBuilder, BreakerConfigError, BreakerState, CircuitBreaker, Class};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn refused(builder: BreakerBuilder) -> String {
    builder.build().unwrap_err().to_string()
}

fn new() -> BreakerBuilder {
    CircuitBreaker::builder("billing")
}

#[test]
fn every_number_is_checked() {
    for bad in [0.0, -0.1, 1.000_001, 1e-9, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(refused(new().failure_rate(bad)).contains("failure_rate must be over 0.0"), "{bad}");
        assert!(refused(new().slow_calls(SECOND, bad)).contains("slow_calls must be over 0.0"), "{bad}");
    }
    for bad in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        assert!(refused(new().open_jitter(bad)).contains("open_jitter must be 0.0 to 1.0"), "{bad}");
    }
    for bad in [0.99, -2.0, f64::NAN, f64::INFINITY] {
        assert!(refused(new().open_growth(bad, SECOND * 99)).contains("open_growth must be 1.0"), "{bad}");
    }
    for (builder, told) in [
        (new().consecutive(0), "consecutive must be at least 1"),
        (new().count_window(0), "count_window must be 1 to 65536"),
        (new().count_window(65_537), "count_window must be 1 to 65536"),
        (new().time_window(Duration::ZERO), "time_window must be a microsecond or more"),
        (new().time_window(Duration::from_nanos(999)), "time_window must be a microsecond or more"),
        (new().min_calls(0), "min_calls must be at least 1"),
        (new().probes(0), "probes must be 1 to 10000"),
        (new().probes(10_001), "probes must be 1 to 10000"),
        (new().lease(Duration::ZERO), "lease must be above zero"),
        (new().open_for(Duration::ZERO), "open_for must be above zero"),
        (new().slow_calls(Duration::ZERO, 0.5), "slow time must be above zero"),
        (new().slow_as_failure(Duration::ZERO), "slow time must be above zero"),
    ] {
        assert_eq!(refused(builder), format!("breaker billing: {told}"));
    }
}

#[test]
fn contradictions_are_refused_when_built() {
    let breaker = "billing";
    assert_eq!(
        new().count_window(10).min_calls(11).build().unwrap_err(),
        BreakerConfigError::WindowTooSmall { breaker, window: 10, min_calls: 11 }
    );
    for (builder, setting) in [
        (new().consecutive(5).min_calls(5), "min_calls"),
        (new().consecutive(5).failure_rate(0.5), "failure_rate"),
        (new().consecutive(5).slow_calls(SECOND, 0.5), "slow_calls"),
    ] {
        assert_eq!(builder.build().unwrap_err(), BreakerConfigError::NeedsWindow { breaker, setting });
    }
    let builder = new().open_for(SECOND * 60).open_growth(2.0, SECOND * 59);
    assert_eq!(builder.build().unwrap_err(), BreakerConfigError::MaxBelowFirst { breaker });
}

#[test]
fn the_ends_of_every_range_are_in_it() {
    for builder in [
        new().count_window(1).min_calls(1).failure_rate(1.0),
        new().count_window(65_536).failure_rate(0.000_001),
        new().time_window(Duration::from_micros(1)).min_calls(u32::MAX),
        new().time_window(Duration::MAX),
        new().consecutive(u32::MAX).probes(10_000).lease(Duration::MAX),
        new().open_for(Duration::MAX).open_growth(f64::MAX, Duration::MAX).open_jitter(1.0),
        new().open_for(Duration::from_nanos(1)).open_growth(1.0, Duration::from_nanos(1)).open_jitter(0.0),
        new().slow_calls(Duration::MAX, 1.0),
    ] {
        let breaker = builder.build().unwrap();
        assert_eq!((breaker.state(), breaker.name()), (BreakerState::Closed, "billing"));
        breaker.trip();
        assert!(breaker.state() == BreakerState::Open);
    }
}

/// Each preset builds, opens by what its table says, and not one call before.
#[test]
fn presets_open_where_they_say() {
    let open_after = |builder: BreakerBuilder| {
        let breaker = builder.build().unwrap();
        let mut calls = 0;
        while breaker.state() == BreakerState::Closed {
            breaker.try_acquire().unwrap().record(Class::Transient);
            calls += 1;
        }
        (calls, breaker.snapshot().open_for.unwrap().as_secs_f64())
    };
    for (builder, calls, first, jitter) in [
        (CircuitBreaker::database("a"), 20, 5.0, 0.2),
        (CircuitBreaker::redis("a"), 50, 1.0, 0.2),
        (CircuitBreaker::external_api("a"), 10, 30.0, 0.25),
        (CircuitBreaker::email("a"), 5, 60.0, 0.25),
        (CircuitBreaker::sms("a"), 3, 30.0, 0.25),
    ] {
        let (seen, open_for) = open_after(builder);
        assert_eq!(seen, calls);
        // The first part of a second may have gone by.
        assert!((first - 1.0..=first * (1.0 + jitter) + 1e-6).contains(&open_for), "{open_for}");
    }
}

#[test]
fn a_preset_is_a_beginning() {
    let breaker = CircuitBreaker::email("mail").consecutive(1).build().unwrap();
    breaker.try_acquire().unwrap().record(Class::Transient);
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[test]
fn nothing_of_an_error_is_in_what_a_breaker_shows() {
    let breaker = CircuitBreaker::builder("patients").consecutive(1).build().unwrap();
    let work = async { Err::<(), _>(std::io::Error::other("patient Anna Muster, born 1970")) };
    let mut call = Box::pin(breaker.call(work));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(call.as_mut().poll(&mut context).is_ready());
    drop(call);
    let shown = format!("{breaker:?} {:?} {}", breaker.snapshot(), breaker.try_acquire().unwrap_err());
    assert!(!shown.contains("Anna") && !shown.contains("1970"), "{shown}");
    assert!(shown.contains("patients"));
}
