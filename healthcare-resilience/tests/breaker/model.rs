//! Any order of calls, ends, clock steps and hands, against a model that remembers everything and shares no idea with the
//! breaker but the rules.

use crate::script::{SLOW, end};
use healthcare_resilience::{BreakerBuilder, BreakerState, CircuitBreaker, Clock, OwnedBreakerPermit};
use proptest::prelude::*;
use std::time::Duration;

const OPEN_MS: u64 = 1_000;
const LEASE_MS: u64 = 3_000;
const WINDOW_MS: u64 = 3_200;

#[derive(Debug, Clone, Copy)]
enum Kind {
    Run,
    Count,
    Time,
}

#[derive(Debug, Clone, Copy)]
struct Rules {
    kind: Kind,
    size: usize,
    min_calls: usize,
    percent: usize,
    slow_percent: Option<usize>,
    probes: usize,
}

/// The reference. A result is `(slice, failed, slow)`.
#[derive(Debug)]
struct Model {
    rules: Rules,
    state: BreakerState,
    time: u64,
    /// One more with each turn; a permit is the one it was given in.
    turn: u64,
    results: Vec<(u64, bool, bool)>,
    /// What made it open.
    shown: (usize, usize, usize),
    out: usize,
    probe_at: u64,
    until: u64,
    opens: u32,
    stale: u64,
    refused: u64,
}

impl Model {
    fn enter(&mut self, state: BreakerState) {
        self.shown = self.seen();
        self.results.clear();
        self.turn += 1;
        (self.state, self.out) = (state, 0);
        if state == BreakerState::Open {
            self.opens += 1;
            self.until = self.time + (OPEN_MS << (self.opens - 1).min(3));
        } else if state != BreakerState::HalfOpen {
            self.opens = 0;
        }
    }
    fn acquire(&mut self) -> bool {
        if self.state == BreakerState::Open && self.time >= self.until {
            self.enter(BreakerState::HalfOpen);
        }
        if self.state == BreakerState::HalfOpen
            && self.results.len() + self.out == self.rules.probes
            && self.time >= self.probe_at + LEASE_MS
        {
            (self.turn, self.out) = (self.turn + 1, 0);
        }
        let is_admitted = match self.state {
            BreakerState::HalfOpen => self.results.len() + self.out < self.rules.probes,
            state => !matches!(state, BreakerState::Open | BreakerState::ForcedOpen),
        };
        if is_admitted && self.state == BreakerState::HalfOpen {
            (self.out, self.probe_at) = (self.out + 1, self.time);
        }
        self.refused += u64::from(!is_admitted);
        is_admitted
    }
    fn is_slow(&self, took: u64) -> bool {
        self.rules.slow_percent.is_some() && took >= SLOW.as_millis() as u64
    }
    fn end(&mut self, turn: u64, took: u64, how: char) {
        if turn != self.turn {
            self.stale += u64::from(how != 'c' || self.is_slow(took));
            return;
        }
        self.out -= usize::from(self.state == BreakerState::HalfOpen);
        let is_slow = self.is_slow(took);
        let is_result = matches!((how, is_slow), ('s' | 'f', _) | ('c', true));
        if !is_result || self.state == BreakerState::Disabled {
            return;
        }
        self.results.push((self.time * 32 / WINDOW_MS, how == 'f', is_slow));
        let (seen, of) = (self.seen(), self.rules.probes);
        let over = |part: usize, of, percent| part * 100 >= percent * of;
        let is_over = |of| {
            over(seen.1, of, self.rules.percent)
                || self.rules.slow_percent.is_some_and(|percent| over(seen.2, of, percent))
        };
        match (self.state, self.rules.kind) {
            (BreakerState::HalfOpen, Kind::Run) if seen.1 > 0 => self.enter(BreakerState::Open),
            (BreakerState::HalfOpen, Kind::Count | Kind::Time) if is_over(of) => {
                self.enter(BreakerState::Open)
            }
            (BreakerState::HalfOpen, _) if seen.0 == of => self.enter(BreakerState::Closed),
            (BreakerState::Closed, Kind::Run) if seen.1 >= self.rules.size => self.enter(BreakerState::Open),
            (BreakerState::Closed, Kind::Count | Kind::Time)
                if (how == 'f' || is_slow) && seen.0 >= self.rules.min_calls && is_over(seen.0) =>
            {
                self.enter(BreakerState::Open);
            }
            _ => {}
        }
    }
    /// Calls, failed, slow.
    fn seen(&self) -> (usize, usize, usize) {
        let results = &self.results;
        let within: Vec<_> = match (self.state, self.rules.kind) {
            (BreakerState::Open, _) => return self.shown,
            (BreakerState::HalfOpen, _) => results.iter().collect(),
            (_, Kind::Count) => results.iter().rev().take(self.rules.size).collect(),
            (_, Kind::Run) => results.iter().rev().take_while(|it| it.1).collect(),
            (_, Kind::Time) => results.iter().filter(|it| self.time * 32 / WINDOW_MS - it.0 < 32).collect(),
        };
        let count = |which: fn(&(u64, bool, bool)) -> bool| within.iter().filter(|it| which(it)).count();
        (within.len(), count(|it| it.1), count(|it| it.2))
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Begin,
    End(usize, char),
    Wait(u64),
    Hand(BreakerState),
}

fn step() -> impl Strategy<Value = Step> {
    let how = prop_oneof![4 => Just('s'), 5 => Just('f'), 1 => Just('i'), 1 => Just('r'), 1 => Just('c')];
    let hand = prop_oneof![
        2 => Just(BreakerState::Open),
        1 => Just(BreakerState::Closed),
        1 => Just(BreakerState::ForcedOpen),
        1 => Just(BreakerState::Disabled),
        1 => Just(BreakerState::MetricsOnly),
    ];
    prop_oneof![
        10 => Just(Step::Begin),
        10 => (0_usize..6, how).prop_map(|(at, how)| Step::End(at, how)),
        2 => (0_u64..400).prop_map(Step::Wait),
        2 => prop_oneof![Just(OPEN_MS), Just(2 * OPEN_MS), Just(LEASE_MS), Just(2_000), Just(999)].prop_map(Step::Wait),
        1 => hand.prop_map(Step::Hand),
    ]
}

fn rules() -> impl Strategy<Value = Rules> {
    let kind = prop_oneof![Just(Kind::Run), Just(Kind::Count), Just(Kind::Time)];
    (kind, 1_usize..8, 1_usize..8, 1_usize..=100, prop::option::of(1_usize..=100), 1_usize..4).prop_map(
        |(kind, size, min_calls, percent, slow_percent, probes)| Rules {
            kind,
            size,
            min_calls: if matches!(kind, Kind::Count) { min_calls.min(size) } else { min_calls },
            percent,
            slow_percent: slow_percent.filter(|_| !matches!(kind, Kind::Run)),
            probes,
        },
    )
}

fn builder(rules: Rules) -> BreakerBuilder {
    let ms = Duration::from_millis;
    let builder = CircuitBreaker::builder("model")
        .probes(rules.probes as u32)
        .lease(ms(LEASE_MS))
        .open_for(ms(OPEN_MS))
        .open_growth(2.0, ms(8 * OPEN_MS))
        .open_jitter(0.0);
    let builder = match rules.kind {
        Kind::Run => return builder.consecutive(rules.size as u32),
        Kind::Count => builder.count_window(rules.size as u32),
        Kind::Time => builder.time_window(ms(WINDOW_MS)),
    };
    let builder = builder.min_calls(rules.min_calls as u32).failure_rate(rules.percent as f64 / 100.0);
    match rules.slow_percent {
        Some(percent) => builder.slow_calls(SLOW, percent as f64 / 100.0),
        None => builder,
    }
}

fn run(rules: Rules, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let (clock, hand) = Clock::manual();
    let breaker = builder(rules).clock(clock.clone()).build().unwrap();
    let mut model = Model {
        rules,
        state: BreakerState::Closed,
        time: (clock.now().as_nanos() / 1_000_000),
        turn: 0,
        results: Vec::new(),
        shown: (0, 0, 0),
        out: 0,
        probe_at: 0,
        until: 0,
        opens: 0,
        stale: 0,
        refused: 0,
    };
    let mut under_way: Vec<(OwnedBreakerPermit, u64, u64)> = Vec::new();
    for step in steps {
        match step {
            Step::Begin => {
                let permit = breaker.try_acquire_owned();
                prop_assert_eq!(permit.is_ok(), model.acquire(), "{:?}", permit.err());
                under_way.extend(permit.ok().map(|permit| (permit, model.turn, model.time)));
            }
            Step::End(at, how) if at < under_way.len() => {
                let (permit, turn, begun) = under_way.swap_remove(at);
                end(permit, &how.to_string());
                model.end(turn, model.time - begun, how);
            }
            Step::End(..) => {}
            Step::Wait(ms) => {
                hand.advance(Duration::from_millis(ms));
                model.time += ms;
            }
            Step::Hand(state) => {
                match state {
                    BreakerState::Open => breaker.trip(),
                    BreakerState::ForcedOpen => breaker.force_open(),
                    BreakerState::Disabled => breaker.disable(),
                    BreakerState::MetricsOnly => breaker.metrics_only(),
                    _ => breaker.reset(),
                }
                let may_trip = matches!(model.state, BreakerState::Closed | BreakerState::HalfOpen);
                let changes_nothing =
                    if state == BreakerState::Open { !may_trip } else { model.state == state };
                if state == BreakerState::Closed || !changes_nothing {
                    model.results.clear();
                    model.enter(state);
                    model.shown = (0, 0, 0);
                }
            }
        }
        let seen = breaker.snapshot();
        let counts = (seen.calls as usize, seen.failed as usize, seen.slow as usize);
        prop_assert_eq!(
            (seen.state, counts, seen.probes_out as usize, seen.opens, seen.stale, seen.not_permitted),
            (model.state, model.seen(), model.out, model.opens, model.stale, model.refused)
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if std::env::var_os("HEALTHCARE_TEST_DEEP").is_some() { 200_000 } else { 3_000 }))]
    #[test]
    fn a_breaker_does_what_the_model_does(rules in rules(), steps in prop::collection::vec(step(), 0..80)) {
        run(rules, steps)?;
    }
}
