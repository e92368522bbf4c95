//! A hub by a clock that stands still, and people whose rights a test switches.

use async_trait::async_trait;
use healthcare_core::{ClinicId, ManualClock, SessionId, UserId};
use healthcare_messaging::{
    Close, Connection, Envelope, Hub, HubBuilder, Next, Presence, Rights, RoomName, RoomRefused, Who,
    testing::event,
};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
};
use tokio::sync::Notify;
use uuid::Uuid;

pub(crate) struct Site {
    pub(crate) hub: Hub,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) clinic: ClinicId,
}

/// What the host would say of somebody now.
#[derive(Debug)]
pub(crate) struct Switches {
    pub(crate) lives: Mutex<Result<(), Close>>,
    pub(crate) room: Mutex<Result<Presence, RoomRefused>>,
    pub(crate) asked: AtomicUsize,
    /// Set, the next answer about a room waits until it is let go, and is the answer from before.
    pub(crate) held: Mutex<Option<Arc<Notify>>>,
    pub(crate) waiting: Notify,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            lives: Mutex::new(Ok(())),
            room: Mutex::new(Ok(Presence::Hidden)),
            asked: AtomicUsize::new(0),
            held: Mutex::new(None),
            waiting: Notify::new(),
        }
    }
}

#[derive(Clone, Default)]
pub(crate) struct Person(pub(crate) Arc<Switches>);

#[async_trait]
impl Rights for Person {
    async fn lives(&self) -> Result<(), Close> {
        *self.0.lives.lock().unwrap()
    }

    async fn may_join(&self, _: &RoomName) -> Result<Presence, RoomRefused> {
        self.0.asked.fetch_add(1, Ordering::Relaxed);
        let answer = *self.0.room.lock().unwrap();
        let held = self.0.held.lock().unwrap().take();
        if let Some(held) = held {
            self.0.waiting.notify_one();
            held.notified().await;
        }
        answer
    }
}

impl Person {
    pub(crate) fn shown() -> Self {
        let person = Self::default();
        *person.0.room.lock().unwrap() = Ok(Presence::Shown);
        person
    }
    pub(crate) fn may(&self, answer: Result<Presence, RoomRefused>) {
        *self.0.room.lock().unwrap() = answer;
    }
}

pub(crate) fn room(name: &str) -> RoomName {
    name.parse().unwrap()
}

/// A client, and what it has been told.
pub(crate) struct Client {
    pub(crate) who: Who,
    pub(crate) connection: Connection,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::of(|hub| hub)
    }

    pub(crate) fn of(change: impl FnOnce(HubBuilder) -> HubBuilder) -> Self {
        let clock = Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
        let hub = change(Hub::builder().clock(Arc::clone(&clock) as _)).build().unwrap();
        Self { hub, clock, clinic: ClinicId::random() }
    }

    pub(crate) fn who(&self) -> Who {
        Who { clinic: self.clinic, user: UserId::random(), session: SessionId::random() }
    }

    pub(crate) fn client(&self) -> Client {
        self.client_as(self.who(), &Person::default())
    }

    pub(crate) fn client_as(&self, who: Who, person: &Person) -> Client {
        Client { who, connection: self.hub.connect(who, Arc::new(person.clone())).unwrap() }
    }

    /// Publishes something new to a room; returns the record's id.
    pub(crate) fn publish(&self, name: &str) -> Uuid {
        let id = Uuid::now_v7();
        self.hub.publish(self.clinic, &room(name), &envelope(self.clinic, id));
        id
    }
}

pub(crate) fn envelope(clinic: ClinicId, id: Uuid) -> Envelope {
    Envelope::of(&event(clinic, "sample.changed", id, 1))
}

impl Client {
    pub(crate) async fn says(&mut self, message: Value) -> Result<(), Close> {
        self.connection.heard(&message.to_string()).await
    }

    /// Wants to be in a room, and returns the answer.
    pub(crate) async fn join(&mut self, name: &str) -> Value {
        self.says(json!({"type": "join", "room": name})).await.unwrap();
        self.told().expect("an answer")
    }

    /// The same, coming back.
    pub(crate) async fn rejoin(&mut self, name: &str, epoch: &Value, offset: u64) -> Value {
        let since = json!({"epoch": epoch, "offset": offset});
        self.says(json!({"type": "join", "room": name, "since": since})).await.unwrap();
        self.told().expect("an answer")
    }

    /// What is to be done now, if anything.
    pub(crate) fn next(&mut self) -> Option<Next> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let next = std::pin::pin!(self.connection.next());
        match Future::poll(next, &mut context) {
            Poll::Ready(next) => Some(next),
            Poll::Pending => None,
        }
    }

    /// The next message, if there is one.
    pub(crate) fn told(&mut self) -> Option<Value> {
        match self.next()? {
            Next::Send(text) => Some(serde_json::from_str(&text).unwrap()),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn all(&mut self) -> Vec<Value> {
        std::iter::from_fn(|| self.told()).collect()
    }

    pub(crate) fn ids(&mut self) -> Vec<Uuid> {
        let events = self.all().into_iter().filter(|told| told["type"] == "event");
        events.map(|told| told["id"].as_str().unwrap().parse().unwrap()).collect()
    }
}
