//! Anything in any order, checked against what each client could have concluded: a stream without a hole that nobody was told of.

use super::site::{Client, Person, Site};
use healthcare_messaging::{Close, Next};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};
use uuid::Uuid;

const CLIENTS: usize = 4;
const ROOMS: [&str; 2] = ["a", "b"];

#[derive(Debug, Clone)]
enum Step {
    /// Comes, with what it remembers or without.
    Join(usize, usize, bool),
    Leave(usize, usize),
    Publish(usize),
    /// Reads so many messages.
    Read(usize, usize),
    Gone(usize),
    End(usize),
    Reset,
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (client, room) = (0..CLIENTS, 0..ROOMS.len());
    let step = prop_oneof![
        4 => (client.clone(), room.clone(), any::<bool>()).prop_map(|(c, r, back)| Step::Join(c, r, back)),
        1 => (client.clone(), room.clone()).prop_map(|(c, r)| Step::Leave(c, r)),
        8 => room.prop_map(Step::Publish),
        4 => (client.clone(), 0_usize..12).prop_map(|(c, most)| Step::Read(c, most)),
        2 => client.clone().prop_map(Step::Gone),
        1 => client.prop_map(Step::End),
        1 => Just(Step::Reset),
        1 => (1_u64..90).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..120)
}

/// What a client remembers of a room, over all its connections.
#[derive(Default, Clone)]
struct Memory {
    epoch: Option<String>,
    offset: u64,
    inside: bool,
}

#[derive(Default)]
struct World {
    /// Which event stood where, as any client was told: all are told the same.
    places: BTreeMap<(String, u64), String>,
    /// The events of each room in the order of their publishing.
    published: BTreeMap<&'static str, Vec<Uuid>>,
}

struct Actor {
    client: Option<Client>,
    memory: BTreeMap<&'static str, Memory>,
}

impl World {
    /// One message, judged by what the client knew before it.
    fn judge(&mut self, actor: &mut BTreeMap<&'static str, Memory>, told: &Value) {
        let name = *ROOMS.iter().find(|name| told["room"] == **name).unwrap();
        let memory = actor.entry(name).or_default();
        let (epoch, offset) = (told["epoch"].as_str().map(str::to_owned), told["offset"].as_u64());
        match told["type"].as_str().unwrap() {
            "joined" => {
                memory.inside = true;
                if told["recovered"] == true {
                    assert_eq!(epoch, memory.epoch, "recovered into the stream it was in");
                    assert!(memory.offset <= offset.unwrap());
                } else {
                    (memory.epoch, memory.offset) = (epoch, offset.unwrap());
                }
            }
            "event" => {
                assert!(memory.inside, "told of a room it is not in");
                assert_eq!(offset, Some(memory.offset + 1), "a hole, or a message twice");
                memory.offset += 1;
                let place = (memory.epoch.clone().unwrap(), memory.offset);
                let id = told["id"].as_str().unwrap().to_owned();
                assert_eq!(self.places.entry(place).or_insert_with(|| id.clone()), &id);
            }
            "reset" => (memory.epoch, memory.offset) = (epoch, 0),
            "left" => memory.inside = false,
            "refused" => assert_eq!(told["reason"], "joined"),
            other => panic!("{other}"),
        }
    }

    fn read(&mut self, actor: &mut Actor, most: usize) {
        for _ in 0..most {
            let Some(client) = &mut actor.client else { return };
            match client.next() {
                Some(Next::Send(text)) => {
                    let told = serde_json::from_str(&text).unwrap();
                    self.judge(&mut actor.memory, &told);
                }
                Some(Next::Close(why)) => {
                    assert!(matches!(why, Close::TooSlow | Close::Ended), "{why}");
                    gone(actor);
                }
                Some(_) => panic!("nothing is to be asked"),
                None => return,
            }
        }
    }
}

/// What was not read is lost: the memory is that of the last message read.
fn gone(actor: &mut Actor) {
    actor.client = None;
    actor.memory.values_mut().for_each(|memory| memory.inside = false);
}

async fn play(steps: Vec<Step>) {
    let site = Site::of(|hub| hub.kept(6).queue_bytes(4_096).linger(Duration::from_secs(60)));
    let mut world = World::default();
    let mut actors: Vec<Actor> =
        (0..CLIENTS).map(|_| Actor { client: None, memory: BTreeMap::new() }).collect();
    for step in steps {
        match step {
            Step::Join(at, room, back) => {
                let actor = &mut actors[at];
                // A place is named by who has read all there is to read, or has nothing more to read.
                world.read(actor, usize::MAX);
                let memory = actor.memory.get(ROOMS[room]).cloned().unwrap_or_default();
                let client =
                    actor.client.get_or_insert_with(|| site.client_as(site.who(), &Person::default()));
                let mut join = json!({"type": "join", "room": ROOMS[room]});
                if let Some(epoch) = memory.epoch.filter(|_| back) {
                    join["since"] = json!({"epoch": epoch, "offset": memory.offset});
                }
                site.clock.advance(Duration::from_secs(1));
                client.says(join).await.unwrap();
            }
            Step::Leave(at, room) => {
                if let Some(client) = &mut actors[at].client {
                    client.says(json!({"type": "leave", "room": ROOMS[room]})).await.unwrap();
                }
            }
            Step::Publish(room) => {
                world.published.entry(ROOMS[room]).or_default().push(site.publish(ROOMS[room]))
            }
            Step::Read(at, most) => world.read(&mut actors[at], most),
            Step::Gone(at) => gone(&mut actors[at]),
            Step::End(at) => {
                if let Some(client) = &actors[at].client {
                    site.hub.end_session(client.who.session);
                }
            }
            Step::Reset => site.hub.reset(),
            Step::Wait(seconds) => site.clock.advance(Duration::from_secs(seconds)),
        }
    }
    settle(&site, &mut world, &mut actors);
}

/// Everybody reads to the end: whoever is inside then is where the room is, and ended with what was published last.
fn settle(site: &Site, world: &mut World, actors: &mut [Actor]) {
    for name in ROOMS {
        world.published.entry(name).or_default().push(site.publish(name));
    }
    for actor in &mut *actors {
        world.read(actor, usize::MAX);
        for (name, memory) in actor.memory.iter().filter(|(_, memory)| memory.inside) {
            let place = (memory.epoch.clone().unwrap(), memory.offset);
            let last = world.published[name].last().unwrap().to_string();
            assert_eq!(world.places.get(&place), Some(&last), "it waits for something that was published");
        }
    }
    let inside: usize = actors.iter().map(|actor| actor.memory.values().filter(|m| m.inside).count()).sum();
    assert_eq!(site.hub.counts().members, inside);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if std::env::var_os("HEALTHCARE_TEST_DEEP").is_some() { 50_000 } else { 1_000 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_stream_has_a_hole_that_its_reader_is_not_told_of(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(play(steps));
    }
}
