//! Any sequence of reads, writes, purges and mishaps over three nodes, against the promise in so many words: after a purge
//! has returned, the node that made it never serves the older value, no other node does once the bound has passed, and of
//! the restricted level no node does at all.

use crate::rig::{BOUND, Key, Node, Rig, key_of, secs};
use healthcare_cache::{
    Cache, CacheLevel, CachePolicy, Cached, LoadError, Loaded, Mishap, NoticeMishap, Reach, TtlClass,
};
use proptest::prelude::*;
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Semaphore, task::JoinHandle, time::Instant};

const KEYS: usize = 4;
const NODES: usize = 3;

/// Two of one patient, one of another, one of another clinic.
fn keys() -> [Key; KEYS] {
    [key_of(1, 1, 1), key_of(1, 1, 2), key_of(1, 2, 3), key_of(2, 1, 4)]
}

#[derive(Debug, Clone, Copy)]
enum Purge {
    Key,
    Subject,
    Tag,
    Clinic,
    All,
    Expire,
    Set,
    Bar,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    /// Of the ordinary cache, or of the restricted one.
    Read(usize, usize, bool),
    ReadMany(usize),
    Get(usize, usize),
    /// A load that has read and not answered.
    Begin(usize, usize, bool),
    /// One of those answers.
    End,
    /// A caller is gone.
    Abort,
    /// The truth changes, and a node is told.
    Write(usize, usize, Purge),
    Pass(u64),
    Next(usize, Mishap),
    Always(usize, Mishap),
    Notice(usize, NoticeMishap),
    Deafen(usize, bool),
    Cut(usize),
    LoseMarkers(usize),
    LoseValues(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (node, key) = (0..NODES, 0..KEYS);
    let purge = prop_oneof![
        3 => Just(Purge::Key),
        2 => Just(Purge::Subject),
        2 => Just(Purge::Tag),
        1 => Just(Purge::Clinic),
        1 => Just(Purge::All),
        1 => Just(Purge::Expire),
        2 => Just(Purge::Set),
        3 => Just(Purge::Bar),
    ];
    let mishap = prop_oneof![
        Just(Mishap::None),
        Just(Mishap::Fail),
        Just(Mishap::Hang),
        Just(Mishap::LoseReply),
        Just(Mishap::HangAfter)
    ];
    let notice =
        prop_oneof![Just(NoticeMishap::Lose), Just(NoticeMishap::Twice), Just(NoticeMishap::AfterNext)];
    prop_oneof![
        14 => (node.clone(), key.clone(), any::<bool>()).prop_map(|(n, k, is)| Step::Read(n, k, is)),
        2 => node.clone().prop_map(Step::ReadMany),
        4 => (node.clone(), key.clone()).prop_map(|(n, k)| Step::Get(n, k)),
        4 => (node.clone(), key.clone(), any::<bool>()).prop_map(|(n, k, is)| Step::Begin(n, k, is)),
        3 => Just(Step::End),
        1 => Just(Step::Abort),
        8 => (node.clone(), key.clone(), purge).prop_map(|(n, k, how)| Step::Write(n, k, how)),
        8 => prop_oneof![Just(1), Just(100), Just(1_000), Just(3_000), Just(8_000), Just(35_000)]
            .prop_map(Step::Pass),
        2 => (node.clone(), mishap.clone()).prop_map(|(n, what)| Step::Next(n, what)),
        2 => (node.clone(), mishap).prop_map(|(n, what)| Step::Always(n, what)),
        2 => (node.clone(), notice).prop_map(|(n, what)| Step::Notice(n, what)),
        2 => (node.clone(), any::<bool>()).prop_map(|(n, is)| Step::Deafen(n, is)),
        1 => node.prop_map(Step::Cut),
        1 => key.clone().prop_map(Step::LoseMarkers),
        1 => key.prop_map(Step::LoseValues),
    ]
}

/// What must not be served any more.
#[derive(Debug)]
struct Fence {
    node: usize,
    keys: Vec<usize>,
    /// Of each of them, what was true when the purge began.
    values: [u64; KEYS],
    /// When every tier had forgotten it, so that the others follow. None while it waits in its node's queue.
    shared: Option<Instant>,
}

/// A read that has begun and not ended.
struct Call {
    node: usize,
    key: usize,
    floor: u64,
    task: JoinHandle<Result<Option<u64>, LoadError>>,
}

struct World {
    rig: Rig,
    strict: Vec<Cache<Key, u64>>,
    truth: [Arc<AtomicU64>; KEYS],
    gate: Arc<Semaphore>,
    fences: Vec<Fence>,
    calls: Vec<Call>,
}

impl World {
    async fn new(level: CacheLevel) -> Self {
        let policy = |level| {
            let policy = CachePolicy::of(TtlClass::Patient).jitter(0.0).level(level).life(secs(60));
            match level {
                CacheLevel::Restricted => policy,
                _ => {
                    policy.eager_after(secs(20)).fail_safe(secs(60)).soft_time_out(secs(1)).throttle(secs(2))
                }
            }
        };
        let rig = Rig::new(policy(level).build().unwrap()).await;
        let strict = policy(CacheLevel::Restricted).build().unwrap();
        let strict =
            rig.nodes.iter().map(|node| Cache::builder(strict).node(&node.node).build().unwrap()).collect();
        Self {
            rig,
            strict,
            truth: std::array::from_fn(|_| Arc::new(AtomicU64::new(1))),
            gate: Arc::new(Semaphore::new(0)),
            fences: Vec::new(),
            calls: Vec::new(),
        }
    }

    fn node(&self, node: usize) -> &Node {
        &self.rig.nodes[node]
    }

    fn cache(&self, node: usize, is_strict: bool) -> &Cache<Key, u64> {
        if is_strict { &self.strict[node] } else { &self.node(node).cache }
    }

    /// The oldest that may be served by a read that begins now.
    fn floor(&self, node: usize, key: usize, is_strict: bool) -> u64 {
        let now = Instant::now();
        let holds = |fence: &&Fence| {
            let is_heard = |since: Instant| now >= since + BOUND;
            fence.keys.contains(&key)
                && (fence.node == node || fence.shared.is_some_and(|since| is_strict || is_heard(since)))
        };
        self.fences.iter().filter(holds).map(|fence| fence.values[key]).max().unwrap_or(0)
    }

    /// What waited in the queues of its node, and does not any more.
    fn deliver(&mut self) {
        for fence in &mut self.fences {
            if fence.shared.is_none() && self.rig.nodes[fence.node].node.queue_len() == 0 {
                fence.shared = Some(Instant::now());
            }
        }
    }

    fn loader(
        &self,
        key: usize,
        is_slow: bool,
    ) -> impl Fn(healthcare_cache::Load<u64>) -> crate::rig::Loading + Send + Sync + 'static {
        let (truth, gate) = (Arc::clone(&self.truth[key]), Arc::clone(&self.gate));
        move |_| {
            let (truth, gate) = (Arc::clone(&truth), Arc::clone(&gate));
            Box::pin(async move {
                let value = truth.load(Ordering::SeqCst);
                if is_slow {
                    gate.acquire().await.map_err(io::Error::other)?.forget();
                }
                Ok(Loaded::new(value).tag("tag"))
            })
        }
    }

    fn check(
        &self,
        found: &Result<Option<u64>, LoadError>,
        node: usize,
        key: usize,
        floor: u64,
    ) -> Result<(), String> {
        match found {
            Ok(Some(value)) if *value < floor => Err(format!(
                "node {node} served {value} of key {key}, and {floor} is the oldest that it may: {:?}",
                self.fences
            )),
            _ => Ok(()),
        }
    }

    async fn read(&self, node: usize, key: usize, is_strict: bool) -> Result<(), String> {
        let floor = self.floor(node, key, is_strict);
        let found = self.cache(node, is_strict).get_or_load(&keys()[key], self.loader(key, false)).await;
        self.check(&found.map(|found| Some(*found)), node, key, floor)
    }

    async fn read_many(&self, node: usize) -> Result<(), String> {
        for is_strict in [false, true] {
            let floors: [u64; KEYS] = std::array::from_fn(|key| self.floor(node, key, is_strict));
            let truth = self.truth.clone();
            let loader = move |wanted: Vec<Key>| {
                let all = keys();
                let found: Vec<_> = wanted
                    .into_iter()
                    .map(|key| {
                        let at = all.iter().position(|other| *other == key).unwrap();
                        (key, Loaded::new(truth[at].load(Ordering::SeqCst)).tag("tag"))
                    })
                    .collect();
                async move { Ok::<_, io::Error>(found) }
            };
            let found = self.cache(node, is_strict).get_or_load_many(&keys(), loader).await;
            for (key, found) in found.into_iter().enumerate() {
                let found = found.map(|found: Option<Cached<u64>>| found.map(|value| *value));
                self.check(&found, node, key, floors[key])?;
            }
        }
        Ok(())
    }

    fn begin(&mut self, node: usize, key: usize, is_strict: bool) {
        let floor = self.floor(node, key, is_strict);
        let (cache, loader) = (self.cache(node, is_strict).clone(), self.loader(key, true));
        let task =
            tokio::spawn(
                async move { cache.get_or_load(&keys()[key], loader).await.map(|value| Some(*value)) },
            );
        self.calls.push(Call { node, key, floor, task });
    }

    async fn collect(&mut self, is_last: bool) -> Result<(), String> {
        for call in std::mem::take(&mut self.calls) {
            if !is_last && !call.task.is_finished() {
                self.calls.push(call);
            } else if let Ok(found) = call.task.await {
                self.check(&found, call.node, call.key, call.floor)?;
            }
        }
        Ok(())
    }

    async fn write(&mut self, node: usize, key: usize, how: Purge) {
        let own = keys()[key].clone();
        let is_covered = |other: &Key| match how {
            Purge::Key | Purge::Expire | Purge::Set => *other == own,
            Purge::Subject | Purge::Bar => other.clinic == own.clinic && other.patient == own.patient,
            Purge::Tag | Purge::Clinic => other.clinic == own.clinic,
            Purge::All => true,
        };
        let covered = (0..KEYS).filter(|other| is_covered(&keys()[*other])).collect();
        let at = &self.rig.nodes[node];
        let reach = match how {
            Purge::Bar => {
                let mark = at.node.subject_mark(own.clinic, own.patient);
                let bar = at.node.bar(own.clinic, [mark], secs(60)).await.unwrap();
                // Readers before and after the commit, under the bar.
                let _ = at.cache.get_or_load(&own, self.loader(key, false)).await;
                self.truth[key].fetch_add(1, Ordering::SeqCst);
                let _ =
                    self.rig.nodes[(node + 1) % NODES].cache.get_or_load(&own, self.loader(key, false)).await;
                bar.lift().await
            }
            _ => {
                let value = self.truth[key].fetch_add(1, Ordering::SeqCst) + 1;
                match how {
                    Purge::Key => at.cache.purge(&own).await,
                    Purge::Subject => at.cache.purge_subject(own.clinic, own.patient).await,
                    Purge::Tag => at.cache.purge_tag(own.clinic, "tag").await,
                    Purge::Clinic => at.cache.purge_clinic(own.clinic).await,
                    Purge::All => at.cache.purge_all().await,
                    // Of one that keeps sensitive values; the ordinary one may keep others.
                    Purge::Expire => self.strict[node].expire(&own).await,
                    Purge::Set | Purge::Bar => {
                        at.cache.set(&own, Loaded::new(value).tag("tag")).await;
                        if at.node.queue_len() == 0 { Reach::Everyone } else { Reach::Queued }
                    }
                }
            }
        };
        let since = Instant::now();
        self.fences.push(Fence {
            node,
            keys: covered,
            values: std::array::from_fn(|key| self.truth[key].load(Ordering::SeqCst)),
            shared: (reach == Reach::Everyone).then_some(since),
        });
    }

    async fn take(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Read(node, key, is_strict) => self.read(node, key, is_strict).await?,
            Step::ReadMany(node) => self.read_many(node).await?,
            Step::Get(node, key) => {
                let floor = self.floor(node, key, false);
                let found = self.node(node).memory(&keys()[key]);
                self.check(&Ok(found), node, key, floor)?;
                assert!(self.strict[node].get(&keys()[key]).is_none());
            }
            Step::Begin(node, key, is_strict) => self.begin(node, key, is_strict),
            Step::End => self.gate.add_permits(1),
            Step::Abort => {
                if let Some(call) = self.calls.pop() {
                    call.task.abort();
                }
            }
            Step::Write(node, key, how) => self.write(node, key, how).await,
            Step::Pass(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Step::Next(node, mishap) => self.node(node).tier.next([mishap]),
            Step::Always(node, mishap) => self.node(node).tier.always(mishap),
            Step::Notice(node, mishap) => self.node(node).tier.next_hear([mishap]),
            Step::Deafen(node, is_deaf) => self.node(node).tier.deafen(is_deaf),
            Step::Cut(node) => self.node(node).tier.cut(),
            Step::LoseMarkers(key) => self.rig.server.lose_markers(self.rig.scope(&keys()[key])),
            Step::LoseValues(key) => self.rig.server.lose_values(self.rig.scope(&keys()[key])),
        }
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        self.deliver();
        self.collect(false).await?;
        for (node, strict) in self.rig.nodes.iter().zip(&self.strict) {
            node.cache.validate()?;
            strict.validate()?;
        }
        Ok(())
    }

    /// Everything is well again: all loads end, no purge is left in a queue, and all nodes see what is true.
    async fn heal(mut self) -> Result<(), String> {
        self.gate.close();
        for node in &self.rig.nodes {
            node.tier.always(Mishap::None);
            node.tier.always_hear(NoticeMishap::None);
            node.tier.deafen(false);
        }
        tokio::time::sleep(secs(40)).await;
        self.collect(true).await?;
        self.rig.settle().await;
        self.deliver();
        for node in 0..NODES {
            let at = self.node(node);
            at.node.validate()?;
            if at.node.queue_len() > 0 || !at.node.is_hearing() {
                return Err(format!("node {node} does not come back"));
            }
            for key in 0..KEYS {
                for is_strict in [false, true] {
                    self.read(node, key, is_strict).await?;
                }
            }
        }
        Ok(())
    }
}

async fn run(level: CacheLevel, steps: &[Step]) -> Result<(), String> {
    let mut world = World::new(level).await;
    for (at, step) in steps.iter().enumerate() {
        world.take(*step).await.map_err(|wrong| format!("step {at}, {step:?}: {wrong}"))?;
    }
    world.heal().await
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn what_was_purged_is_not_served(
        is_standard in any::<bool>(),
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let level = if is_standard { CacheLevel::Standard } else { CacheLevel::Sensitive };
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        if let Err(wrong) = runtime.block_on(run(level, &steps)) {
            prop_assert!(false, "{}", wrong);
        }
    }
}
