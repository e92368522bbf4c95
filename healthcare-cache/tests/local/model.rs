//! Any sequence of calls against a reference that says what must come out, and everything walked after each.

use crate::rig::{Key, Rig, key_of, secs};
use healthcare_cache::{CacheLevel, CachePolicy, LoadError, Loaded, Namer, TtlClass};
use proptest::prelude::*;
use std::{
    collections::{HashMap, HashSet},
    io,
    sync::Arc,
    sync::atomic::{AtomicUsize, Ordering},
};

const LIFE: u64 = 100;
const FAIL_SAFE: u64 = 40;
const THROTTLE: u64 = 7;
const NEGATIVE: u64 = 20;
const TAGS: [&str; 2] = ["a", "b"];

fn keys() -> Vec<Key> {
    vec![key_of(1, 1, 1), key_of(1, 1, 2), key_of(1, 2, 1), key_of(2, 1, 1), key_of(2, 3, 1)]
}

fn policy(level: CacheLevel) -> CachePolicy {
    CachePolicy::of(TtlClass::Patient)
        .level(level)
        .life(secs(LIFE))
        .eager_after(secs(LIFE / 4))
        .fail_safe(secs(FAIL_SAFE))
        .throttle(secs(THROTTLE))
        .negative_life(secs(NEGATIVE))
        .jitter(0.0)
        .build()
        .unwrap()
}

#[derive(Debug, Clone, Copy)]
enum Brings {
    Value { tag: Option<usize>, life: Option<u64> },
    Absent,
    Same,
    Fails,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Get(usize),
    Load(usize, Brings),
    Set(usize, Option<usize>),
    SetAbsent(usize),
    Expire(usize),
    ExpireTag(usize, usize),
    Purge(usize),
    PurgeTag(usize, usize),
    PurgeSubject(usize),
    PurgeClinic(usize),
    PurgeAll,
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0..5_usize;
    let tag = 0..TAGS.len();
    let brings = prop_oneof![
        4 => (prop::option::of(tag.clone()), prop::option::of(prop_oneof![Just(40), Just(1_000)]))
            .prop_map(|(tag, life)| Brings::Value { tag, life }),
        2 => Just(Brings::Absent),
        1 => Just(Brings::Same),
        3 => Just(Brings::Fails),
    ];
    prop_oneof![
        3 => key.clone().prop_map(Step::Get),
        12 => (key.clone(), brings).prop_map(|(key, brings)| Step::Load(key, brings)),
        1 => (key.clone(), prop::option::of(tag.clone())).prop_map(|(key, tag)| Step::Set(key, tag)),
        1 => key.clone().prop_map(Step::SetAbsent),
        1 => key.clone().prop_map(Step::Expire),
        1 => (key.clone(), tag.clone()).prop_map(|(key, tag)| Step::ExpireTag(key, tag)),
        1 => key.clone().prop_map(Step::Purge),
        1 => (key.clone(), tag).prop_map(|(key, tag)| Step::PurgeTag(key, tag)),
        1 => key.clone().prop_map(Step::PurgeSubject),
        1 => key.prop_map(Step::PurgeClinic),
        1 => Just(Step::PurgeAll),
        6 => prop_oneof![1..12_u64, Just(25), Just(50), Just(100)].prop_map(Step::Pass),
    ]
}

/// What is kept of a key.
#[derive(Debug, Clone, Copy)]
struct Kept {
    value: Option<u64>,
    since: u64,
    life: u64,
    tag: Option<usize>,
    is_expired: bool,
    pause: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Age {
    Fresh,
    Eager,
    Stale,
    Over,
}

struct Model {
    level: CacheLevel,
    now: u64,
    kept: HashMap<usize, Kept>,
    loads: usize,
    next: u64,
}

impl Model {
    fn age(&self, key: usize) -> Option<(Kept, Age)> {
        let kept = *self.kept.get(&key)?;
        let passed = self.now - kept.since;
        if kept.value.is_none() {
            return (passed < NEGATIVE && !kept.is_expired).then_some((kept, Age::Fresh));
        }
        let age = match passed {
            _ if passed >= kept.life + FAIL_SAFE => return None,
            _ if passed >= kept.life => Age::Over,
            _ if kept.is_expired || passed >= kept.life / 2 => Age::Stale,
            _ if passed >= kept.life / 4 => Age::Eager,
            _ => Age::Fresh,
        };
        Some((kept, age))
    }

    fn get(&self, key: usize) -> Option<(u64, bool)> {
        match self.age(key)? {
            (_, Age::Over) => None,
            (kept, age) => kept.value.map(|value| (value, age == Age::Stale)),
        }
    }

    fn keep(&mut self, key: usize, value: Option<u64>, tag: Option<usize>, life: Option<u64>) {
        let life = life.map_or(LIFE, |life| life.min(LIFE));
        let kept = Kept { value, since: self.now, life, tag, is_expired: false, pause: 0 };
        self.kept.insert(key, kept);
    }

    /// Runs a load: the value it gives, or why there is none.
    fn bring(&mut self, key: usize, old: Option<Kept>, brings: Brings) -> Result<Option<u64>, &'static str> {
        self.loads += 1;
        match (brings, old) {
            (Brings::Value { tag, life }, _) => {
                self.keep(key, Some(self.next), tag, life);
                Ok(Some(self.next))
            }
            (Brings::Absent, _) => {
                self.keep(key, None, None, None);
                Ok(None)
            }
            (Brings::Same, Some(old)) => {
                self.keep(key, old.value, old.tag, None);
                Ok(old.value)
            }
            (Brings::Same, None) => Err("nothing"),
            (Brings::Fails, old) => {
                if old.is_some() {
                    self.kept.get_mut(&key).unwrap().pause = self.now + THROTTLE;
                }
                Err("failed")
            }
        }
    }

    fn load(&mut self, key: usize, brings: Brings) -> Result<Option<(u64, bool)>, &'static str> {
        let found = self.age(key);
        let is_paused = |kept: &Kept| self.now < kept.pause;
        match found {
            Some((kept, Age::Fresh)) => Ok(kept.value.map(|value| (value, false))),
            Some((kept, age @ (Age::Eager | Age::Stale))) => {
                if !is_paused(&kept) {
                    let _ = self.bring(key, Some(kept), brings);
                }
                Ok(kept.value.map(|value| (value, age == Age::Stale)))
            }
            Some((kept, Age::Over)) if is_paused(&kept) => Ok(kept.value.map(|value| (value, true))),
            Some((kept, Age::Over)) => match self.bring(key, Some(kept), brings) {
                Ok(value) => Ok(value.map(|value| (value, false))),
                Err(_) => Ok(kept.value.map(|value| (value, true))),
            },
            None => self.bring(key, None, brings).map(|value| value.map(|value| (value, false))),
        }
    }

    fn purge(&mut self, of: impl Fn(usize, &Kept) -> bool) {
        self.kept.retain(|key, kept| !of(*key, kept));
    }

    fn expire(&mut self, of: impl Fn(usize, &Kept) -> bool) {
        if self.level > CacheLevel::Standard {
            return self.purge(of);
        }
        for (key, kept) in &mut self.kept {
            kept.is_expired |= of(*key, kept);
        }
    }
}

async fn load(
    rig: &Rig,
    key: &Key,
    brings: Brings,
    next: u64,
    loads: &Arc<AtomicUsize>,
) -> Result<Option<(u64, bool)>, &'static str> {
    let loads = Arc::clone(loads);
    let found = rig
        .cache
        .get_or_load_option(key, move |_| async move {
            loads.fetch_add(1, Ordering::SeqCst);
            match brings {
                Brings::Value { tag, life } => {
                    let loaded = tag.into_iter().fold(Loaded::new(next), |loaded, tag| loaded.tag(TAGS[tag]));
                    Ok(Some(life.into_iter().fold(loaded, |loaded, life| loaded.life(secs(life)))))
                }
                Brings::Absent => Ok(None),
                Brings::Same => Ok(Some(Loaded::not_modified())),
                Brings::Fails => Err(io::Error::other("down")),
            }
        })
        .await;
    match found {
        Ok(found) => Ok(found.map(|found| (*found, found.is_stale()))),
        Err(LoadError::NothingToKeep) => Err("nothing"),
        Err(LoadError::Failed(_)) => Err("failed"),
        Err(other) => panic!("{other}"),
    }
}

async fn run(level: CacheLevel, steps: &[Step]) {
    let rig = Rig::new(policy(level));
    let keys = keys();
    let loads = Arc::new(AtomicUsize::new(0));
    let mut model = Model { level, now: 0, kept: HashMap::new(), loads: 0, next: 0 };
    for (at, step) in steps.iter().enumerate() {
        model.next += 1;
        let (cache, next) = (&rig.cache, model.next);
        let clinic = |key: usize| keys[key].clinic;
        let same = |key: usize, of: &dyn Fn(&Key) -> bool| of(&keys[key]);
        match *step {
            Step::Get(key) => {
                let found = cache.get_many(&keys[key..=key]).remove(0);
                assert_eq!(found.map(|found| (*found, found.is_stale())), model.get(key), "step {at}");
            }
            Step::Load(key, brings) => {
                let found = load(&rig, &keys[key], brings, next, &loads).await;
                assert_eq!(found, model.load(key, brings), "step {at}");
            }
            Step::Set(key, tag) => {
                cache
                    .set(&keys[key], tag.into_iter().fold(Loaded::new(next), |set, tag| set.tag(TAGS[tag])))
                    .await;
                model.keep(key, Some(next), tag, None);
            }
            Step::SetAbsent(key) => {
                cache.set(&keys[key], Loaded::absent()).await;
                model.keep(key, None, None, None);
            }
            Step::Expire(key) => {
                cache.expire(&keys[key]).await;
                model.expire(|other, _| other == key);
            }
            Step::ExpireTag(key, tag) => {
                cache.expire_tag(clinic(key), TAGS[tag]).await;
                model.expire(|other, kept| clinic(other) == clinic(key) && kept.tag == Some(tag));
            }
            Step::Purge(key) => {
                cache.purge(&keys[key]).await;
                model.purge(|other, _| other == key);
            }
            Step::PurgeTag(key, tag) => {
                cache.purge_tag(clinic(key), TAGS[tag]).await;
                model.purge(|other, kept| clinic(other) == clinic(key) && kept.tag == Some(tag));
            }
            Step::PurgeSubject(key) => {
                let Key { clinic, patient, .. } = keys[key];
                cache.purge_subject(clinic, patient).await;
                model.purge(|other, _| same(other, &|k| k.clinic == clinic && k.patient == patient));
            }
            Step::PurgeClinic(key) => {
                cache.purge_clinic(clinic(key)).await;
                model.purge(|other, _| clinic(other) == clinic(key));
            }
            Step::PurgeAll => {
                cache.purge_all().await;
                model.purge(|_, _| true);
            }
            Step::Pass(time) => {
                rig.clock.advance(secs(time));
                model.now += time;
            }
        }
        rig.settle().await;
        assert_eq!(loads.load(Ordering::SeqCst), model.loads, "loads after step {at}");
    }
}

/// Else a value might be forgotten that the reference keeps.
#[test]
fn no_two_marks_of_these_tests_share_a_slot() {
    let namer = Namer::with_key([3; 16]);
    let mut names = HashSet::new();
    for key in keys() {
        names.insert(namer.key(&key).0);
        names.insert(namer.subject(key.clinic, key.patient).0);
        names.extend(["tag"].iter().chain(&TAGS).map(|tag| namer.tag(key.clinic, tag).0));
    }
    let slots: HashSet<[u8; 2]> = names.iter().map(|mark| [mark[0], mark[1]]).collect();
    assert_eq!(slots.len(), names.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn it_does_what_the_reference_does(
        is_standard in any::<bool>(),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let level = if is_standard { CacheLevel::Standard } else { CacheLevel::Sensitive };
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(run(level, &steps));
    }
}
