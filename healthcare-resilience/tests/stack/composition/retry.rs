use crate::{Answer, Laboratory, Trouble, budget, bulkhead, by_trouble, counter, ms, rate, retry};
use healthcare_resilience::{CallError, Class, Guarded, RejectReason, Retry, Stack, StackBuilder};

const CLOSED: Answer = Err(Trouble::Closed);

fn stack() -> StackBuilder {
    Stack::builder("laboratory")
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_inside_is_charged_for_every_try_and_its_refusal_ends_the_call() {
    let laboratory = Laboratory::answering(&[CLOSED]);
    let stack = stack().retry(retry(7)).rate_limit(rate(3)).build().unwrap();
    // What the third try said, not that the fourth was refused: something was sent.
    assert_eq!(stack.read(|| laboratory.call()).await, Err(CallError::Inner(Trouble::Closed)));
    assert_eq!(laboratory.made(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_outside_is_charged_once_for_the_call() {
    let laboratory = Laboratory::answering(&[CLOSED]);
    let stack = stack().rate_limit(rate(2)).retry(retry(3)).build().unwrap();
    for _ in 0..2 {
        assert_eq!(stack.read(|| laboratory.call()).await, Err(CallError::Inner(Trouble::Closed)));
    }
    assert!(stack.read(|| laboratory.call()).await.unwrap_err().rejection().is_some());
    assert_eq!(laboratory.made(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_full_bulkhead_inside_is_not_tried_again() {
    let (bulkhead, laboratory) = (bulkhead(1, 0), Laboratory::answering(&[Ok(1)]));
    let stack = stack().retry(retry(7)).bulkhead(bulkhead.clone()).build().unwrap();
    let _taken = bulkhead.try_acquire().unwrap();
    let begun = tokio::time::Instant::now();
    let refused = stack.read(|| laboratory.call()).await.unwrap_err();
    assert_eq!(refused.rejection().unwrap().reason(), RejectReason::BulkheadFull);
    assert_eq!((laboratory.made(), begun.elapsed()), (0, ms(0)));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_costs_no_token() {
    let (budget, counter) = (budget(), counter());
    let policy = Retry::builder("laboratory").budget(budget.clone()).build().unwrap();
    let stack = stack().retry(policy).breaker(counter.clone()).build().unwrap();
    let laboratory = Laboratory::answering(&[CLOSED]);
    counter.force_open();
    assert!(stack.read(|| laboratory.call()).await.unwrap_err().rejection().is_some());
    assert_eq!((budget.balance(), laboratory.made()), (1, 0));
    // A token that was taken for a try which a step then refuses goes back.
    counter.reset();
    let closing = || {
        counter.force_open();
        laboratory.call()
    };
    assert_eq!(stack.read(closing).await, Err(CallError::Inner(Trouble::Closed)));
    assert_eq!((budget.balance(), laboratory.made()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn tries_that_time_out_are_tried_again() {
    let laboratory = Laboratory::new(&[(ms(100), Ok(1)), (ms(100), Ok(2)), (ms(0), Ok(3))]);
    let stack = stack().retry(retry(3)).time_out(ms(50)).build().unwrap();
    assert_eq!(stack.read(|| laboratory.call()).await, Ok(3));
    assert_eq!((laboratory.made(), laboratory.ended()), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn when_every_try_times_out_so_does_the_call() {
    let laboratory = Laboratory::new(&[(ms(100), Ok(1))]);
    let stack = stack().retry(retry(4)).time_out(ms(50)).build().unwrap();
    assert!(
        matches!(stack.read(|| laboratory.call()).await, Err(CallError::Elapsed(at)) if at.limit() == ms(50))
    );
    assert_eq!(laboratory.made(), 4);
}

#[tokio::test(start_paused = true)]
async fn tries_that_fail_before_the_time_out_are_tried_again() {
    let laboratory = Laboratory::new(&[(ms(10), CLOSED)]);
    let stack = stack().retry(retry(4)).time_out(ms(50)).build().unwrap();
    assert_eq!(stack.read(|| laboratory.call()).await, Err(CallError::Inner(Trouble::Closed)));
    assert_eq!(laboratory.made(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_the_classifier_ignores_is_not_tried_again_nor_counted() {
    let (counter, laboratory) = (counter(), Laboratory::answering(&[Err(Trouble::Unknown)]));
    let stack = stack().retry(retry(4)).breaker(counter.clone()).build().unwrap();
    let answer = stack.with(by_trouble).read(|| laboratory.call()).await;
    assert_eq!(answer, Err(CallError::Inner(Trouble::Unknown)));
    assert_eq!((laboratory.made(), counter.snapshot().calls), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_the_classifier_finds_permanent_is_counted_and_not_tried_again() {
    let (counter, laboratory) = (counter(), Laboratory::answering(&[CLOSED]));
    let stack = stack().retry(retry(4)).breaker(counter.clone()).build().unwrap();
    let permanent =
        |result: Result<&u8, &Trouble>| if result.is_ok() { Class::Success } else { Class::Permanent };
    assert!(stack.with(permanent).read(|| laboratory.call()).await.is_err());
    assert_eq!((laboratory.made(), counter.snapshot().failed), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_answer_can_be_a_failure() {
    let (counter, laboratory) = (counter(), Laboratory::answering(&[Ok(50), Ok(50), Ok(20)]));
    let stack = stack().retry(retry(4)).breaker(counter.clone()).build().unwrap();
    let by_status = |result: Result<&u8, &Trouble>| match result {
        Ok(50) => Class::Transient,
        Ok(_) => Class::Success,
        Err(_) => Class::Permanent,
    };
    assert_eq!(stack.with(by_status).read(|| laboratory.call()).await, Ok(20));
    assert_eq!((laboratory.made(), counter.snapshot().failed), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn a_stack_inside_a_stack_does_not_multiply_the_tries() {
    let laboratory = Laboratory::answering(&[CLOSED]);
    let inner = stack().retry(retry(3)).build().unwrap();
    let outer = Stack::builder("outer").retry(retry(3)).build().unwrap();
    let classifier = Guarded(by_trouble);
    let answer = outer.with(classifier).read(|| inner.read(|| laboratory.call())).await;
    assert!(answer.is_err());
    assert_eq!(laboratory.made(), 3);
}

#[tokio::test(start_paused = true)]
async fn nor_through_a_hedge() {
    let laboratory = Laboratory::answering(&[CLOSED]);
    let inner = stack().retry(retry(3)).build().unwrap();
    let outer = Stack::builder("outer").retry(retry(3)).hedge(crate::hedge(ms(5000))).build().unwrap();
    let answer = outer.with(Guarded(by_trouble)).read(|| inner.read(|| laboratory.call())).await;
    assert!(answer.is_err());
    assert_eq!(laboratory.made(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_refusal_of_an_inner_stack_is_neutral_and_final_for_the_outer_one() {
    let (counter, inner_breaker) = (counter(), crate::breaker(1));
    inner_breaker.force_open();
    let laboratory = Laboratory::answering(&[Ok(1)]);
    let inner = Stack::builder("inner").breaker(inner_breaker).build().unwrap();
    let outer = stack().retry(retry(3)).breaker(counter.clone()).build().unwrap();
    let answer = outer.read(|| inner.read(|| laboratory.call())).await;
    assert!(matches!(answer, Err(CallError::Inner(CallError::Rejected(_)))));
    assert_eq!((laboratory.made(), counter.snapshot().calls), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_call_cancelled_during_the_wait_makes_no_further_try() {
    let laboratory = Laboratory::answering(&[CLOSED]);
    let stack = stack().retry(retry(4)).build().unwrap();
    let cancelled = tokio::time::timeout(ms(50), stack.read(|| laboratory.call())).await;
    assert!(cancelled.is_err());
    tokio::time::advance(ms(1000)).await;
    assert_eq!(laboratory.made(), 1);
}

#[tokio::test(start_paused = true)]
async fn three_layers_send_no_more_than_the_budget_allows() {
    let budget = budget();
    let layer = |name| {
        let policy = Retry::builder("laboratory").retry_nested().budget(budget.clone()).max_tries(3);
        Stack::builder(name).retry(policy.build().unwrap()).build().unwrap()
    };
    let (front, middle, back) = (layer("front"), layer("middle"), layer("back"));
    let laboratory = Laboratory::answering(&[CLOSED]);
    for _ in 0..50 {
        let call = || {
            front.with(Guarded(Guarded(by_trouble))).read(|| {
                middle.with(Guarded(by_trouble)).read(|| back.with(by_trouble).read(|| laboratory.call()))
            })
        };
        assert!(call().await.is_err());
    }
    // Three tries at each of three layers are 27; a shared budget of one try a call allows two.
    assert!(laboratory.made() <= 50 * 2, "{}", laboratory.made());
}
