//! Any network between the nodes: what was purged longer ago than the bound is known, or the node says that it is deaf.

use crate::{
    hearing::Hearing,
    notice::{Beat, Notice, Sender, Word},
    numbers::Numbers,
};
use healthcare_cache::{Mark, ScopeMark, Verb};
use proptest::prelude::*;
use std::collections::VecDeque;

const BOUND: u64 = 300;
const SENDERS: usize = 3;
/// The most that one message is late behind another.
const LATE: u64 = 40;

#[derive(Debug, Clone)]
enum Step {
    Pass(u64),
    /// A purge takes its number.
    Begin(usize),
    /// The tier carries one out, and says it.
    Publish(usize),
    /// Its sender hears that it was carried out.
    End(usize),
    /// One fails, and is not carried out.
    Fail(usize),
    Beat(usize),
    /// A sender says goodbye, and nothing after it.
    Leave(usize),
    OwnBeat,
    Hear(Fate),
    Cut,
    Tick,
}

impl Step {
    const fn sender(&self) -> Option<usize> {
        match *self {
            Self::Begin(of)
            | Self::Publish(of)
            | Self::End(of)
            | Self::Fail(of)
            | Self::Beat(of)
            | Self::Leave(of) => Some(of),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Comes,
    IsLost,
    Doubles,
    IsLate,
}

#[derive(Debug)]
struct Purge {
    sender: usize,
    number: u64,
    is_said: bool,
    done: Option<u64>,
    is_known: bool,
    /// The hearer knew its sender when it was said.
    is_followed: bool,
}

struct Network {
    now: u64,
    hearing: Hearing,
    numbers: [Numbers; SENDERS],
    has_left: [bool; SENDERS],
    purges: Vec<Purge>,
    /// In the order in which the tier said them.
    said: VecDeque<Vec<u8>>,
    late: VecDeque<(u64, Vec<u8>)>,
    doubts: usize,
}

impl Network {
    fn new() -> Self {
        let mut hearing = Hearing::new(Sender(99), BOUND);
        hearing.link(1_000);
        let numbers = std::array::from_fn(|_| Numbers::default());
        let (purges, said, late) = (Vec::new(), VecDeque::new(), VecDeque::new());
        let has_left = [false; SENDERS];
        let mut network = Self { now: 1_000, hearing, numbers, has_left, purges, said, late, doubts: 0 };
        (0..SENDERS).for_each(|of| network.beat(of));
        while let Some(message) = network.said.pop_front() {
            network.hear(&message);
        }
        network
    }

    fn one(&mut self, of: usize, is_said: bool) -> Option<&mut Purge> {
        self.purges.iter_mut().find(|one| one.sender == of && one.done.is_none() && one.is_said == is_said)
    }

    fn say(&mut self, from: u128, word: Word) {
        self.said.push_back(Notice { from: Sender(from), word }.encode());
    }

    fn beat(&mut self, of: usize) {
        let complete = self.numbers[of].complete();
        // Its own clock has another start.
        let sent = self.now + 77 * of as u64 + self.said.len() as u64;
        self.say(of as u128, Word::Beat(Beat { complete, generation: 0, sent }));
    }

    fn own_beat(&mut self) {
        let sent = self.hearing.stamp(self.now);
        self.say(99, Word::Beat(Beat { complete: 0, generation: 0, sent }));
    }

    fn hear(&mut self, message: &[u8]) {
        let effect = self.hearing.hear(message);
        self.act(effect.doubt.is_some());
        if let Some(Word::Forget { number, marks, .. }) = effect.word {
            let sender = usize::from(marks[0].0[0]);
            let heard = self.purges.iter_mut().find(|one| one.sender == sender && one.number == number);
            heard.unwrap().is_known = true;
        }
    }

    fn act(&mut self, is_doubt: bool) {
        if is_doubt {
            self.doubts += 1;
            // Everything is forgotten: what was said before is known with it.
            self.purges.iter_mut().filter(|one| one.is_said).for_each(|one| one.is_known = true);
        }
    }

    fn step(&mut self, step: &Step) {
        if step.sender().is_some_and(|of| self.has_left[of]) {
            return;
        }
        match *step {
            Step::Leave(of) => {
                let Some(said) = self.numbers[of].all() else { return };
                self.has_left[of] = true;
                self.say(of as u128, Word::Goodbye { said });
            }
            Step::Pass(time) => {
                self.now += time;
                while self.late.front().is_some_and(|(at, _)| at + LATE < self.now) {
                    let (_, message) = self.late.pop_front().unwrap();
                    self.hear(&message);
                }
            }
            Step::Begin(of) => {
                let number = self.numbers[of].begin().unwrap();
                self.purges.push(Purge {
                    sender: of,
                    number,
                    is_said: false,
                    done: None,
                    is_known: false,
                    is_followed: false,
                });
            }
            Step::Publish(of) => {
                let is_followed = self.hearing.follows(Sender(of as u128));
                let Some(purge) = self.one(of, false) else { return };
                (purge.is_said, purge.is_followed) = (true, is_followed);
                let (number, scope) = (purge.number, ScopeMark([0; 16]));
                let marks = vec![Mark([u8::try_from(of).unwrap(); 16])];
                self.say(of as u128, Word::Forget { number, scope, verb: Verb::Purge, marks });
            }
            Step::End(of) | Step::Fail(of) => {
                let (now, has_failed) = (self.now, matches!(step, Step::Fail(_)));
                let Some(purge) = self.one(of, !has_failed) else { return };
                purge.done = Some(now);
                // It promised nothing: it is said again under another number.
                purge.is_known |= has_failed;
                let number = purge.number;
                self.numbers[of].end(number);
            }
            Step::Beat(of) => self.beat(of),
            Step::OwnBeat => self.own_beat(),
            Step::Hear(fate) => {
                let Some(message) = self.said.pop_front() else { return };
                match fate {
                    Fate::Comes => self.hear(&message),
                    Fate::IsLost => {}
                    Fate::Doubles => {
                        self.hear(&message);
                        self.hear(&message);
                    }
                    Fate::IsLate => self.late.push_back((self.now, message)),
                }
            }
            Step::Cut => {
                self.said.clear();
                self.late.clear();
                let effect = self.hearing.link(self.now);
                self.act(effect.doubt.is_some());
            }
            Step::Tick => {
                let effect = self.hearing.tick(self.now);
                self.act(effect.doubt.is_some());
            }
        }
    }

    /// The promise of `until`.
    fn check(&self, more: u64) {
        self.hearing.validate().unwrap();
        if self.now < self.hearing.until() {
            for purge in self.purges.iter().filter(|one| one.is_followed) {
                let is_due = purge.done.is_some_and(|done| done + BOUND + more <= self.now);
                assert!(!is_due || purge.is_known, "{purge:?} is not known at {}", self.now);
            }
        }
    }
}

fn step(can_be_late: bool) -> impl Strategy<Value = Step> {
    let sender = || 0..SENDERS;
    let late = if can_be_late { 2 } else { 0 };
    let fate = prop_oneof![
        8 => Just(Fate::Comes),
        2 => Just(Fate::IsLost),
        1 => Just(Fate::Doubles),
        late => Just(Fate::IsLate),
    ];
    prop_oneof![
        4 => (1_u64..120).prop_map(Step::Pass),
        3 => sender().prop_map(Step::Begin),
        3 => sender().prop_map(Step::Publish),
        3 => sender().prop_map(Step::End),
        1 => sender().prop_map(Step::Fail),
        4 => sender().prop_map(Step::Beat),
        1 => sender().prop_map(Step::Leave),
        4 => Just(Step::OwnBeat),
        14 => fate.prop_map(Step::Hear),
        1 => Just(Step::Cut),
        2 => Just(Step::Tick),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Messages may be lost and doubled, and lie waiting for as long as they like.
    #[test]
    fn what_was_purged_longer_ago_than_the_bound_is_known(
        steps in prop::collection::vec(step(false), 1..150),
    ) {
        let mut network = Network::new();
        for step in &steps {
            network.step(step);
            network.check(0);
        }
    }

    /// Where they overtake each other as well, the time by which they do comes on top.
    #[test]
    fn messages_that_are_late_add_no_more_than_their_lateness(
        steps in prop::collection::vec(step(true), 1..150),
    ) {
        let mut network = Network::new();
        for step in &steps {
            network.step(step);
            network.check(LATE);
        }
    }

    /// Nothing is forgotten for nothing: where every message comes, none is a doubt, and the node hears.
    #[test]
    fn who_hears_all_has_no_doubts(
        steps in prop::collection::vec(step(false), 1..150),
        lag in 0_u64..100,
    ) {
        let mut network = Network::new();
        let (mut beaten, mut waiting) = (0, VecDeque::new());
        for step in &steps {
            match step {
                // What failed and was never said is a doubt, and rightly so.
                Step::Hear(_) | Step::Cut | Step::Beat(_) | Step::OwnBeat | Step::Fail(_) => continue,
                Step::Pass(time) => network.step(&Step::Pass(*time.min(&30))),
                other => network.step(other),
            }
            if network.now >= beaten + BOUND / 3 {
                beaten = network.now;
                network.own_beat();
                (0..SENDERS).for_each(|of| network.step(&Step::Beat(of)));
            }
            waiting.extend(network.said.drain(..).map(|message| (network.now, message)));
            while waiting.front().is_some_and(|(at, _)| at + lag <= network.now) {
                let (_, message) = waiting.pop_front().unwrap();
                network.hear(&message);
            }
            network.check(0);
        }
        prop_assert_eq!(network.doubts, 0);
    }
}
