//! Versions and flights under every order of threads.
//!
//! The very files of the crate are compiled here, with loom's atomics and lock in the place of the standard ones.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
#![allow(dead_code, unused_imports, unreachable_pub, reason = "the crate uses what is not needed here")]

#[path = "../../src/node/bars.rs"]
mod bars;
#[path = "../../src/node/debt.rs"]
mod debt;
#[path = "../../src/node/hears.rs"]
mod hears;
#[path = "../../src/node/queue.rs"]
mod queue;
#[path = "../../src/flight/table.rs"]
mod table;
#[path = "../../src/node/versions.rs"]
mod versions;

mod joined;

mod sync {
    pub(crate) use loom::sync::{Arc, atomic};

    #[derive(Debug)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }
        pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
            self.0.lock().unwrap()
        }
    }
}

use healthcare_cache::{Mark, ScopeMark, SharedLimits, Verb};
use loom::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    thread,
};
use sync::{Arc, Mutex};
use table::{Boarding, Table};
use versions::{Checked, Fence, Forget, Standing, Versions};

pub(crate) const KEY: u16 = 0;
const TAG: u16 = 1;
const SUBJECT: u16 = 2;

/// A source, and a place for one value with its fence: what the cache does with them, without the rest of it.
struct World {
    source: AtomicU64,
    versions: Versions,
    kept: Mutex<Option<(u64, Fence)>>,
    table: Table<u8, Fence>,
    loads: AtomicUsize,
}

impl World {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            source: AtomicU64::new(1),
            versions: Versions::new(3, 1),
            kept: Mutex::new(None),
            table: Table::new(1, 4),
            loads: AtomicUsize::new(0),
        })
    }

    fn get(&self) -> Option<u64> {
        self.kept.lock().clone().filter(|(_, fence)| self.versions.stand(fence)).map(|(value, _)| value)
    }

    /// One load: the fence, the source, the tags that are known only now, the place.
    fn load(&self) {
        let fence = self.versions.fence(0, KEY, SUBJECT);
        self.store(fence);
    }

    fn store(&self, fence: Fence) {
        let value = self.source.load(Ordering::Acquire);
        let fence = fence.with_tags([TAG].into());
        if self.versions.stand(&fence) {
            *self.kept.lock() = Some((value, fence));
        }
    }
}

pub(crate) fn explore(story: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(story);
}

/// Each kind of purge against a load: once the purge has returned, the old value is not found, then or later.
#[test]
fn an_old_load_never_lands_after_a_purge() {
    for what in
        [Forget::Mark(KEY), Forget::Mark(SUBJECT), Forget::Mark(TAG), Forget::Clinic(0), Forget::Everything]
    {
        explore(move || {
            let world = World::new();
            let loads = {
                let world = Arc::clone(&world);
                thread::spawn(move || world.load())
            };
            world.source.store(2, Ordering::Release);
            world.versions.purge(what);
            assert_ne!(world.get(), Some(1), "{what:?}: right after");
            loads.join().unwrap();
            assert_ne!(world.get(), Some(1), "{what:?}: later");
        });
    }
}

/// Two purges of the same slot may write in the other order than they took their numbers.
#[test]
fn a_purge_is_not_undone_by_an_earlier_one() {
    explore(|| {
        let world = World::new();
        let others = {
            let world = Arc::clone(&world);
            thread::spawn(move || world.versions.purge(Forget::Mark(KEY)))
        };
        world.load();
        world.source.store(2, Ordering::Release);
        world.versions.purge(Forget::Mark(KEY));
        assert_ne!(world.get(), Some(1));
        others.join().unwrap();
        assert_ne!(world.get(), Some(1));
    });
}

/// Hits remember that they found everything as it was. Whatever they found before or during a purge, not after it.
#[test]
fn what_a_hit_remembers_does_not_outlast_a_purge() {
    for what in [Forget::Mark(KEY), Forget::Clinic(0), Forget::Everything] {
        explore(move || {
            let world = World::new();
            let hit = Arc::new((world.versions.fence(0, KEY, SUBJECT), Checked::never()));
            let hits = |world: &World, hit: &(Fence, Checked)| world.versions.standing(&hit.0, &hit.1);
            let others = {
                let (world, hit) = (Arc::clone(&world), Arc::clone(&hit));
                thread::spawn(move || {
                    world.versions.expire(TAG);
                    hits(&world, &hit)
                })
            };
            hits(&world, &hit);
            world.versions.purge(what);
            assert_eq!(hits(&world, &hit), Standing::Purged, "{what:?}: right after");
            others.join().unwrap();
            assert_eq!(hits(&world, &hit), Standing::Purged, "{what:?}: later");
        });
    }
}

#[test]
fn what_was_expired_is_seen_to_be() {
    explore(|| {
        let world = World::new();
        let fence = world.versions.fence(0, KEY, SUBJECT);
        let others = {
            let world = Arc::clone(&world);
            thread::spawn(move || world.versions.expire(SUBJECT))
        };
        world.versions.expire(KEY);
        assert!(world.versions.lapsed(&fence) && world.versions.stand(&fence));
        others.join().unwrap();
        assert!(!world.versions.lapsed(&world.versions.fence(0, KEY, SUBJECT)));
    });
}

/// As a caller does: look, board, look again, load, keep, land.
fn call(world: &World) {
    if world.get().is_some() {
        return;
    }
    let fence = world.versions.fence(0, KEY, SUBJECT);
    let boarding =
        world.table.board(&7, |flight| world.versions.stand(flight), || fence.at(world.versions.last()));
    if let Boarding::Led(flight) = boarding {
        if world.get().is_none() {
            world.loads.fetch_add(1, Ordering::AcqRel);
            world.store((*flight).clone());
        }
        world.table.land(&7, &flight);
    }
}

#[test]
fn two_callers_make_one_load_and_leave_no_flight() {
    explore(|| {
        let world = World::new();
        let other = {
            let world = Arc::clone(&world);
            thread::spawn(move || call(&world))
        };
        call(&world);
        other.join().unwrap();
        assert_eq!(world.loads.load(Ordering::Acquire), 1);
        assert_eq!((world.table.count(), world.table.listed()), (0, 0));
        assert_eq!(world.get(), Some(1));
    });
}

#[test]
fn a_purge_sends_the_next_caller_on_a_flight_of_its_own() {
    explore(|| {
        let world = World::new();
        let other = {
            let world = Arc::clone(&world);
            thread::spawn(move || call(&world))
        };
        world.source.store(2, Ordering::Release);
        world.versions.purge(Forget::Mark(KEY));
        let last = world.versions.last();
        let fence = world.versions.fence(0, KEY, SUBJECT);
        let boarding =
            world.table.board(&7, |flight| world.versions.stand(flight), || fence.at(world.versions.last()));
        match boarding {
            Boarding::Joined(flight) => assert!(flight.seen() >= last, "it shares a load from before"),
            Boarding::Led(flight) => {
                world.store((*flight).clone());
                world.table.land(&7, &flight);
            }
            Boarding::Full => panic!("there is room"),
        }
        other.join().unwrap();
        assert_ne!(world.get(), Some(1));
        assert_eq!((world.table.count(), world.table.listed()), (0, 0));
    });
}

#[test]
fn the_table_never_holds_more_than_it_may() {
    explore(|| {
        let table: Arc<Table<u8, ()>> = Arc::new(Table::new(1, 1));
        let fly = |table: &Table<u8, ()>, key: u8| match table.board(&key, |()| true, || ()) {
            Boarding::Led(flight) => {
                assert_eq!(table.listed(), 1);
                table.land(&key, &flight);
                true
            }
            Boarding::Joined(_) => false,
            Boarding::Full => false,
        };
        let other = {
            let table = Arc::clone(&table);
            thread::spawn(move || fly(&table, 1))
        };
        let one = fly(&table, 2);
        assert!(other.join().unwrap() || one);
        assert_eq!((table.count(), table.listed()), (0, 0));
    });
}
