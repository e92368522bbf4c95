use healthcare_resilience::{
    AdaptiveLimit, Aimd, Dimmer, Gradient, LimitAlgorithm, OverloadConfigError, Shedder, Throttle,
    ThrottleFormula, Vegas, WarmUp,
};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn setting<T: std::fmt::Debug>(built: Result<T, OverloadConfigError>) -> &'static str {
    let error = built.unwrap_err();
    assert_eq!(error.policy(), "x");
    assert!(error.to_string().starts_with("x: "));
    error.setting()
}

#[test]
fn limits() {
    let limit = || AdaptiveLimit::builder("x").algorithm(Aimd::default());
    assert_eq!(setting(AdaptiveLimit::builder("x").build()), "algorithm");
    assert_eq!(setting(limit().max(0).build()), "max");
    assert_eq!(setting(limit().max((1 << 20) + 1).build()), "max");
    assert_eq!(setting(limit().min(0).build()), "min");
    assert_eq!(setting(limit().min(11).max(10).build()), "min");
    assert_eq!(setting(limit().initial(0).build()), "initial");
    assert_eq!(setting(limit().window(SECOND, 0).build()), "window");
    assert_eq!(setting(limit().probe_every(1).build()), "probe_every");
    let with = |algorithm: LimitAlgorithm| setting(AdaptiveLimit::builder("x").algorithm(algorithm).build());
    for ratio in [0.49, 1.0, f64::NAN, f64::INFINITY, -1.0] {
        assert_eq!(with(Aimd::default().ratio(ratio).into()), "ratio");
    }
    assert_eq!(with(Aimd::default().slow(Duration::ZERO).into()), "slow");
    assert_eq!(with(Vegas::default().queue(7, 6).into()), "queue");
    assert_eq!(with(Gradient::default().long(0).into()), "long");
    for tolerance in [0.99, 101.0, f64::NAN] {
        assert_eq!(with(Gradient::default().tolerance(tolerance).into()), "tolerance");
    }
    for smoothing in [0.0, -0.5, 1.01, f64::NAN] {
        assert_eq!(with(Vegas::default().smoothing(smoothing).into()), "smoothing");
        assert_eq!(with(Gradient::default().smoothing(smoothing).into()), "smoothing");
    }
}

#[test]
fn throttles() {
    let throttle = || Throttle::builder("x");
    assert!(throttle().build().is_ok());
    assert_eq!(setting(throttle().window(Duration::ZERO).build()), "window");
    assert_eq!(setting(throttle().window(Duration::MAX).build()), "window");
    for share in [0.0, -1.0, 1.1, f64::NAN] {
        assert_eq!(setting(throttle().min_pass(share).build()), "min_pass");
        let formula = ThrottleFormula::Envoy { success: share, aggression: 1.0 };
        assert_eq!(setting(throttle().formula(formula).build()), "formula");
    }
    for k in [0.9, 101.0, f64::NAN] {
        assert_eq!(setting(throttle().formula(ThrottleFormula::Sre { k }).build()), "formula");
    }
    for aggression in [0.0, 11.0, f64::NAN] {
        let formula = ThrottleFormula::Envoy { success: 0.9, aggression };
        assert_eq!(setting(throttle().formula(formula).build()), "formula");
    }
}

#[test]
fn shedders() {
    let shedder = || Shedder::builder("x");
    assert_eq!(setting(shedder().build()), "max_calls");
    assert_eq!(setting(shedder().max_calls(0).build()), "max_calls");
    assert_eq!(setting(shedder().max_calls((1 << 20) + 1).build()), "max_calls");
    let limit = AdaptiveLimit::builder("y").algorithm(Aimd::default()).build().unwrap();
    assert_eq!(setting(shedder().max_calls(1).limit(limit).build()), "limit");
    for (background, normal, clinical) in
        [(0.0, 0.5, 0.5), (0.5, 1.1, 1.1), (0.5, 0.4, 0.9), (0.5, 0.9, 0.8), (f64::NAN, 0.5, 0.5)]
    {
        assert_eq!(setting(shedder().max_calls(1).shares(background, normal, clinical).build()), "shares");
    }
}

#[test]
fn dimmers() {
    let dimmer = || Dimmer::builder("x").target(SECOND);
    assert_eq!(setting(Dimmer::builder("x").build()), "target");
    assert_eq!(setting(dimmer().target(Duration::MAX).build()), "target");
    assert_eq!(setting(dimmer().period(Duration::ZERO).build()), "period");
    for share in [0.0, 1.1, f64::NAN] {
        assert_eq!(setting(dimmer().quantile(share).build()), "quantile");
        assert_eq!(setting(dimmer().gains(share, 0.5).build()), "gains");
        assert_eq!(setting(dimmer().gains(0.5, share).build()), "gains");
    }
}

#[test]
fn warm_ups() {
    let warm_up = || WarmUp::builder("x").calls(1, 10).over(SECOND);
    assert!(warm_up().build().is_ok());
    assert_eq!(setting(WarmUp::builder("x").over(SECOND).build()), "calls");
    assert_eq!(setting(warm_up().calls(11, 10).build()), "calls");
    assert_eq!(setting(warm_up().calls(1, (1 << 20) + 1).build()), "calls");
    assert_eq!(setting(WarmUp::builder("x").calls(1, 10).build()), "over");
    assert_eq!(setting(warm_up().over(Duration::MAX).build()), "over");
}
