//! The stack in words: what a reader sees is kept.

use crate::{breaker, bulkhead, hedge, ms, rate, retry};
use healthcare_resilience::{
    AdaptiveLimit, Aimd, CircuitBreaker, Gradient, LimitAlgorithm, OrderRule, Shedder, Stack, Throttle,
    ThrottleFormula, Vegas, WarmUp, WarmUpCurve,
};
use std::time::Duration;

#[test]
fn every_step_has_a_line_with_numbers_and_a_reason() {
    let stack = Stack::builder("patients")
        .deadline(Duration::from_secs(10))
        .rate_limit(rate(360))
        .retry(retry(3))
        .hedge(hedge(ms(80)))
        .bulkhead(bulkhead(20, 50))
        .breaker(CircuitBreaker::database("patients").build().unwrap())
        .time_out(Duration::from_secs(2))
        .build()
        .unwrap();
    assert_eq!(
        stack.explain().to_string(),
        "\
stack patients, outside in
1. deadline: 10s; bounds every queue, try and wait below, and is seen by what is called
2. rate limit laboratory: 360 in 3600s, 360 at once; counts calls, however often they are tried
3. retry laboratory: up to 3 tries, waits 100ms, no budget; repeats what stands below, and no refusal of it
4. hedge laboratory: up to 1 further tries after 80ms, budget laboratory; doubles what is slow below, never a plain write
5. bulkhead laboratory: 20 at once, 50 wait up to 60s; gives the place back while the call waits for its next try
6. breaker patients: opens at 50% failed or 80% slower than 2s of 20 or more calls in 10s, for 5s up to 60s, then probes 3; \
sees every try, and refuses further ones while open
7. time-out: 2s; for each try, so that one that hangs leaves time for another"
    );
}

#[test]
fn what_bounds_overload_has_its_numbers_too() {
    let limit = |algorithm: LimitAlgorithm| AdaptiveLimit::builder("laboratory").algorithm(algorithm).build();
    let stack = |limit| {
        Stack::builder("patients")
            .warm_up(WarmUp::builder("api").calls(10, 500).over(Duration::from_secs(60)).build().unwrap())
            .shed(Shedder::builder("api").max_calls(80).build().unwrap())
            .throttle(Throttle::builder("laboratory").build().unwrap())
            .adaptive_limit(limit)
            .build()
            .unwrap()
    };
    let text = stack(limit(Aimd::default().into()).unwrap()).explain().to_string();
    assert_eq!(
        text,
        "\
stack patients, outside in
1. warm-up api: 10 at once at first, 500 after 60s, growing slowly first; before anything was spent on the call
2. shedder api: 80 at once; clinical up to 90%, normal up to 75%, background up to 50%, emergencies up to all of it; \
before anything was spent on the call
3. throttle laboratory: sends up to 2 for each that is accepted, once 10 came back in 120s, and always 5% of them; \
counts every try, and refusals further in not at all
4. adaptive limit laboratory: by failures and calls over 5s, down to 90% each time, 1 to 200 at once, 20 at first; \
measures the callee, not the waits between tries"
    );
    for (algorithm, words) in [
        (Vegas::default().into(), "by the queue that latency implies (Vegas), 1 to 200 at once"),
        (
            Gradient::default().tolerance(1.25).into(),
            "by latency over 1.25 times that without load, 1 to 200",
        ),
    ] {
        let text = stack(limit(algorithm).unwrap()).explain().to_string();
        assert!(text.contains(words), "{text}");
    }
    let envoy = ThrottleFormula::Envoy { success: 0.95, aggression: 1.0 };
    let throttle =
        Throttle::builder("laboratory").formula(envoy).window(Duration::from_secs(30)).build().unwrap();
    let adaptive = Shedder::builder("api").limit(limit(Vegas::default().into()).unwrap()).build().unwrap();
    let warm_up =
        WarmUp::builder("api").calls(1, 2).over(ms(500)).curve(WarmUpCurve::Linear).build().unwrap();
    let stack =
        Stack::builder("patients").warm_up(warm_up).shed(adaptive).throttle(throttle).build().unwrap();
    let text = stack.explain().to_string();
    for words in [
        "leaves out calls below 95% accepted, once 10 came back in 30s",
        "(Vegas), 1 to 200 at once, 20 at first; clinical up to 90%",
        "1 at once at first, 2 after 500ms, growing evenly",
    ] {
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn a_rule_broken_knowingly_has_a_line() {
    let stack = Stack::builder("patients")
        .breaker(breaker(5))
        .retry(retry(3))
        .allow(OrderRule::BreakerInsideRetry)
        .build()
        .unwrap();
    let text = stack.explain().to_string();
    assert!(text.contains("\n1. breaker laboratory: opens after 5 failures in a row, for 10s up to 100s, then probes 1; sees one result for all tries\n"), "{text}");
    let last = text.lines().last().unwrap();
    assert_eq!(
        last,
        "allowed: not so here that the breaker stands inside the retry, although outside it sees one result for \
         several tries, opens late, and does not stop the tries of a call under way"
    );
}

#[test]
fn breakers_are_shared_with_health_checks() {
    let one = breaker(5);
    let stack = Stack::builder("patients").retry(retry(2)).breaker(one.clone()).build().unwrap();
    one.force_open();
    let states: Vec<_> = stack.breakers().map(|breaker| breaker.state().as_str()).collect();
    assert_eq!(states, ["forced_open"]);
}

#[tokio::test(start_paused = true)]
async fn every_preset_builds_and_shows_its_numbers() {
    let presets = [
        (Stack::for_database("billing"), 5),
        (Stack::for_redis("billing"), 4),
        (Stack::for_external_api("billing"), 5),
        (Stack::for_email("billing"), 3),
        (Stack::for_sms("billing"), 5),
    ];
    for (preset, steps) in presets {
        let stack = preset.unwrap();
        let text = stack.explain().to_string();
        assert_eq!(text.lines().count(), 1 + steps, "{text}");
        assert!(!text.contains("allowed"), "{text}");
        assert_eq!(stack.read(|| async { Ok::<_, std::io::Error>(7) }).await.unwrap(), 7);
    }
}
