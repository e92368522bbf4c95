use healthcare_cache::{CacheLevel, CachePolicy, CachePolicyBuilder, PolicyError, TtlClass};
use std::time::Duration;

const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn patient() -> CachePolicyBuilder {
    CachePolicy::of(TtlClass::Patient)
}

#[test]
fn a_class_alone_is_a_policy_with_the_stated_life() {
    let lives: Vec<u64> =
        TtlClass::ALL.iter().map(|class| CachePolicy::of(*class).build().unwrap().life().as_secs()).collect();
    assert_eq!(lives, [86_400, 3_600, 1_800, 300, 60, 0]);
    assert!(CachePolicy::of(TtlClass::RealTime).build().unwrap().is_off());
}

#[test]
fn what_is_not_said_is_safe() {
    let policy = patient().build().unwrap();
    assert_eq!(policy.level(), CacheLevel::Sensitive);
    assert_eq!(policy.stale_after(), secs(900));
    assert_eq!(policy.fail_safe(), Duration::ZERO);
    assert_eq!(policy.negative_life(), None);
    assert!(policy.hard_time_out() <= policy.finish_within());
    let restricted = patient().level(CacheLevel::Restricted).build().unwrap();
    assert_eq!(restricted.stale_after(), restricted.life());
}

#[test]
fn each_contradiction_is_refused_with_its_own_error() {
    let refused = |builder: CachePolicyBuilder| builder.build().unwrap_err();
    assert_eq!(refused(patient().life(Duration::ZERO)), PolicyError::Life);
    assert_eq!(refused(patient().life(Duration::MAX)), PolicyError::Life);
    assert_eq!(refused(patient().stale_after(secs(1_801))), PolicyError::StaleAfter { life: secs(1_800) });
    assert_eq!(refused(patient().stale_after(Duration::ZERO)), PolicyError::StaleAfter { life: secs(1_800) });
    for age in [Duration::ZERO, secs(900)] {
        let wanted = PolicyError::EagerAfter { stale_after: secs(900) };
        assert_eq!(refused(patient().eager_after(age)), wanted);
    }
    for time in [Duration::ZERO, Duration::MAX] {
        assert_eq!(refused(patient().fail_safe(time)), PolicyError::FailSafe);
    }
    assert_eq!(refused(patient().throttle(Duration::ZERO)), PolicyError::Throttle);
    for fraction in [-0.1, 0.51, f64::INFINITY] {
        assert_eq!(refused(patient().jitter(fraction)), PolicyError::Jitter(fraction));
    }
    assert!(matches!(refused(patient().jitter(f64::NAN)), PolicyError::Jitter(_)));
    for life in [Duration::ZERO, secs(1_801)] {
        assert_eq!(refused(patient().negative_life(life)), PolicyError::NegativeLife);
    }
    for count in [0, 10_000_001] {
        let negatives = patient().negative_life(secs(1)).negatives_max(count);
        assert_eq!(refused(negatives), PolicyError::Negatives);
    }
}

#[test]
fn time_outs_are_in_order() {
    let refused = |builder: CachePolicyBuilder| builder.build() == Err(PolicyError::TimeOuts);
    assert!(refused(patient().hard_time_out(Duration::ZERO)));
    assert!(refused(patient().soft_time_out(Duration::ZERO)));
    assert!(refused(patient().soft_time_out(secs(6))));
    assert!(refused(patient().hard_time_out(secs(6)).finish_within(secs(5))));
    assert!(refused(patient().finish_within(Duration::MAX)));
    assert!(patient().soft_time_out(secs(5)).finish_within(secs(5)).build().is_ok());
    assert_eq!(patient().hard_time_out(secs(90)).build().unwrap().finish_within(), secs(90));
}

#[test]
fn a_restricted_value_can_not_be_given_a_stale_time() {
    let restricted = || patient().level(CacheLevel::Restricted);
    for policy in [
        restricted().stale_after(secs(60)),
        restricted().fail_safe(secs(60)),
        restricted().soft_time_out(secs(1)),
    ] {
        assert_eq!(policy.build(), Err(PolicyError::Restricted));
    }
}

#[test]
fn nothing_is_said_about_keeping_what_is_not_kept() {
    let live = || CachePolicy::of(TtlClass::RealTime);
    for policy in [
        live().stale_after(secs(1)),
        live().eager_after(secs(1)),
        live().fail_safe(secs(1)),
        live().negative_life(secs(1)),
        live().soft_time_out(secs(1)),
    ] {
        assert_eq!(policy.build(), Err(PolicyError::Life));
    }
}
