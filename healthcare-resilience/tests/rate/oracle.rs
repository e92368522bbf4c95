//! Against a bucket that is filled by hand, one nanosecond's worth at a time, in exact fractions.

use crate::{SECOND, limit};
use healthcare_resilience::{Clock, KeyedRateLimit, Quota};
use proptest::prelude::*;
use std::{collections::HashMap, time::Duration};

/// A token bucket in units of 1/interval permits, so that no rounding happens.
#[derive(Debug, Clone)]
struct Tokens {
    parts: u128,
    interval: u128,
    burst: u128,
}

impl Tokens {
    fn full(interval: u64, burst: u32) -> Self {
        let (interval, burst) = (u128::from(interval), u128::from(burst));
        Self { parts: burst * interval, interval, burst }
    }
    fn pass(&mut self, time: Duration) {
        self.parts = (self.parts + time.as_nanos()).min(self.burst * self.interval);
    }
    fn take(&mut self, permits: u32) -> Result<(), Option<Duration>> {
        let cost = u128::from(permits) * self.interval;
        if u128::from(permits) > self.burst {
            return Err(None);
        }
        match self.parts.checked_sub(cost) {
            Some(parts) => {
                self.parts = parts;
                Ok(())
            }
            None => Err(Some(Duration::from_nanos(u64::try_from(cost - self.parts).unwrap()))),
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<(u64, u32)>> {
    let wait = prop_oneof![3 => Just(0), 3 => 0_u64..500_000_000, 1 => 0_u64..20_000_000_000];
    prop::collection::vec((wait, 0_u32..7), 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_bucket_does_what_tokens_do(rate in 1_u32..2000, burst in 1_u32..50, steps in steps()) {
        let (limit, hand) = limit(Quota::per_second(rate).burst(burst));
        let mut tokens = Tokens::full(1_000_000_000_u64.div_ceil(u64::from(rate)), burst);
        for (wait, permits) in steps {
            let wait = Duration::from_nanos(wait);
            hand.advance(wait);
            tokens.pass(wait);
            match (limit.try_acquire_many(permits), tokens.take(permits)) {
                (Ok(decision), Ok(())) => {
                    prop_assert_eq!(u128::from(decision.remaining()), tokens.parts / tokens.interval);
                }
                (Err(rejection), Err(wait)) => prop_assert_eq!(rejection.retry_after(), wait),
                (ours, theirs) => prop_assert!(false, "{ours:?} where tokens say {theirs:?}"),
            }
        }
    }

    #[test]
    fn no_window_holds_more_than_burst_and_rate(rate in 1_u32..100, burst in 1_u32..20, steps in steps()) {
        let (limit, hand) = limit(Quota::per_second(rate).burst(burst));
        let (mut now, mut times) = (0_u64, Vec::new());
        for (wait, tries) in steps {
            hand.advance(Duration::from_nanos(wait));
            now += wait;
            times.extend((0..tries).filter(|_| limit.try_acquire().is_ok()).map(|_| now));
        }
        for (at, from) in times.iter().enumerate() {
            for (count, to) in times[at..].iter().enumerate() {
                let window = u128::from(to - from);
                let allowed = u128::from(burst) + window * u128::from(rate) / SECOND.as_nanos();
                prop_assert!((count as u128) < allowed, "{} in {window} ns", count + 1);
            }
        }
    }

    #[test]
    fn a_refusal_holds_until_the_time_it_told(rate in 1_u32..10_000, parts in 1_u32..100) {
        let (limit, hand) = limit(Quota::per_second(rate));
        while limit.try_acquire().is_ok() {}
        let wait = limit.try_acquire().unwrap_err().retry_after().unwrap();
        for _ in 0..parts {
            hand.advance(wait / (parts + 1));
            prop_assert!(limit.try_acquire().is_err());
        }
        hand.advance(limit.try_acquire().unwrap_err().retry_after().unwrap());
        prop_assert!(limit.try_acquire().is_ok());
    }

    #[test]
    fn keys_do_not_touch_each_other(steps in prop::collection::vec((0_u8..6, 0_u64..300_000_000, 1_u32..4), 1..300)) {
        let (clock, hand) = Clock::manual();
        let quota = Quota::per_second(5).burst(3);
        let keyed = KeyedRateLimit::builder("x").quota(quota).clock(clock).build().unwrap();
        let mut alone: HashMap<u8, Tokens> = HashMap::new();
        for (key, wait, permits) in steps {
            hand.advance(Duration::from_nanos(wait));
            for tokens in alone.values_mut() {
                tokens.pass(Duration::from_nanos(wait));
            }
            let tokens = alone.entry(key).or_insert_with(|| Tokens::full(200_000_000, 3));
            prop_assert_eq!(keyed.try_acquire_many(&key, permits).is_ok(), tokens.take(permits).is_ok());
        }
    }
}
