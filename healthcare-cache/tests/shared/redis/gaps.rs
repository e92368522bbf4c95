//! Between any two commands of a look, others get their turn: what was forgotten before the look began stays forgotten.

use super::{CLINIC, KEY, TAG, connect, fresh, keep, purge, tier, url};
use healthcare_cache::{
    Fetched, Filled, Forget, Mark, NewEntry, RedisShared, Seen, SharedBar, SharedTier as _, Sought, Verb,
    Verdict,
};
use redis::{
    Cmd, Pipeline, RedisFuture, Value,
    aio::{ConnectionLike, MultiplexedConnection},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::{Mutex, oneshot};

type Gap = (usize, oneshot::Sender<()>, oneshot::Receiver<()>);

/// Sends the commands of a pipeline one by one, and before one of them lets others go first.
#[derive(Clone)]
struct Gapped {
    inner: MultiplexedConnection,
    /// At which command, who is told that it is reached, and who says that it may go on.
    gap: Arc<Mutex<Option<Gap>>>,
}

impl ConnectionLike for Gapped {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        self.inner.req_packed_command(command)
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        _: usize,
        _: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            let gap = self.gap.lock().await.take();
            let mut gap = gap.filter(|(at, ..)| *at < pipeline.len());
            let mut answers = Vec::new();
            for (number, command) in pipeline.cmd_iter().enumerate() {
                if let Some((_, reached, go)) = gap.take_if(|(at, ..)| *at == number) {
                    reached.send(()).unwrap();
                    go.await.unwrap();
                }
                answers.push(self.inner.req_packed_command(command).await?);
            }
            Ok(answers)
        })
    }

    fn get_db(&self) -> i64 {
        0
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Tag,
    Key,
    Clinic,
    Expired,
    ExpiredClinic,
    Barred,
    /// Everything of all clinics, by the one who looks.
    Everything,
    /// Everything of the clinic but the value, and the looker has heard of what came after.
    Lost,
}

const BEFORE: [Before; 9] = [
    Before::Nothing,
    Before::Tag,
    Before::Key,
    Before::Clinic,
    Before::Expired,
    Before::ExpiredClinic,
    Before::Barred,
    Before::Everything,
    Before::Lost,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meanwhile {
    /// So many other marks are purged that the older ones are dropped.
    Drops,
    LosesNumbers,
    LosesMarks,
    LosesBoth,
    /// What was barred is not any more.
    Lifts,
    /// Somebody loads and keeps the present version.
    Fills,
    /// Nothing, and then another purge.
    Purges,
}

const MEANWHILE: [Meanwhile; 7] = [
    Meanwhile::Drops,
    Meanwhile::LosesNumbers,
    Meanwhile::LosesMarks,
    Meanwhile::LosesBoth,
    Meanwhile::Lifts,
    Meanwhile::Fills,
    Meanwhile::Purges,
];

struct Stage {
    connection: MultiplexedConnection,
    prefix: String,
    looker: RedisShared,
    gapped: Gapped,
    other: RedisShared,
    bar: Option<SharedBar>,
}

impl Stage {
    async fn new() -> Self {
        let (connection, prefix) = (connect(&url()).await, fresh());
        let gapped = Gapped { inner: connection.clone(), gap: Arc::default() };
        let (looker, other) = (tier(gapped.clone(), &prefix), tier(connection.clone(), &prefix));
        Self { connection, prefix, looker, gapped, other, bar: None }
    }

    fn name(&self, rest: &str) -> String {
        format!("{}:{{{:032x}}}:{rest}", self.prefix, u128::from_be_bytes(CLINIC.0))
    }

    async fn delete(&mut self, rest: &str) {
        let name = self.name(rest);
        let _: i64 = redis::cmd("DEL").arg(name).query_async(&mut self.connection).await.unwrap();
    }

    /// Keeps version `x`, forgets it, and puts its bytes back: purges by key remove them, and a look may have read them before.
    async fn prepare(&mut self, before: Before) -> Seen {
        keep(&self.looker).await;
        let Fetched::Hit(kept) = self.looker.fetch(CLINIC, KEY).await.unwrap() else { panic!("kept") };
        let name = self.name(&format!("v:{:032x}", u128::from_be_bytes(KEY.0)));
        let bytes: Vec<u8> = redis::cmd("GET").arg(&name).query_async(&mut self.connection).await.unwrap();
        let forget = |verb| Forget { marks: &[TAG], keys: &[], verb };
        match before {
            Before::Nothing => {}
            Before::Tag => purge(&self.other).await,
            Before::Key => {
                let forget = Forget { marks: &[], keys: &[KEY], verb: Verb::Purge };
                self.other.forget(CLINIC, forget, &[]).await.map(|_| ()).unwrap();
            }
            Before::Clinic => self.other.forget_clinic(CLINIC, Verb::Purge, &[]).await.map(|_| ()).unwrap(),
            Before::Expired => {
                self.other.forget(CLINIC, forget(Verb::Expire), &[]).await.map(|_| ()).unwrap()
            }
            Before::ExpiredClinic => {
                self.other.forget_clinic(CLINIC, Verb::Expire, &[]).await.map(|_| ()).unwrap();
            }
            Before::Barred => {
                let bar = self.other.bar(CLINIC, &[TAG], Duration::from_secs(60), &[]).await.unwrap();
                self.bar = Some(bar);
            }
            Before::Everything => self.looker.purge_all(&[]).await.map(|_| ()).unwrap(),
            Before::Lost => {
                self.delete("s").await;
                self.delete("m").await;
                self.looker.fetch(CLINIC, Mark([9; 16])).await.map(|_| ()).unwrap();
            }
        }
        let mut set = redis::cmd("SET");
        let _: String =
            set.arg(name).arg(bytes).arg("PX").arg(60_000).query_async(&mut self.connection).await.unwrap();
        kept.seen
    }

    async fn meanwhile(&mut self, meanwhile: Meanwhile) {
        match meanwhile {
            Meanwhile::Drops => {
                for number in 1_000..1_100_u128 {
                    let forget =
                        Forget { marks: &[Mark(number.to_be_bytes())], keys: &[], verb: Verb::Purge };
                    self.other.forget(CLINIC, forget, &[]).await.unwrap();
                }
            }
            Meanwhile::LosesNumbers => self.delete("s").await,
            Meanwhile::LosesMarks => self.delete("m").await,
            Meanwhile::LosesBoth => {
                self.delete("s").await;
                self.delete("m").await;
            }
            Meanwhile::Lifts => {
                if let Some(bar) = self.bar.take() {
                    self.other.lift(&bar, &[]).await.unwrap();
                }
            }
            Meanwhile::Fills => {}
            Meanwhile::Purges => purge(&self.other).await,
        }
        // Somebody else has asked in the meantime, and so made good what was lost.
        let seen = match self.other.fetch(CLINIC, Mark([9; 16])).await.unwrap() {
            Fetched::Hit(_) => panic!("nobody kept it"),
            Fetched::Miss(seen) => seen,
        };
        if meanwhile == Meanwhile::Fills {
            let life = Duration::from_secs(60);
            let entry = NewEntry { key: KEY, seen, marks: &[TAG], bytes: b"y", life, lease: None };
            let is_barred = self.bar.is_some();
            let filled = self.other.fill(CLINIC, entry).await.unwrap();
            assert_eq!(filled, if is_barred { Filled::Barred } else { Filled::Stored });
        }
    }
}

/// What is asked in whose gap something happens.
#[derive(Debug, Clone, Copy)]
enum Ask {
    One(&'static [Mark]),
    Two,
    Check,
}

impl Ask {
    /// Whether version `x` came out of it, as one that is current.
    async fn shows_old(self, node: RedisShared, old: Seen) -> bool {
        let is_old = |found: Option<Fetched>| match found.unwrap() {
            Fetched::Hit(entry) => entry.bytes == b"x" && !entry.is_over,
            Fetched::Miss(_) => false,
        };
        match self {
            Self::One(likely) => {
                is_old(node.fetch_many(CLINIC, &[Sought { key: KEY, likely }]).await.unwrap().pop())
            }
            Self::Two => {
                let sought = [Mark([8; 16]).into(), Sought { key: KEY, likely: &[TAG] }];
                is_old(node.fetch_many(CLINIC, &sought).await.unwrap().pop())
            }
            Self::Check => node.check(CLINIC, &[KEY, TAG], old).await.unwrap() == Verdict::Current,
        }
    }
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn what_was_forgotten_before_a_look_is_not_found_by_it() {
    let mut reached = 0;
    for (before, meanwhile) in BEFORE.into_iter().flat_map(|before| MEANWHILE.map(|while_| (before, while_)))
    {
        for ask in [Ask::One(&[]), Ask::One(&[TAG]), Ask::Two, Ask::Check] {
            for at in 0..5 {
                let mut stage = Stage::new().await;
                let old = stage.prepare(before).await;
                let (there, is_there) = oneshot::channel();
                let (go, may_go) = oneshot::channel();
                *stage.gapped.gap.lock().await = Some((at, there, may_go));
                let (looker, gap) = (stage.looker.clone(), Arc::clone(&stage.gapped.gap));
                let asking = tokio::spawn(async move {
                    let shows_old = ask.shows_old(looker, old).await;
                    // A look that sends no plain commands has no gap.
                    drop(gap.lock().await.take());
                    shows_old
                });
                if is_there.await.is_ok() {
                    reached += 1;
                    stage.meanwhile(meanwhile).await;
                    go.send(()).unwrap();
                }
                let shows_old = asking.await.unwrap();
                // Before nothing was forgotten, what is forgotten meanwhile may be seen or not.
                assert!(
                    before == Before::Nothing || !shows_old,
                    "{before:?}, {meanwhile:?} at {at}, {ask:?}"
                );
            }
        }
    }
    assert!(reached > 700, "the gaps were met: {reached}");
}
