//! Every interleaving of two or three threads at a bulkhead's places, with loom's threads and atomics in place of std's.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code, unreachable_pub)]

#[path = "../../src/bulkhead/places.rs"]
mod places;

mod sync {
    pub(crate) use loom::sync::atomic;

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

use loom::{sync::Arc, sync::atomic::AtomicUsize, thread};
use places::{Entry, Places};
use std::{
    sync::atomic::Ordering,
    task::{Wake, Waker},
};

struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn bell() -> (std::sync::Arc<Bell>, Waker) {
    let bell = std::sync::Arc::new(Bell(AtomicUsize::new(0)));
    (bell.clone(), Waker::from(bell))
}

/// Counts how many are in at once and fails when they are too many.
struct Room {
    places: Places,
    inside: AtomicUsize,
    max: usize,
}

impl Room {
    fn new(max: usize, waiting: usize) -> Arc<Self> {
        Arc::new(Self { places: Places::new(max, waiting), inside: AtomicUsize::new(0), max })
    }
    fn work(&self) {
        assert!(self.inside.fetch_add(1, Ordering::SeqCst) < self.max, "one too many inside");
        self.inside.fetch_sub(1, Ordering::SeqCst);
        self.places.give_back();
    }
    /// One visit that cannot wait for ever: loom has no clock, so a visitor who was not served leaves the line.
    fn visit(&self) -> bool {
        let (_bell, waker) = bell();
        match self.places.enter(waker) {
            Entry::Taken => self.work(),
            Entry::Full => return false,
            Entry::Waiting(ticket) if self.places.leave(ticket) => return false,
            Entry::Waiting(_) => self.work(),
        }
        true
    }
    fn assert_empty(&self) {
        assert_eq!((self.places.in_flight(), self.places.waiting()), (0, 0));
        assert!(self.places.try_take(), "a place was lost");
    }
}

#[test]
fn two_takers_of_one_place_are_never_both_in() {
    // The model of resilience4j's ConcurrentBulkheadTest: at the end the place is free, whoever was refused.
    loom::model(|| {
        let room = Room::new(1, 0);
        let other = room.clone();
        let taker = thread::spawn(move || {
            other.places.try_take() && {
                other.work();
                true
            }
        });
        let mine = room.places.try_take();
        if mine {
            room.work();
        }
        assert!(taker.join().unwrap() || mine, "both were refused an empty room");
        room.assert_empty();
    });
}

#[test]
fn a_waiter_that_leaves_loses_no_place() {
    loom::model(|| {
        let room = Room::new(1, 1);
        assert!(room.places.try_take());
        let other = room.clone();
        let waiter = thread::spawn(move || other.visit());
        room.work();
        waiter.join().unwrap();
        room.assert_empty();
    });
}

#[test]
fn a_waiter_that_stays_is_woken() {
    loom::model(|| {
        let room = Room::new(1, 1);
        assert!(room.places.try_take());
        let other = room.clone();
        let holder = thread::spawn(move || other.places.give_back());
        let (bell, waker) = bell();
        match room.places.enter(waker.clone()) {
            Entry::Taken => {}
            Entry::Full => panic!("the line had room"),
            Entry::Waiting(ticket) => {
                let handed_before = room.places.is_handed(ticket, waker);
                holder.join().unwrap();
                assert_eq!(bell.0.load(Ordering::SeqCst), 1, "nobody woke the waiter");
                assert!(handed_before || room.places.is_handed(ticket, Waker::noop().clone()));
                room.places.give_back();
                return room.assert_empty();
            }
        }
        holder.join().unwrap();
        room.places.give_back();
        room.assert_empty();
    });
}

#[test]
fn three_visitors_share_one_place() {
    let mut model = loom::model::Builder::new();
    // All interleavings of three visits take a quarter of a minute; three changes of thread at any point reach every pair of steps.
    model.preemption_bound = Some(3);
    model.check(|| {
        let room = Room::new(1, 1);
        let visitors: Vec<_> = (0..2)
            .map(|_| {
                let room = room.clone();
                thread::spawn(move || room.visit())
            })
            .collect();
        let mine = room.visit();
        let served = visitors
            .into_iter()
            .map(|visitor| visitor.join().unwrap())
            .filter(|&is_served| is_served)
            .count();
        assert!(served + usize::from(mine) > 0, "an empty room served nobody");
        room.assert_empty();
    });
}

#[test]
fn whoever_is_second_in_line_follows_a_first_that_leaves() {
    loom::model(|| {
        let room = Room::new(1, 2);
        assert!(room.places.try_take());
        let (_, waker) = bell();
        let Entry::Waiting(first) = room.places.enter(waker) else { panic!("no line") };
        let (second_bell, waker) = bell();
        let Entry::Waiting(second) = room.places.enter(waker) else { panic!("no line") };
        let other = room.clone();
        let holder = thread::spawn(move || other.places.give_back());
        // What a dropped waiter does.
        if !room.places.leave(first) {
            room.places.give_back();
        }
        holder.join().unwrap();
        assert_eq!(second_bell.0.load(Ordering::SeqCst), 1, "the second was not woken");
        assert!(room.places.is_handed(second, Waker::noop().clone()));
        assert_eq!(room.places.in_flight(), 1);
        room.places.give_back();
        room.assert_empty();
    });
}
