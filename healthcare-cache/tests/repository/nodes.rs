//! Several processes over one store and one shared tier.

use crate::rig::{Ending, LONGEST, Patient, Store, World};
use async_trait::async_trait;
use healthcare_cache::{
    CacheLevel, CacheNode, ChaosShared, Fetched, MemoryServer, MemoryShared, Mishap, Namer, PurgingSink,
    Reach, RowKey, SharedTier as _,
};
use healthcare_core::{
    AuditEvent, AuditSink, CacheCipher, ClinicId, Clock, KeyError, MemoryAudit, MemoryKeys, NotDurable,
    OutboxMessage, Profile, RowFilter, ScopeKeyStore, Vault, WrappedKey, Writer, testing::Stage,
};
use jiff::Timestamp;
use std::{
    collections::HashMap,
    ops::Deref,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{task::JoinHandle, time::Instant};
use uuid::Uuid;

const BOUND: Duration = Duration::from_secs(3);
const SECRET: [u8; 32] = [3; 32];

/// Time as tokio has it, so that pausing it pauses everything.
#[derive(Debug)]
struct TokioClock(Instant);

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH.checked_add(self.0.elapsed()).unwrap()
    }
    fn monotonic(&self) -> Duration {
        self.0.elapsed() + Duration::from_secs(1)
    }
}

/// Wrapped keys that can be destroyed.
#[derive(Debug, Default)]
struct Keys(Mutex<HashMap<ClinicId, WrappedKey>>);

#[async_trait]
impl ScopeKeyStore for Keys {
    async fn get(&self, clinic: ClinicId) -> Result<Option<WrappedKey>, KeyError> {
        Ok(self.0.lock().unwrap().get(&clinic).cloned())
    }
    async fn put_absent(&self, clinic: ClinicId, key: WrappedKey) -> Result<WrappedKey, KeyError> {
        Ok(self.0.lock().unwrap().entry(clinic).or_insert(key).clone())
    }
}

struct Process {
    world: World,
    cipher: CacheCipher,
    tier: ChaosShared<MemoryShared>,
    hearing: JoinHandle<()>,
}

impl Deref for Process {
    type Target = World;
    fn deref(&self) -> &World {
        &self.world
    }
}
impl Drop for Process {
    fn drop(&mut self) {
        self.hearing.abort();
    }
}

struct Rig {
    keys: Arc<Keys>,
    store: Store,
    server: MemoryServer,
    processes: Vec<Process>,
}

fn cipher(master: &MemoryKeys, keys: &Arc<Keys>) -> CacheCipher {
    Arc::new(Vault::new(master, Arc::clone(keys) as _).unwrap()).cache_cipher()
}

impl Rig {
    async fn new() -> Self {
        Self::at(CacheLevel::Sensitive).await
    }

    async fn at(level: CacheLevel) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock(Instant::now()));
        let server = MemoryServer::builder().clock(Arc::clone(&clock)).build().unwrap();
        let stage = Arc::new(Stage::default());
        let (store, keys, master) = (Store::new(&stage), Arc::default(), MemoryKeys::random().unwrap());
        let processes: Vec<Process> = (0..2)
            .map(|_| {
                let (tier, cipher) = (ChaosShared::new(server.node()), cipher(&master, &keys));
                let node = CacheNode::builder().clock(Arc::clone(&clock)).shared(tier.clone());
                let (node, coherence) =
                    node.secret(&SECRET).cipher(cipher.clone()).bound(BOUND).build().unwrap();
                let world = World::at(level, Arc::clone(&stage), store.clone(), node);
                Process { world, cipher, tier, hearing: tokio::spawn(coherence.run()) }
            })
            .collect();
        tokio::time::sleep(BOUND).await;
        assert!(processes.iter().all(|process| process.node.is_hearing()));
        Self { keys, store, server, processes }
    }

    fn two(&self) -> (&Process, &Process) {
        (&self.processes[0], &self.processes[1])
    }

    /// The outcome of the last commit, as a relay finds it in the outbox.
    fn outcome(&self) -> AuditEvent {
        match self.store.rows.outbox().pop() {
            Some(OutboxMessage::Outcome(event)) => event,
            other => panic!("{other:?}"),
        }
    }
}

/// Until what is on its way has arrived: notices, and fills of the shared tier.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}

#[tokio::test(start_paused = true)]
async fn a_row_that_one_node_read_is_found_by_the_other_sealed() {
    let rig = Rig::new().await;
    let (one, two) = rig.two();
    let id = one.patient("Canaryname").await;
    let visit = one.visit(id, "Canarynote").await;
    assert_eq!(
        (one.name(id).await, one.note(visit).await),
        ("Canaryname".to_owned(), "Canarynote".to_owned())
    );
    settle().await;
    assert_eq!(
        (two.name(id).await, two.note(visit).await),
        ("Canaryname".to_owned(), "Canarynote".to_owned())
    );
    assert_eq!(rig.store.finds(), 2, "the second node asked the store for nothing");
    two.name(id).await;
    assert_eq!(rig.store.finds(), 2);
    let (namer, key) = (Namer::with_secret(&SECRET), RowKey::<Patient>::new(one.stage.clinic, id));
    let fetched = rig.server.node().fetch(namer.scope(one.stage.clinic), namer.key(&key)).await.unwrap();
    let Fetched::Hit(entry) = fetched else { panic!("it is not there") };
    assert!(!entry.bytes.windows(6).any(|part| part.eq_ignore_ascii_case(b"canary")));
    assert_eq!(entry.marks, [namer.subject(one.stage.clinic, id.as_uuid())]);
}

#[tokio::test(start_paused = true)]
async fn a_node_never_gives_what_was_there_before_its_own_write_nor_another_beyond_the_bound() {
    let rig = Rig::new().await;
    let (one, two) = rig.two();
    let id = one.patient("Ada").await;
    for process in [one, two] {
        assert_eq!(process.name(id).await, "Ada");
        settle().await;
    }
    for (turn, name) in ["Grace", "Joan", "Rózsa"].into_iter().enumerate() {
        let (writer, other) = if turn % 2 == 0 { (one, two) } else { (two, one) };
        writer.writer.commit(writer.renaming(id, name).await).await.unwrap();
        assert_eq!(writer.name(id).await, name);
        tokio::time::sleep(BOUND).await;
        assert_eq!(other.name(id).await, name);
    }
}

#[tokio::test(start_paused = true)]
async fn while_one_node_commits_the_other_remembers_nothing_of_it() {
    let rig = Rig::new().await;
    let (one, two) = rig.two();
    let id = one.patient("Ada").await;
    let change = one.renaming(id, "Grace").await;
    rig.store.hold_commits();
    let mut commit = Box::pin(one.writer.commit(change));
    assert!(futures_pending(&mut commit).await);
    for _ in 0..2 {
        assert_eq!(two.name(id).await, "Ada", "it is not committed yet");
        settle().await;
    }
    rig.store.steps.add_permits(1);
    assert!(futures_pending(&mut commit).await, "committed, but the writer does not know it yet");
    assert_eq!(two.name(id).await, "Grace");
    rig.store.steps.add_permits(1);
    commit.await.unwrap();
    assert_eq!(one.name(id).await, "Grace");
    settle().await;
    let finds = rig.store.finds();
    assert_eq!(two.name(id).await, "Grace");
    settle().await;
    assert_eq!(two.name(id).await, "Grace");
    assert_eq!(rig.store.finds(), finds, "and it is shared again");
}

/// Lets it go on for a while, and says whether it is not done.
async fn futures_pending<F: Future + Unpin>(future: &mut F) -> bool {
    tokio::time::timeout(Duration::from_millis(10), future).await.is_err()
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_bars_every_node_until_a_commit_cannot_come_any_more() {
    let rig = Rig::new().await;
    let (one, two) = rig.two();
    let id = one.patient("Ada").await;
    let change = one.renaming(id, "Grace").await;
    rig.store.end(Ending::Unknown);
    assert!(one.writer.commit(change).await.is_err());
    for process in [one, two] {
        let before = rig.store.finds();
        for _ in 0..2 {
            process.name(id).await;
            settle().await;
        }
        assert_eq!(rig.store.finds(), before + 2, "nothing is remembered");
    }
    tokio::time::sleep(LONGEST).await;
    for process in [one, two] {
        process.name(id).await;
        settle().await;
    }
    let before = rig.store.finds();
    assert_eq!((one.name(id).await, two.name(id).await), ("Grace".to_owned(), "Grace".to_owned()));
    assert_eq!(rig.store.finds(), before);
}

#[tokio::test(start_paused = true)]
async fn a_fence_that_could_not_be_set_is_delivered_from_the_outbox_by_another_node() {
    let rig = Rig::new().await;
    let (one, two) = rig.two();
    let id = one.patient("Ada").await;
    assert_eq!(two.name(id).await, "Ada");
    settle().await;
    let change = one.renaming(id, "Grace").await;
    one.tier.always(Mishap::Fail);
    one.writer.commit(change).await.unwrap();
    assert_eq!(one.name(id).await, "Grace", "the write went on, and its own node knows it");
    // The writer's process dies with its queue. What the shared tier has is from before the write.
    one.hearing.abort();
    tokio::time::sleep(BOUND).await;
    let audit = Arc::new(MemoryAudit::default());
    let sink = PurgingSink::new(Arc::clone(&audit), &two.node);
    sink.submit(rig.outcome()).await.unwrap();
    assert_eq!(two.name(id).await, "Grace");
    assert_eq!(audit.events().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_outcome_is_delivered_when_it_is_durable_and_purged_everywhere() {
    let rig = Rig::new().await;
    let (one, two) = rig.two();
    let id = one.patient("Ada").await;
    let visit = one.visit(id, "cough").await;
    for process in [one, two] {
        process.name(id).await;
        process.note(visit).await;
        settle().await;
    }
    // Somebody who knows of no cache.
    rig.store.rows.commit(one.renaming(id, "Grace").await).await.unwrap();
    let audit = Arc::new(MemoryAudit::default());
    let sink = PurgingSink::new(Arc::clone(&audit), &two.node);

    two.tier.always(Mishap::Fail);
    assert_eq!(sink.submit(rig.outcome()).await, Err(NotDurable::Failed), "to be delivered again");
    assert_eq!(audit.events().len(), 1, "the log does not wait for the shared tier");
    assert_eq!(two.name(id).await, "Grace", "here it is purged already");
    two.tier.always(Mishap::None);
    audit.set_broken(true);
    assert!(sink.submit(rig.outcome()).await.is_err(), "nor is a purge enough");
    audit.set_broken(false);
    let finds = rig.store.finds();
    sink.submit(rig.outcome()).await.unwrap();
    settle().await;
    assert_eq!(one.name(id).await, "Grace");
    one.note(visit).await;
    assert_eq!(rig.store.finds(), finds + 2, "whatever is about the person");

    let bed = one.bed(1).await;
    assert_eq!(one.floor(bed).await, 1);
    rig.store.rows.commit(one.moving(bed, 2).await).await.unwrap();
    sink.submit(rig.outcome()).await.unwrap();
    settle().await;
    assert_eq!(one.floor(bed).await, 2, "and a row about nobody");
}

#[tokio::test(start_paused = true)]
async fn other_events_go_to_the_log_and_purge_nothing() {
    let rig = Rig::new().await;
    let (one, _) = rig.two();
    let id = one.patient("Ada").await;
    one.name(id).await;
    let audit = Arc::new(MemoryAudit::default());
    let sink = PurgingSink::new(Arc::clone(&audit), &one.node);
    for event in one.stage.audit.events() {
        sink.submit(event).await.unwrap();
    }
    assert_eq!(audit.events().len(), one.stage.audit.events().len());
    let finds = rig.store.finds();
    one.name(id).await;
    assert_eq!(rig.store.finds(), finds);
    assert_eq!(one.node.purge_all().await, Reach::Everyone);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_a_join_decided_is_in_no_tier() {
    let rig = Rig::new().await;
    let (one, two) = rig.two();
    let id = one.patient("Ada").await;
    let doctor = Profile { kind: "practitioner".into(), id: Uuid::now_v7() };
    one.store.rows.relate(one.stage.clinic, doctor.clone(), id.as_uuid());
    one.stage.policy.filter(RowFilter::Related(doctor));
    assert_eq!(one.name(id).await, "Ada");
    settle().await;
    one.stage.policy.filter(RowFilter::All);
    for process in [one, two] {
        let finds = rig.store.finds();
        process.name(id).await;
        assert_eq!(rig.store.finds(), finds + usize::from(std::ptr::eq(process, one)));
        settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_that_a_node_cannot_open_are_a_miss() {
    let rig = Rig::new().await;
    let (one, two) = rig.two();
    let id = one.patient("Ada").await;
    one.name(id).await;
    settle().await;
    // Another process, whose vault is of another deployment: the same names, and other keys.
    let foreign = cipher(&MemoryKeys::random().unwrap(), &Arc::default());
    let node = CacheNode::builder().shared(rig.server.node()).secret(&SECRET).cipher(foreign);
    let (node, coherence) = node.bound(BOUND).build().unwrap();
    let hearing = tokio::spawn(coherence.run());
    tokio::time::sleep(BOUND).await;
    let stranger = World::with(Arc::clone(&one.stage), rig.store.clone(), node);
    let finds = rig.store.finds();
    assert_eq!(stranger.name(id).await, "Ada");
    assert_eq!(rig.store.finds(), finds + 1, "bytes that it cannot open are a miss");
    hearing.abort();
    assert_eq!(two.name(id).await, "Ada");
}

#[tokio::test(start_paused = true)]
async fn a_destroyed_clinic_key_is_forgotten_by_every_node_that_hears_of_it() {
    let rig = Rig::new().await;
    let (one, two) = rig.two();
    let id = one.patient("Ada").await;
    for process in [one, two] {
        process.name(id).await;
        settle().await;
    }
    let clinic = one.stage.clinic;
    let before = [&one.cipher, &two.cipher].map(|cipher| cipher.held(clinic).unwrap());
    rig.keys.0.lock().unwrap().clear();
    one.node.purge_clinic(clinic).await;
    assert!(one.cipher.held(clinic).is_none());
    settle().await;
    assert!(two.cipher.held(clinic).is_none());
    for process in [one, two] {
        assert_eq!(process.name(id).await, "Ada");
        settle().await;
        let keys = process.cipher.held(clinic).unwrap();
        let old = before[0].seal(b"", b"Ada").unwrap();
        assert!(keys.open(b"", &old).is_err(), "whatever was sealed before");
    }
}

#[tokio::test(start_paused = true)]
async fn restricted_rows_are_in_memory_alone_and_asked_about_at_every_read() {
    let rig = Rig::at(CacheLevel::Restricted).await;
    let (one, two) = rig.two();
    let id = one.patient("Ada").await;
    for process in [one, two, one, two] {
        assert_eq!(process.name(id).await, "Ada");
        settle().await;
    }
    assert_eq!(rig.store.finds(), 2, "each node has its own");
    one.writer.commit(one.renaming(id, "Grace").await).await.unwrap();
    // At once, without waiting for a notice.
    assert_eq!((two.name(id).await, one.name(id).await), ("Grace".to_owned(), "Grace".to_owned()));
    let finds = rig.store.finds();
    two.tier.always(Mishap::Fail);
    for turn in 1..=2 {
        assert_eq!(two.name(id).await, "Grace");
        assert_eq!(rig.store.finds(), finds + turn, "when it cannot ask, it reads");
    }
}
