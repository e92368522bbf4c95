//! Coming, going, publishing and ending under every order of threads.
//!
//! The very files of the crate are compiled here, with loom's lock in the place of the standard one.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
#![allow(dead_code, unreachable_pub, reason = "the crate uses what is not needed here")]

#[path = "../../src/realtime/close.rs"]
mod close;
#[path = "../../src/realtime/queue.rs"]
mod queue;
#[path = "../../src/realtime/room.rs"]
mod room;
#[path = "../../src/realtime/room_name.rs"]
mod room_name;
#[path = "../../src/realtime/table.rs"]
mod table;

mod sync {
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

use close::Close;
use healthcare_core::{ClinicId, SessionId, UserId};
use loom::{sync::Arc, thread};
use queue::{Next, Queue};
use room::Position;
use room_name::RoomName;
use std::{
    task::{Context, Poll, Waker},
    time::Duration,
};
use table::{NotJoined, Sizes, Table, Who, Wish};
use uuid::Uuid;

const EPOCH: u64 = 7;

struct World {
    table: Table,
    who: Who,
    room: RoomName,
}

fn text(what: impl std::fmt::Display) -> std::sync::Arc<str> {
    what.to_string().into()
}

impl World {
    fn new() -> Arc<Self> {
        let sizes = Sizes {
            clients: 8,
            user_clients: 8,
            rooms: 8,
            client_rooms: 8,
            room_clients: 8,
            queue_bytes: 4_096,
            kept: 8,
            linger: Duration::from_secs(60),
        };
        let who = Who { clinic: ClinicId::random(), user: UserId::random(), session: SessionId::random() };
        Arc::new(Self { table: Table::new(sizes), who, room: "board".parse().unwrap() })
    }

    /// In, unless something changed since it was asked.
    fn join(&self, number: u64, queue: &Queue, since: Option<u64>) -> Result<(), NotJoined> {
        let since = since.map(|offset| Position { epoch: EPOCH, offset });
        let wish = Wish { shown: false, since, changes: queue.changes() };
        let joined = |joined: &room::Joined<'_>| {
            text(format_args!("joined {} {}", joined.position.offset, joined.recovered))
        };
        self.table.join(number, &self.room, wish, (Duration::ZERO, EPOCH), joined, |_| text("seen"))
    }

    fn publish(&self) {
        let key = (self.who.clinic, self.room.clone());
        self.table.publish(&key, Uuid::now_v7(), text);
    }
}

fn read(queue: &Queue) -> (Vec<String>, Option<Close>) {
    let mut told = Vec::new();
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match queue.poll_next(&mut context) {
            Poll::Ready(Next::Send(text)) => told.push(text.to_string()),
            Poll::Ready(Next::Recheck) => told.push("recheck".to_owned()),
            Poll::Ready(Next::Close(why)) => return (told, Some(why)),
            Poll::Pending => return (told, None),
        }
    }
}

/// Whatever a client was told is one stream: the place where it came in, and from there on by ones.
fn one_stream(told: &[String]) -> Option<u64> {
    let (first, rest) = told.split_first()?;
    let mut place: u64 = first.strip_prefix("joined ").unwrap().split(' ').next().unwrap().parse().unwrap();
    for next in rest {
        place += 1;
        assert_eq!(*next, place.to_string(), "{told:?}");
    }
    Some(place)
}

fn explore(story: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    if std::env::var_os("HEALTHCARE_TEST_DEEP").is_none() {
        model.preemption_bound = Some(3);
    }
    model.check(story);
}

#[test]
fn who_comes_while_it_is_published_misses_nothing_and_gets_nothing_twice() {
    explore(|| {
        let world = World::new();
        // Somebody keeps the room's stream.
        let (keeper, kept) = world.table.connect(world.who).unwrap();
        world.join(keeper, &kept, None).unwrap();
        let publishing = {
            let world = world.clone();
            thread::spawn(move || (0..2).for_each(|_| world.publish()))
        };
        let (number, queue) = world.table.connect(world.who).unwrap();
        world.join(number, &queue, None).unwrap();
        world.publish();
        publishing.join().unwrap();
        assert_eq!(one_stream(&read(&queue).0), Some(3));
        assert_eq!(one_stream(&read(&kept).0), Some(3));
    });
}

#[test]
fn who_comes_back_while_it_is_published_gets_each_once() {
    explore(|| {
        let world = World::new();
        let (keeper, kept) = world.table.connect(world.who).unwrap();
        world.join(keeper, &kept, None).unwrap();
        world.publish();
        let publishing = {
            let world = world.clone();
            thread::spawn(move || world.publish())
        };
        let (number, queue) = world.table.connect(world.who).unwrap();
        world.join(number, &queue, Some(0)).unwrap();
        publishing.join().unwrap();
        let (told, _) = read(&queue);
        assert!(told[0].ends_with("true"), "{told:?}");
        assert_eq!(told[1..], ["1", "2"]);
    });
}

#[test]
fn after_the_end_nothing_is_told_and_nobody_is_let_in() {
    explore(|| {
        let world = World::new();
        let (number, queue) = world.table.connect(world.who).unwrap();
        let ending = {
            let world = world.clone();
            thread::spawn(move || {
                world.table.end(Close::Ended, |_| true);
                // From here on it is over, for whoever knows.
                world.publish();
            })
        };
        let joined = world.join(number, &queue, None);
        ending.join().unwrap();
        assert_eq!(read(&queue), (Vec::new(), Some(Close::Ended)), "{joined:?}");
        assert!(matches!(world.join(number, &queue, None), Err(NotJoined::Closed)));
        world.table.disconnect(number, Duration::ZERO, |_, _| text("gone"));
        assert_eq!(world.table.counts().2, 0);
    });
}

#[test]
fn a_change_is_seen_by_whoever_comes_in_meanwhile() {
    explore(|| {
        let world = World::new();
        let (number, queue) = world.table.connect(world.who).unwrap();
        let changes = queue.changes();
        let changing = {
            let world = world.clone();
            thread::spawn(move || world.table.recheck(|_| true))
        };
        let wish = Wish { shown: false, since: None, changes };
        let joined = world.table.join(
            number,
            &world.room,
            wish,
            (Duration::ZERO, EPOCH),
            |_| text("joined 0 false"),
            |_| text("seen"),
        );
        changing.join().unwrap();
        // Either it was too late for this decision, or the change is still to be looked into: never neither.
        let told = read(&queue).0;
        assert!(told.contains(&"recheck".to_owned()));
        assert!(joined == Ok(()) || joined == Err(NotJoined::Stale));
        assert_eq!(told.len(), 1 + usize::from(joined.is_ok()));
    });
}

#[test]
fn going_while_it_is_published_leaves_nobody_behind() {
    explore(|| {
        let world = World::new();
        let (number, queue) = world.table.connect(world.who).unwrap();
        world.join(number, &queue, None).unwrap();
        let publishing = {
            let world = world.clone();
            thread::spawn(move || world.publish())
        };
        world.table.disconnect(number, Duration::ZERO, |_, _| text("gone"));
        publishing.join().unwrap();
        assert_eq!(world.table.counts(), (0, 1, 0));
        assert_eq!(read(&queue).1, Some(Close::GoingAway));
    });
}
