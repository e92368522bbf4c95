//! Two nodes over Redis against two nodes in memory: whatever they do in whatever order, the answers are the same.

use super::{connect, fresh, tier, url};
use healthcare_cache::{
    Fetched, Filled, Forget, Lease, LeaseToken, Leased, Mark, MemoryServer, NewEntry, ScopeMark, Seen,
    SharedBar, SharedEntry, SharedTier, Verb, Verdict, testing::shared_limits,
};
use proptest::{prelude::*, test_runner::TestCaseError};
use std::time::Duration;

#[derive(Debug, Clone)]
enum Step {
    Fetch {
        key: u8,
    },
    FetchOrLease {
        key: u8,
        holder: u8,
        renew: bool,
    },
    Release {
        key: u8,
        holder: u8,
    },
    Fill {
        load: usize,
        key: u8,
        marks: Vec<u8>,
        holder: Option<u8>,
    },
    Check {
        load: usize,
        marks: Vec<u8>,
    },
    Forget {
        marks: Vec<u8>,
        keys: Vec<u8>,
        expire: bool,
    },
    /// Fills the marks' room at once, so that the floor rises.
    Flood {
        many: u8,
        expire: bool,
    },
    Clinic {
        expire: bool,
    },
    All,
    Generation,
    Bar {
        marks: Vec<u8>,
    },
    Lift {
        bar: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let marks = || prop::collection::vec(0_u8..4, 0..3);
    prop_oneof![
        6 => (0_u8..3).prop_map(|key| Step::Fetch { key }),
        5 => (0_u8..3, 0_u8..3, any::<bool>())
            .prop_map(|(key, holder, renew)| Step::FetchOrLease { key, holder, renew }),
        1 => (0_u8..3, 0_u8..3).prop_map(|(key, holder)| Step::Release { key, holder }),
        6 => (any::<usize>(), 0_u8..3, marks(), prop::option::of(0_u8..3))
            .prop_map(|(load, key, marks, holder)| Step::Fill { load, key, marks, holder }),
        3 => (any::<usize>(), marks()).prop_map(|(load, marks)| Step::Check { load, marks }),
        3 => (marks(), prop::collection::vec(0_u8..3, 0..2), any::<bool>())
            .prop_map(|(marks, keys, expire)| Step::Forget { marks, keys, expire }),
        1 => (1_u8..80, any::<bool>()).prop_map(|(many, expire)| Step::Flood { many, expire }),
        1 => any::<bool>().prop_map(|expire| Step::Clinic { expire }),
        1 => Just(Step::All),
        1 => Just(Step::Generation),
        2 => prop::collection::vec(0_u8..4, 1..3).prop_map(|marks| Step::Bar { marks }),
        3 => any::<usize>().prop_map(|bar| Step::Lift { bar }),
    ]
}

#[derive(Debug, PartialEq)]
enum Answer {
    Hit { bytes: Vec<u8>, marks: Vec<Mark>, is_over: bool, number: u64, now: u64 },
    Miss(u64),
    Turn { found: Box<Answer>, is_leased: bool },
    Filled(Filled),
    Verdict(Verdict),
    Number(u64),
    Done,
}

/// One side: what its server gave out, by order of giving.
#[derive(Default)]
struct Side {
    loads: Vec<Seen>,
    bars: Vec<SharedBar>,
    filled: u32,
}

const CLINIC: ScopeMark = ScopeMark([9; 16]);
const HOUR: Duration = Duration::from_secs(100);

fn key(number: u8) -> Mark {
    Mark([number; 16])
}

fn token(holder: u8) -> LeaseToken {
    LeaseToken([holder; 16])
}

fn tags(numbers: &[u8]) -> Vec<Mark> {
    numbers.iter().map(|number| Mark([100 + number; 16])).collect()
}

const fn verb(expire: bool) -> Verb {
    if expire { Verb::Expire } else { Verb::Purge }
}

impl Side {
    fn hit(&mut self, entry: SharedEntry) -> Answer {
        self.loads.push(entry.now);
        let (number, now) = (entry.seen.number, entry.now.number);
        Answer::Hit { bytes: entry.bytes, marks: entry.marks, is_over: entry.is_over, number, now }
    }

    fn miss(&mut self, seen: Seen) -> Answer {
        self.loads.push(seen);
        Answer::Miss(seen.number)
    }

    async fn take(&mut self, tier: &dyn SharedTier, step: &Step) -> Answer {
        match step {
            Step::Fetch { key: number } => match tier.fetch(CLINIC, key(*number)).await.unwrap() {
                Fetched::Hit(entry) => self.hit(entry),
                Fetched::Miss(seen) => self.miss(seen),
            },
            Step::FetchOrLease { key: number, holder, renew } => {
                let renew = if *renew { HOUR * 2 } else { Duration::ZERO };
                let lease = Lease { token: token(*holder), longest: HOUR, renew };
                let (found, is_leased) =
                    match tier.fetch_or_lease(CLINIC, key(*number).into(), lease).await.unwrap() {
                        Leased::Hit { entry, is_leased } => (self.hit(entry), is_leased),
                        Leased::Yours(seen) => (self.miss(seen), true),
                        Leased::Theirs(seen) => (self.miss(seen), false),
                    };
                Answer::Turn { found: Box::new(found), is_leased }
            }
            Step::Release { key: number, holder } => {
                let released = tier.release(CLINIC, key(*number), token(*holder)).await;
                released.map(|()| Answer::Done).unwrap()
            }
            Step::Fill { load, key: number, marks, holder } => {
                let Some(&seen) = pick(&self.loads, *load) else { return Answer::Done };
                self.filled += 1;
                let (marks, bytes) = (tags(marks), self.filled.to_be_bytes());
                let entry = NewEntry {
                    key: key(*number),
                    seen,
                    marks: &marks,
                    bytes: &bytes,
                    life: HOUR,
                    lease: holder.map(token),
                };
                Answer::Filled(tier.fill(CLINIC, entry).await.unwrap())
            }
            Step::Check { load, marks } => {
                let Some(&seen) = pick(&self.loads, *load) else { return Answer::Done };
                Answer::Verdict(tier.check(CLINIC, &tags(marks), seen).await.unwrap())
            }
            Step::Forget { marks, keys, expire } => {
                let keys: Vec<Mark> = keys.iter().map(|number| key(*number)).collect();
                let forget = Forget { marks: &tags(marks), keys: &keys, verb: verb(*expire) };
                Answer::Number(tier.forget(CLINIC, forget, &[]).await.unwrap().number)
            }
            Step::Flood { many, expire } => {
                let marks: Vec<Mark> = (0..*many).map(|number| Mark([150 + number; 16])).collect();
                let forget = Forget { marks: &marks, keys: &[], verb: verb(*expire) };
                Answer::Number(tier.forget(CLINIC, forget, &[]).await.unwrap().number)
            }
            Step::Clinic { expire } => {
                Answer::Number(tier.forget_clinic(CLINIC, verb(*expire), &[]).await.unwrap().number)
            }
            Step::All => tier.purge_all(&[]).await.map(|_| Answer::Done).unwrap(),
            Step::Generation => tier.generation().await.map(|_| Answer::Done).unwrap(),
            Step::Bar { marks } => {
                let mut marks = tags(marks);
                marks.dedup();
                self.bars.push(tier.bar(CLINIC, &marks, HOUR, &[]).await.unwrap());
                Answer::Done
            }
            Step::Lift { bar } => {
                // Also those that were lifted already.
                let Some(bar) = pick(&self.bars, *bar) else { return Answer::Done };
                Answer::Number(tier.lift(bar, &[]).await.unwrap().number)
            }
        }
    }
}

fn pick<T>(all: &[T], which: usize) -> Option<&T> {
    all.get(which.checked_rem(all.len())?)
}

#[test]
#[ignore = "needs Redis: cargo xtask test"]
fn redis_answers_as_memory_does() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let connection = runtime.block_on(connect(&url()));
    proptest!(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }, |(
        steps in prop::collection::vec((any::<bool>(), step()), 1..60),
    )| {
        runtime.block_on(async {
            let prefix = fresh();
            let server = MemoryServer::builder().limits(shared_limits()).build().unwrap();
            let models = [server.node(), server.node()];
            let nodes = [tier(connection.clone(), &prefix), tier(connection.clone(), &prefix)];
            let (mut model, mut real) = (Side::default(), Side::default());
            for (at, (node, step)) in steps.iter().enumerate() {
                let wanted = model.take(&models[usize::from(*node)], step).await;
                let answer = real.take(&nodes[usize::from(*node)], step).await;
                prop_assert_eq!(answer, wanted, "step {} of {:?}", at, steps);
            }
            Ok::<(), TestCaseError>(())
        })?;
    });
}
