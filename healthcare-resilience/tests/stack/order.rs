//! Which orders are refused, with reason and fix.

use crate::{breaker, bulkhead, hedge, ms, rate, retry};
use healthcare_resilience::{
    OrderRule, Retry, Stack, StackBuilder,
    StackConfigError::{self, Empty, NoTime, NotAllowed, Order, TooManySteps},
    StepKind,
};

fn stack() -> StackBuilder {
    Stack::builder("laboratory")
}

fn refused(builder: StackBuilder) -> StackConfigError {
    builder.build().unwrap_err()
}

/// The rule that is broken, and by which steps.
fn broken(builder: StackBuilder) -> (OrderRule, StepKind, StepKind) {
    match refused(builder) {
        Order { rule, outer, inner, .. } => (rule, outer.0, inner.0),
        other => panic!("{other}"),
    }
}

#[test]
fn a_retry_around_a_retry_is_refused_and_cannot_be_allowed() {
    let twice = stack().retry(retry(3)).retry(retry(3));
    assert_eq!(broken(twice), (OrderRule::OneRetry, StepKind::Retry, StepKind::Retry));
    let allowed = stack().retry(retry(3)).retry(retry(3)).allow(OrderRule::OneRetry);
    assert!(matches!(refused(allowed), NotAllowed { rule: OrderRule::OneRetry, .. }));
}

#[test]
fn a_breaker_around_the_retry_needs_a_word() {
    let around = || stack().breaker(breaker(5)).retry(retry(3));
    assert_eq!(broken(around()), (OrderRule::BreakerInsideRetry, StepKind::Breaker, StepKind::Retry));
    assert!(around().allow(OrderRule::BreakerInsideRetry).build().is_ok());
    assert!(stack().retry(retry(3)).breaker(breaker(5)).build().is_ok());
}

#[test]
fn a_bulkhead_around_the_retry_needs_a_word() {
    let around = || stack().bulkhead(bulkhead(5, 0)).retry(retry(3));
    assert_eq!(broken(around()), (OrderRule::BulkheadInsideRetry, StepKind::Bulkhead, StepKind::Retry));
    assert!(around().allow(OrderRule::BulkheadInsideRetry).build().is_ok());
    assert!(stack().retry(retry(3)).bulkhead(bulkhead(5, 0)).build().is_ok());
}

#[test]
fn a_bulkhead_around_the_hedge_needs_a_word() {
    let around = || stack().bulkhead(bulkhead(5, 0)).hedge(hedge(ms(50)));
    assert_eq!(broken(around()), (OrderRule::BulkheadInsideHedge, StepKind::Bulkhead, StepKind::Hedge));
    assert!(around().allow(OrderRule::BulkheadInsideHedge).build().is_ok());
}

#[test]
fn a_hedge_stands_inside_the_retry() {
    let around = stack().hedge(hedge(ms(50))).retry(retry(3));
    assert_eq!(broken(around), (OrderRule::HedgeInsideRetry, StepKind::Hedge, StepKind::Retry));
    assert!(stack().retry(retry(3)).hedge(hedge(ms(50))).build().is_ok());
}

#[test]
fn the_deadline_stands_outside() {
    let inside = stack().rate_limit(rate(5)).deadline(ms(50));
    assert_eq!(broken(inside), (OrderRule::DeadlineOutermost, StepKind::RateLimit, StepKind::Deadline));
    let twice = stack().deadline(ms(50)).deadline(ms(40));
    assert_eq!(broken(twice), (OrderRule::OneOfKind, StepKind::Deadline, StepKind::Deadline));
}

#[test]
fn a_breaker_that_could_not_see_a_time_out_is_refused() {
    let blind = || stack().time_out(ms(50)).breaker(breaker(5));
    assert_eq!(broken(blind()), (OrderRule::TimeOutInsideBreaker, StepKind::TimeOut, StepKind::Breaker));
    assert!(blind().allow(OrderRule::TimeOutInsideBreaker).build().is_ok());
    assert!(blind().time_out(ms(20)).build().is_ok());
    assert!(stack().breaker(breaker(5)).time_out(ms(50)).build().is_ok());
}

#[test]
fn a_retry_under_a_limit_needs_one_for_each_try() {
    let greedy = || stack().deadline(ms(500)).retry(retry(3));
    assert_eq!(broken(greedy()), (OrderRule::TimeOutInsideRetry, StepKind::Deadline, StepKind::Retry));
    assert!(greedy().time_out(ms(100)).build().is_ok());
    assert!(greedy().allow(OrderRule::TimeOutInsideRetry).build().is_ok());
    let own = || Retry::builder("laboratory").total(ms(500)).build().unwrap();
    assert_eq!(
        broken(stack().retry(own())),
        (OrderRule::TimeOutInsideRetry, StepKind::Retry, StepKind::Retry)
    );
    assert!(stack().retry(own()).time_out(ms(100)).build().is_ok());
    assert_eq!(broken(stack().retry(own()).time_out(ms(500))).0, OrderRule::ShorterInside);
}

#[test]
fn an_inner_limit_is_shorter_at_the_very_edge() {
    let limits = |outer, inner| stack().time_out(ms(outer)).time_out(ms(inner));
    assert_eq!(broken(limits(50, 50)), (OrderRule::ShorterInside, StepKind::TimeOut, StepKind::TimeOut));
    assert_eq!(broken(limits(50, 51)).0, OrderRule::ShorterInside);
    assert!(limits(50, 49).build().is_ok());
    assert_eq!(broken(stack().deadline(ms(50)).time_out(ms(50))).0, OrderRule::ShorterInside);
}

#[test]
fn a_rate_limit_stands_where_it_likes() {
    // Outside it counts calls, inside it counts tries: both are somebody's limit.
    assert!(stack().rate_limit(rate(5)).retry(retry(3)).build().is_ok());
    assert!(stack().retry(retry(3)).rate_limit(rate(5)).build().is_ok());
}

#[test]
fn two_of_a_kind_have_two_names() {
    let same = stack().breaker(breaker(5)).breaker(breaker(5));
    assert_eq!(broken(same), (OrderRule::NamesDiffer, StepKind::Breaker, StepKind::Breaker));
    let host = healthcare_resilience::CircuitBreaker::builder("host").build().unwrap();
    assert!(stack().breaker(host).breaker(breaker(5)).build().is_ok());
}

#[test]
fn nothing_too_much_and_no_time_are_refused() {
    assert_eq!(refused(stack()), Empty { stack: "laboratory" });
    let zero = stack().retry(retry(3)).time_out(ms(0));
    assert_eq!(refused(zero), NoTime { stack: "laboratory", step: StepKind::TimeOut });
    let mut many = stack();
    for at in 0..12 {
        many = many.time_out(ms(100 - at));
    }
    assert!(many.clone().build().is_ok());
    assert_eq!(refused(many.time_out(ms(1))), TooManySteps { stack: "laboratory", max: 12 });
}

#[test]
fn the_refusal_says_what_is_wrong_why_and_what_to_do() {
    let error = refused(stack().breaker(breaker(5)).retry(retry(3)));
    assert_eq!(
        error.to_string(),
        "stack laboratory: breaker laboratory stands outside retry laboratory, but the breaker stands inside the \
         retry: outside it sees one result for several tries, opens late, and does not stop the tries of a call \
         under way; name the retry before the breaker, or say allow(OrderRule::BreakerInsideRetry)"
    );
}
