//! One node of the history: this test program again, in a process of its own. It reads and writes for a while and says on
//! its standard output what came of it.

use crate::{
    checker::{Class, Deed, Event},
    source::Source,
};
use async_trait::async_trait;
use healthcare_cache::{
    Cache, CacheKey, CacheLevel, CacheNode, CachePolicy, CachedAs, JsonCodec, KeyWriter, Loaded, Reach,
    RedisShared, RedisSharedBuilder, TtlClass,
};
use healthcare_core::{
    ClinicId, Clock, KeyError, KeyId, MasterKey, MemoryKeys, MemoryScopeKeys, ScopeKeyStore, SystemClock,
    Vault, WrappedKey,
};
use jiff::{SignedDuration, Timestamp};
use redis::{Client, cluster::ClusterClient};
use std::{
    collections::HashMap,
    io::Write as _,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use uuid::Uuid;

/// What a node is told: where Redis and the source are, and the wrapped keys of the clinics.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) number: usize,
    pub(crate) redis: String,
    pub(crate) source: SocketAddr,
    pub(crate) bound: Duration,
    pub(crate) keys: Vec<(ClinicId, Vec<u8>)>,
}

/// Keys are numbers; which clinic and class one belongs to follows from it.
pub(crate) const KEYS: u32 = 24;
const SECRET: [u8; 32] = [5; 32];

impl Job {
    pub(crate) fn write(&self) -> String {
        let keys: Vec<String> = self
            .keys
            .iter()
            .map(|(clinic, key)| {
                format!("{clinic}={}", key.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
            })
            .collect();
        format!(
            "{} {} {} {} {}",
            self.number,
            self.redis,
            self.source,
            self.bound.as_millis(),
            keys.join(",")
        )
    }

    fn read(text: &str) -> Self {
        let part: Vec<&str> = text.split(' ').collect();
        let key = |text: &str| {
            let (clinic, key) = text.split_once('=').unwrap();
            let bytes =
                (0..key.len() / 2).map(|at| u8::from_str_radix(&key[at * 2..at * 2 + 2], 16).unwrap());
            (clinic.parse().unwrap(), bytes.collect())
        };
        Self {
            number: part[0].parse().unwrap(),
            redis: part[1].to_owned(),
            source: part[2].parse().unwrap(),
            bound: Duration::from_millis(part[3].parse().unwrap()),
            keys: part[4].split(',').map(key).collect(),
        }
    }
}

/// The clinics' keys in their wrapped form, as all nodes find them in the database.
pub(crate) async fn wrapped_keys(clinics: &[ClinicId]) -> Vec<(ClinicId, Vec<u8>)> {
    let store = Arc::new(MemoryScopeKeys::default());
    let cipher = vault(Arc::clone(&store) as _).cache_cipher();
    let mut keys = Vec::new();
    for clinic in clinics {
        cipher.keys(*clinic).await.unwrap();
        keys.push((*clinic, store.get(*clinic).await.unwrap().unwrap().0));
    }
    keys
}

fn vault(store: Arc<dyn ScopeKeyStore>) -> Arc<Vault> {
    let master = MasterKey::new(KeyId::from_bytes([1; 8]), [2; 32]);
    Arc::new(Vault::new(&MemoryKeys::new([master]), store).unwrap())
}

/// The keys that are there; it makes none.
#[derive(Debug)]
struct Given(HashMap<ClinicId, Vec<u8>>);

#[async_trait]
impl ScopeKeyStore for Given {
    async fn get(&self, clinic: ClinicId) -> Result<Option<WrappedKey>, KeyError> {
        Ok(self.0.get(&clinic).cloned().map(WrappedKey))
    }
    async fn put_absent(&self, clinic: ClinicId, _: WrappedKey) -> Result<WrappedKey, KeyError> {
        self.get(clinic).await?.ok_or(KeyError::System)
    }
}

/// Clocks that are an hour before or behind the others', and began elsewhere.
#[derive(Debug)]
struct Skewed {
    right: SystemClock,
    hours: i64,
}

impl Clock for Skewed {
    fn now(&self) -> Timestamp {
        self.right.now() + SignedDuration::from_hours(self.hours)
    }
    fn monotonic(&self) -> Duration {
        let hours = u64::try_from(self.hours + 2).unwrap();
        self.right.monotonic() + Duration::from_secs(hours * 3_600)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct BedKey {
    clinic: ClinicId,
    number: u32,
}

impl CacheKey for BedKey {
    fn clinic(&self) -> ClinicId {
        self.clinic
    }
    fn subject(&self) -> Option<Uuid> {
        Some(Uuid::from_u128(u128::from(self.number)))
    }
}

impl CachedAs for BedKey {
    const KIND: &'static str = "history-bed";
    fn write(&self, out: &mut KeyWriter) {
        out.number(u64::from(self.number));
    }
}

struct Node {
    job: Job,
    source: Source,
    caches: [Cache<BedKey, u64>; 3],
}

/// The shared tier at one server, or at a cluster when there are several.
async fn tier(redis: &str) -> RedisShared {
    let building = RedisShared::builder().prefix("history");
    if !redis.contains(',') {
        // Redis may be away when a node starts.
        return building.url(redis).build().unwrap();
    }
    let clients = redis.split(',').map(|url| Client::open(url).unwrap());
    let cluster = ClusterClient::new(redis.split(',')).unwrap().get_async_connection().await.unwrap();
    clients.fold(building, RedisSharedBuilder::listener).connection(cluster).build().unwrap()
}

/// Works until its standard input ends.
pub(crate) async fn work(job: &str) {
    let job = Job::read(job);
    let node = Arc::new(Node::join(job).await);
    let (over, mut until) = tokio::sync::watch::channel(false);
    std::thread::spawn(move || {
        drop(std::io::read_to_string(std::io::stdin()));
        over.send_replace(true);
    });
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let node = Arc::clone(&node);
            tokio::spawn(async move {
                loop {
                    node.step().await;
                }
            })
        })
        .collect();
    drop(until.wait_for(|over| *over).await);
    workers.iter().for_each(tokio::task::JoinHandle::abort);
}

impl Node {
    async fn join(job: Job) -> Self {
        let tier = tier(&job.redis).await;
        let cipher = vault(Arc::new(Given(job.keys.iter().cloned().collect()))).cache_cipher();
        let clock = Skewed { right: SystemClock::default(), hours: job.number as i64 % 3 - 1 };
        let joining = CacheNode::builder().clock(Arc::new(clock)).shared(tier).secret(&SECRET).cipher(cipher);
        let (node, coherence) = joining.bound(job.bound).build().unwrap();
        tokio::spawn(coherence.run());
        let cache = |level| {
            let policy = CachePolicy::of(TtlClass::Patient).level(level);
            // Whatever may serve old values is on: a purge must beat it.
            let policy = match level {
                CacheLevel::Standard => {
                    policy.stale_after(Duration::from_secs(20)).fail_safe(Duration::from_secs(600))
                }
                _ => policy,
            };
            Cache::builder(policy.build().unwrap())
                .node(&node)
                .shared(JsonCodec)
                .clinic_share(1.0)
                .build()
                .unwrap()
        };
        let caches = [CacheLevel::Standard, CacheLevel::Sensitive, CacheLevel::Restricted].map(cache);
        Self { source: Source::at(job.source), job, caches }
    }

    async fn step(&self) {
        let number = fastrand::u32(..KEYS);
        let (clinic, _) = self.job.keys[number as usize % self.job.keys.len()];
        let (key, at) = (BedKey { clinic, number }, number as usize / 8);
        let cache = &self.caches[at];
        // Most keys are written by one node alone: what the others have of them goes only when they hear of it.
        let is_home = number % 3 == self.job.number as u32 % 3;
        if fastrand::u32(..1_000) < if is_home { 40 } else { 2 } {
            let Ok(version) = self.source.ask("put", number).await else { return };
            let reach = match fastrand::u32(..100) {
                0 => cache.node().purge_clinic(clinic).await,
                1..=30 => cache.purge_subject(clinic, key.subject().unwrap()).await,
                31..=60 => cache.purge_tag(clinic, &ward(number)).await,
                _ => cache.purge(&key).await,
            };
            self.tell(number, Deed::Purged { end: micros(), version, is_everyone: reach == Reach::Everyone });
        } else {
            let (start, source) = (micros(), Source::at(self.job.source));
            let loaded = cache
                .get_or_load(&key, move |_| async move {
                    source.ask("get", number).await.map(|version| Loaded::new(version).tag(ward(number)))
                })
                .await;
            if let Ok(version) = loaded {
                self.tell(number, Deed::Read { start, version: *version, class: CLASSES[at] });
            }
            tokio::task::yield_now().await;
        }
    }

    fn tell(&self, key: u32, deed: Deed) {
        let line = match deed {
            Deed::Read { start, version, class } => format!("r {key} {start} {version} {}\n", class as u8),
            Deed::Purged { end, version, is_everyone } => {
                format!("p {key} {end} {version} {}\n", u8::from(is_everyone))
            }
        };
        // One write a line: a process that is killed leaves whole lines behind.
        drop(std::io::stdout().write_all(line.as_bytes()));
    }
}

/// Three keys to a ward, one of each class.
fn ward(number: u32) -> String {
    format!("ward:{}", number % 8)
}

const CLASSES: [Class; 3] = [Class::Standard, Class::Sensitive, Class::Restricted];

/// What a node said, if it is a whole deed.
pub(crate) fn heard(node: usize, line: &str) -> Option<Event> {
    let part: Vec<&str> = line.split(' ').collect();
    let [verb, key, time, version, last] = part.as_slice() else { return None };
    let (key, time, version) = (key.parse().ok()?, time.parse().ok()?, version.parse().ok()?);
    let last: usize = last.parse().ok()?;
    let deed = match *verb {
        "r" => Deed::Read { start: time, version, class: *CLASSES.get(last)? },
        "p" => Deed::Purged { end: time, version, is_everyone: last == 1 },
        _ => return None,
    };
    Some(Event { node, key, deed })
}

pub(crate) fn micros() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap()
}
