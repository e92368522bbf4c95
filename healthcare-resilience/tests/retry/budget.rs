use crate::SECOND;
use healthcare_resilience::{Clock, Moment, RetryBudget, RetryBudgetBuilder, RetryConfigError, RetryToken};
use proptest::prelude::*;
use std::{
    sync::{
        Barrier,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

/// No floor, and room for everything.
fn exact(ratio: f64) -> RetryBudgetBuilder {
    RetryBudget::builder("test").ratio(ratio).floor_per_second(0).balance_max(u32::MAX)
}

/// Takes and spends what there is.
fn drain(budget: &RetryBudget) -> u64 {
    std::iter::from_fn(|| budget.try_take().map(RetryToken::spend)).count() as u64
}

#[test]
fn an_empty_budget_grants_nothing() {
    assert!(exact(1.0).build().unwrap().try_take().is_none());
}

#[test]
fn two_halves_make_a_token() {
    let budget = exact(0.5).build().unwrap();
    budget.record_call();
    assert!(budget.try_take().is_none());
    budget.record_call();
    assert_eq!((budget.balance(), drain(&budget)), (1, 1));
}

#[test]
fn what_is_saved_has_an_upper_bound() {
    let budget = exact(1.0).balance_max(3).build().unwrap();
    (0..1_000).for_each(|_| budget.record_call());
    assert_eq!((budget.balance(), drain(&budget)), (3, 3));
}

#[test]
fn the_floor_grants_a_seconds_worth_at_once_and_then_as_time_passes() {
    let (clock, hand) = Clock::manual();
    let budget = RetryBudget::builder("test").ratio(0.0).floor_per_second(5).clock(clock).build().unwrap();
    assert_eq!(drain(&budget), 5);
    hand.advance(SECOND / 5);
    assert_eq!(drain(&budget), 1);
    hand.advance(SECOND * 100);
    assert_eq!(drain(&budget), 5, "it does not pile up");
}

#[test]
fn a_clock_that_steps_back_grants_nothing_more() {
    let (clock, hand) = Clock::manual();
    let budget = RetryBudget::builder("test").ratio(0.0).floor_per_second(5).clock(clock).build().unwrap();
    assert_eq!(drain(&budget), 5);
    hand.set(Moment::START);
    assert_eq!(drain(&budget), 0);
    hand.advance(SECOND * 60);
    assert_eq!(drain(&budget), 0);
}

#[test]
fn a_token_that_is_not_spent_goes_back_where_it_came_from() {
    let (clock, _hand) = Clock::manual();
    let budget = RetryBudget::builder("test").ratio(1.0).floor_per_second(1).clock(clock).build().unwrap();
    budget.record_call();
    let (deposited, floor) = (budget.try_take().unwrap(), budget.try_take().unwrap());
    assert!(budget.try_take().is_none());
    drop(deposited);
    assert_eq!(budget.balance(), 1);
    drop(floor);
    assert_eq!((budget.balance(), drain(&budget)), (1, 2));
}

#[test]
fn a_floor_token_that_comes_back_late_adds_nothing() {
    let (clock, hand) = Clock::manual();
    let budget = RetryBudget::builder("test").ratio(0.0).floor_per_second(2).clock(clock).build().unwrap();
    let token = budget.try_take().unwrap();
    hand.advance(SECOND * 10);
    drop(token);
    assert_eq!(drain(&budget), 2);
}

/// T6: 64 threads deposit and take at once, and what was granted is exactly what was deposited.
#[test]
fn sixty_four_threads_get_exactly_the_share() {
    const THREADS: u64 = 64;
    const CALLS: u64 = 2_000;
    for (ratio, in_millionths) in [(0.6, 600_000), (0.15, 150_000), (1.0, 1_000_000), (0.333_333, 333_333)] {
        let budget = exact(ratio).build().unwrap();
        let (granted, barrier) = (AtomicU64::new(0), Barrier::new(THREADS as usize));
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    barrier.wait();
                    for call in 0..CALLS {
                        budget.record_call();
                        if let Some(token) = budget.try_take() {
                            // Some are not used after all.
                            if call % 3 == 0 {
                                drop(token);
                            } else {
                                token.spend();
                                granted.fetch_add(1, Ordering::SeqCst);
                            }
                        }
                    }
                });
            }
        });
        let granted = granted.into_inner() + drain(&budget);
        assert_eq!(granted, THREADS * CALLS * in_millionths / 1_000_000, "ratio {ratio}");
    }
}

#[test]
fn threads_that_take_at_once_do_not_get_more_than_there_is() {
    for _ in 0..50 {
        let budget = exact(1.0).build().unwrap();
        (0..10).for_each(|_| budget.record_call());
        let granted = AtomicU64::new(0);
        thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| {
                    granted.fetch_add(
                        u64::from(budget.try_take().is_some_and(|token| {
                            token.spend();
                            true
                        })),
                        Ordering::SeqCst,
                    )
                });
            }
        });
        assert_eq!(granted.into_inner(), 10);
    }
}

#[test]
fn numbers_out_of_range_are_refused_when_it_is_built() {
    for ratio in [f64::NAN, f64::INFINITY, -0.1, 10.1] {
        let built = RetryBudget::builder("x").ratio(ratio).build();
        assert!(matches!(built, Err(RetryConfigError::Ratio { .. })), "{ratio}");
    }
    assert!(matches!(exact(0.0).build(), Err(RetryConfigError::NothingGranted)));
    assert!(matches!(exact(1.0).balance_max(0).build(), Err(RetryConfigError::NoBalance)));
    let built = RetryBudget::builder("x").floor_per_second(1_000_001).build();
    assert!(matches!(built, Err(RetryConfigError::Floor { .. })));
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Call,
    Spend,
    Hold,
    Release,
}

proptest! {
    /// Against whole numbers in a variable.
    #[test]
    fn any_sequence_agrees_with_plain_arithmetic(
        millionths in 1_u64..2_000_000, most in 1_u32..20,
        steps in prop::collection::vec(
            prop_oneof![Just(Step::Call), Just(Step::Spend), Just(Step::Hold), Just(Step::Release)], 1..300),
    ) {
        let budget = exact(millionths as f64 / 1e6).balance_max(most).build().unwrap();
        let (mut balance, mut held, full) = (0_u64, Vec::new(), u64::from(most) * 1_000_000);
        for step in steps {
            match step {
                Step::Call => {
                    budget.record_call();
                    balance = (balance + millionths).min(full);
                }
                Step::Spend | Step::Hold => {
                    let token = budget.try_take();
                    prop_assert_eq!(token.is_some(), balance >= 1_000_000);
                    if let Some(token) = token {
                        balance -= 1_000_000;
                        if matches!(step, Step::Hold) { held.push(token) } else { token.spend() }
                    }
                }
                Step::Release => {
                    if held.pop().is_some() {
                        balance = (balance + 1_000_000).min(full);
                    }
                }
            }
            prop_assert_eq!(budget.balance(), balance / 1_000_000);
        }
    }
}
