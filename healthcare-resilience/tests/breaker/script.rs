//! Plays a life of a breaker from a line of text.
//!
//! | word | what |
//! | --- | --- |
//! | `s` `f` `i` `r` `c` | a call that succeeds, fails, is ignored, is rejected further in, is cancelled |
//! | `S` `F` `I` `R` `C` | the same after two seconds |
//! | `(` | a call begins and stays under way |
//! | `)s` … | the oldest call under way ends |
//! | `x` | a call is refused |
//! | `+10s` `+5ms` `+7ns` | time passes |
//! | `trip` `force` `disable` `metrics` `reset` | by hand |
//! | `=closed` `=half_open` … | the state is this |
//! | `#5/3/1` | of 5 calls 3 failed and 1 was slow |
//! | `stale=2` `refused=1` `out=1` `opens=2` `left=30s` `left=none` | as the snapshot says |
//! | `f*5` | five times |

use healthcare_resilience::{
    BreakerBuilder, CircuitBreaker, Class, Clock, ClockHand, OwnedBreakerPermit, Rejection,
};
use std::{collections::VecDeque, time::Duration};

pub(crate) const SLOW: Duration = Duration::from_secs(2);

pub(crate) struct Player {
    pub(crate) breaker: CircuitBreaker,
    pub(crate) hand: ClockHand,
    pub(crate) clock: Clock,
    under_way: VecDeque<OwnedBreakerPermit>,
}

/// No growth, no jitter, one probe: what is not said is not to be seen.
pub(crate) fn plain() -> BreakerBuilder {
    let open_for = Duration::from_secs(30);
    CircuitBreaker::builder("case").open_for(open_for).open_growth(1.0, open_for).open_jitter(0.0).probes(1)
}

pub(crate) fn play(builder: BreakerBuilder, script: &str) -> Player {
    let mut player = Player::new(builder);
    player.play(script);
    player
}

impl Player {
    pub(crate) fn new(builder: BreakerBuilder) -> Self {
        let (clock, hand) = Clock::manual();
        let breaker = builder.clock(clock.clone()).build().unwrap();
        Self { breaker, hand, clock, under_way: VecDeque::new() }
    }

    pub(crate) fn play(&mut self, script: &str) {
        for (at, word) in script.split_whitespace().enumerate() {
            let (word, times) = word.split_once('*').unwrap_or((word, "1"));
            for _ in 0..times.parse().unwrap() {
                self.step(word, &format!("word {at}, {word}, of: {script}"));
            }
        }
    }

    fn step(&mut self, word: &str, place: &str) {
        let seen = self.breaker.snapshot();
        match word {
            "(" => self.begin(place),
            "x" => drop(self.refused(place)),
            "trip" => self.breaker.trip(),
            "force" => self.breaker.force_open(),
            "disable" => self.breaker.disable(),
            "metrics" => self.breaker.metrics_only(),
            "reset" => self.breaker.reset(),
            _ => match word.split_at(1) {
                (_, "") => {
                    self.begin(place);
                    if word.chars().all(char::is_uppercase) {
                        self.hand.advance(SLOW);
                    }
                    let permit = self.under_way.pop_back().unwrap();
                    end(permit, &word.to_lowercase());
                }
                (")", how) => end(self.under_way.pop_front().expect(place), how),
                ("+", time) => self.hand.advance(duration(time)),
                ("=", state) => assert_eq!(seen.state.as_str(), state, "{place}"),
                ("#", counts) => {
                    assert_eq!(format!("{}/{}/{}", seen.calls, seen.failed, seen.slow), counts, "{place}");
                }
                _ => {
                    let (what, value) = word.split_once('=').expect(place);
                    match what {
                        "stale" => assert_eq!(seen.stale.to_string(), value, "{place}"),
                        "refused" => assert_eq!(seen.not_permitted.to_string(), value, "{place}"),
                        "out" => assert_eq!(seen.probes_out.to_string(), value, "{place}"),
                        "opens" => assert_eq!(seen.opens.to_string(), value, "{place}"),
                        "left" if value == "none" => assert_eq!(seen.open_for, None, "{place}"),
                        "left" => assert_eq!(seen.open_for, Some(duration(value)), "{place}"),
                        _ => panic!("{place}"),
                    }
                }
            },
        }
    }

    fn begin(&mut self, place: &str) {
        let permit = self.breaker.try_acquire_owned();
        self.under_way.push_back(permit.unwrap_or_else(|refused| panic!("{refused} at {place}")));
    }

    pub(crate) fn refused(&self, place: &str) -> Rejection {
        self.breaker.try_acquire().map(drop).expect_err(place)
    }
}

pub(crate) fn end(permit: OwnedBreakerPermit, how: &str) {
    match how {
        "s" => permit.record(Class::Success),
        "f" => permit.record(Class::Transient),
        "i" => permit.record(Class::Ignored),
        "r" => permit.record(Class::Rejected),
        "c" => drop(permit),
        _ => panic!("nothing ends with {how}"),
    }
}

fn duration(text: &str) -> Duration {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap();
    let number = text[..digits].parse().unwrap();
    match &text[digits..] {
        "ns" => Duration::from_nanos(number),
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        unit => panic!("no unit {unit}"),
    }
}
