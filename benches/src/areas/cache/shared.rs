//! Through Redis: hits of the shared tier, purges, how fast they reach another node, and life without Redis. Starts a server
//! of its own.

use super::{
    Failure, check, cost,
    subjects::{self, ChartKey},
};
use crate::compare::{Better, Comparison, Count, Measure, Side, batches};
use healthcare_cache::{Cache, CacheNode, CachePolicy, JsonCodec, Loaded, Reach, RedisShared, TtlClass};
use healthcare_core::{KeyId, MasterKey, MemoryKeys, MemoryScopeKeys, Vault};
use redis::{Client, aio::MultiplexedConnection};
use serde::{Deserialize, Serialize};
use std::{
    hint::black_box,
    io,
    net::{Ipv4Addr, TcpListener},
    process::{Child, Command, Stdio},
    rc::Rc,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinSet,
};

const HELD: &str = "1 KiB, one multiplexed connection each, the same runtime and worker, one call at a time; ours runs the fence's script instead of GET, \
                    opens the seal and reads JSON";
const SQUEEZED: &str = "64 KiB of JSON; the peer moves it plain, ours squeezed and sealed, and reads it";
const BATCH: &str =
    "100 keys of one clinic, 1 KiB each, one round trip on both sides; ours opens and reads each";
const CROWD: &str = "64 tasks at once, 1 KiB, one multiplexed connection each, one worker";
const FORGET: &str =
    "one key; ours marks it in Redis, tells the other nodes and forgets it here, in one script";
const HEARD: &str = "from the call of the purge on one node to the first look-up that misses on another, same worker; PING on a connection of its own";
const AWAY: &str = "hits in memory; Redis killed against running, within the bound (an hour for this row)";
const TRIPS: &str = "commands that reached Redis for 100 hits of the shared tier with 8 tags each";
const BYTES: &str = "bytes in Redis for 64 KiB of JSON, header and seal included";

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Letter {
    lines: Vec<String>,
}

/// So many bytes of JSON, give or take a line.
fn letter(bytes: usize) -> Letter {
    let line = |number: usize| {
        format!(
            "observation {number:05}: blood pressure 120/80 mmHg, pulse 64, seen by {:08x}",
            number.wrapping_mul(2_654_435_761)
        )
    };
    Letter { lines: (0..bytes.div_ceil(88)).map(line).collect() }
}

pub(super) fn measures() -> Result<Vec<Measure>, Failure> {
    let server = match Server::start() {
        Ok(server) => Rc::new(server),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            eprintln!("cache: what goes through Redis is not measured: there is no redis-server on the PATH");
            return Ok(Vec::new());
        }
        Err(error) => return Err(error.into()),
    };
    let site = Site {
        server,
        runtime: Rc::new(Builder::new_multi_thread().worker_threads(1).enable_all().build()?),
    };
    Ok(vec![
        cost(
            "shared hit, 1 KiB sealed",
            1.1,
            (site.hit(1 << 10, 0)?, HELD),
            (site.get(1 << 10)?, "redis GET"),
        ),
        cost(
            "shared hit, 1 KiB sealed, 8 tags",
            1.1,
            (site.hit(1 << 10, 8)?, HELD),
            (site.get(1 << 10)?, "redis GET"),
        ),
        cost(
            "shared hit, 64 KiB squeezed",
            1.3,
            (site.hit(64 << 10, 0)?, SQUEEZED),
            (site.get(64 << 10)?, "redis GET"),
        ),
        cost("get_or_load_many of 100", 1.25, (site.many()?, BATCH), (site.mget()?, "redis MGET")),
        site.crowd()?,
        cost("purge of a key", 1.3, (site.purge()?, FORGET), (site.get(1 << 10)?, "redis GET")),
        site.heard()?,
        site.away()?,
        site.trips()?,
        site.bytes()?,
    ])
}

/// One worker carries the connections of both sides and keeps the nodes coherent while other rows are measured; callers are on the
/// main thread, so each call of either side crosses to the worker and back.
#[derive(Clone)]
struct Site {
    // Ended with the last side that needs it.
    server: Rc<Server>,
    runtime: Rc<Runtime>,
}

impl Site {
    fn connection(&self) -> Result<MultiplexedConnection, Failure> {
        let client = Client::open(self.server.url())?;
        Ok(self.run(client.get_multiplexed_async_connection())?)
    }

    fn run<F: Future>(&self, work: F) -> F::Output {
        self.runtime.block_on(work)
    }

    /// A node of its own, which hears the others while the runtime runs.
    fn node(&self, bound: Duration) -> Result<CacheNode, Failure> {
        let _inside = self.runtime.enter();
        let client = Client::open(self.server.url())?;
        let tier =
            RedisShared::builder().connection(self.connection()?).listener(client).prefix("bench").build()?;
        let master = MasterKey::new(KeyId::from_bytes([1; 8]), [2; 32]);
        let vault = Arc::new(Vault::new(&MemoryKeys::new([master]), Arc::new(MemoryScopeKeys::default()))?);
        let (node, coherence) = CacheNode::builder()
            .shared(tier)
            .secret(&[3; 32])
            .cipher(vault.cache_cipher())
            .bound(bound)
            .build()?;
        self.runtime.spawn(coherence.run());
        self.run(heard(&node));
        check("the node hears itself", node.is_hearing())?;
        Ok(node)
    }

    /// Puts a letter of this size under a key, and makes sure that the next read is a hit of the shared tier.
    fn filled(&self, node: &CacheNode, key: &ChartKey, size: usize, tags: usize) -> Result<(), Failure> {
        let cache = cold(node)?;
        let loaded =
            (0..tags).fold(Loaded::new(letter(size)), |loaded, tag| loaded.tag(format!("ward:{tag}")));
        self.run(cache.get_or_load(key, move |_| async move { Ok::<_, io::Error>(loaded) }))?;
        let end = Instant::now() + Duration::from_secs(5);
        // The fill goes on after the load has landed.
        while Instant::now() < end {
            if self.run(read(&cold(node)?, key)) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(2));
        }
        check("the value is in the shared tier", false)
    }

    fn hit(&self, size: usize, tags: usize) -> Result<Side, Failure> {
        let node = self.node(Duration::from_secs(3))?;
        let key = subjects::keys(1).pop().ok_or("no key")?;
        self.filled(&node, &key, size, tags)?;
        let site = self.clone();
        Ok(Box::new(move || {
            site.run(async {
                heard(&node).await;
                let mut samples = Vec::with_capacity(64);
                for _ in 0..64 {
                    let Ok(cache) = cold(&node) else { continue };
                    let start = Instant::now();
                    let is_hit = read(&cache, &key).await;
                    let nanos = start.elapsed().as_nanos() as f64;
                    samples.extend(is_hit.then_some(nanos));
                }
                samples
            })
        }))
    }

    /// As many plain bytes, without looking at them.
    fn get(&self, size: usize) -> Result<Side, Failure> {
        let mut connection = self.connection()?;
        let bytes = serde_json::to_vec(&letter(size))?;
        let name = format!("bare:{size}");
        self.run(redis::cmd("SET").arg(&name).arg(bytes).exec_async(&mut connection))?;
        let (site, mut get) = (self.clone(), redis::cmd("GET"));
        get.arg(&name);
        Ok(Box::new(move || {
            site.run(async {
                let mut samples = Vec::with_capacity(64);
                for _ in 0..64 {
                    let start = Instant::now();
                    let found: Result<Vec<u8>, _> = get.query_async(&mut connection).await;
                    let nanos = start.elapsed().as_nanos() as f64;
                    samples.extend(black_box(found).is_ok().then_some(nanos));
                }
                samples
            })
        }))
    }

    fn many(&self) -> Result<Side, Failure> {
        let node = self.node(Duration::from_secs(3))?;
        let clinic = subjects::keys(1).pop().ok_or("no key")?.clinic;
        let keys: Vec<ChartKey> =
            subjects::keys(100).into_iter().map(|key| ChartKey { clinic, ..key }).collect();
        for key in &keys {
            self.filled(&node, key, 1 << 10, 0)?;
        }
        let site = self.clone();
        Ok(Box::new(move || {
            site.run(async {
                heard(&node).await;
                let mut samples = Vec::with_capacity(8);
                for _ in 0..8 {
                    let Ok(cache) = cold(&node) else { continue };
                    let start = Instant::now();
                    let found = cache
                        .get_or_load_many(&keys, |_| async {
                            Err::<Vec<(ChartKey, Loaded<Letter>)>, _>(io::Error::other("a hit loads nothing"))
                        })
                        .await;
                    let nanos = start.elapsed().as_nanos() as f64;
                    samples.extend(black_box(found).iter().all(Result::is_ok).then_some(nanos));
                }
                samples
            })
        }))
    }

    fn mget(&self) -> Result<Side, Failure> {
        let mut connection = self.connection()?;
        let bytes = serde_json::to_vec(&letter(1 << 10))?;
        let mut mget = redis::cmd("MGET");
        for number in 0..100 {
            let name = format!("bare:many:{number}");
            self.run(redis::cmd("SET").arg(&name).arg(&bytes).exec_async(&mut connection))?;
            mget.arg(name);
        }
        let site = self.clone();
        Ok(Box::new(move || {
            site.run(async {
                let mut samples = Vec::with_capacity(8);
                for _ in 0..8 {
                    let start = Instant::now();
                    let found: Result<Vec<Vec<u8>>, _> = mget.query_async(&mut connection).await;
                    let nanos = start.elapsed().as_nanos() as f64;
                    samples.extend(black_box(found).is_ok().then_some(nanos));
                }
                samples
            })
        }))
    }

    fn crowd(&self) -> Result<Measure, Failure> {
        let node = self.node(Duration::from_secs(3))?;
        let keys = subjects::keys(64 * 16);
        for key in &keys {
            self.filled(&node, key, 1 << 10, 0)?;
        }
        let site = self.clone();
        let ours: Side = Box::new(move || {
            let Ok(cache) = cold(&node) else { return Vec::new() };
            site.run(async {
                heard(&node).await;
                let start = Instant::now();
                let mut tasks = JoinSet::new();
                for own in keys.chunks(16) {
                    let (cache, own) = (cache.clone(), own.to_vec());
                    tasks.spawn(async move {
                        for key in &own {
                            black_box(read(&cache, key).await);
                        }
                    });
                }
                tasks.join_all().await;
                vec![64.0 * 16.0 * 1e6 / start.elapsed().as_nanos() as f64]
            })
        });
        let connection = self.connection()?;
        let site = self.clone();
        let peer: Side = Box::new(move || {
            site.run(async {
                let start = Instant::now();
                let mut tasks = JoinSet::new();
                for _ in 0..64 {
                    let mut connection = connection.clone();
                    tasks.spawn(async move {
                        for _ in 0..16 {
                            let found: Result<Vec<u8>, _> =
                                redis::cmd("GET").arg("bare:1024").query_async(&mut connection).await;
                            drop(black_box(found));
                        }
                    });
                }
                tasks.join_all().await;
                vec![64.0 * 16.0 * 1e6 / start.elapsed().as_nanos() as f64]
            })
        });
        Ok(Comparison {
            name: "shared hits of 64 callers",
            peer_name: "redis GET",
            unit: "hits/ms",
            better: Better::Higher,
            target: 0.9,
            held_equal: CROWD,
            ours,
            peer,
        }
        .into())
    }

    fn purge(&self) -> Result<Side, Failure> {
        let cache = cold(&self.node(Duration::from_secs(3))?)?;
        let key = subjects::keys(1).pop().ok_or("no key")?;
        let site = self.clone();
        Ok(Box::new(move || {
            site.run(async {
                heard(cache.node()).await;
                let mut samples = Vec::with_capacity(64);
                for _ in 0..64 {
                    let start = Instant::now();
                    let reach = cache.purge(&key).await;
                    let nanos = start.elapsed().as_nanos() as f64;
                    samples.extend((reach == Reach::Everyone).then_some(nanos));
                }
                samples
            })
        }))
    }

    /// A purge's way to another node. Its target is for the 99th percentile, which the row shows beside the median.
    fn heard(&self) -> Result<Measure, Failure> {
        let policy = CachePolicy::of(TtlClass::Patient).build()?;
        let here: Cache<ChartKey, Letter> =
            Cache::builder(policy).node(&self.node(Duration::from_secs(3))?).shared(JsonCodec).build()?;
        let there: Cache<ChartKey, Letter> =
            Cache::builder(policy).node(&self.node(Duration::from_secs(3))?).shared(JsonCodec).build()?;
        let key = subjects::keys(1).pop().ok_or("no key")?;
        let site = self.clone();
        let ours: Side = Box::new(move || {
            site.run(async {
                heard(here.node()).await;
                heard(there.node()).await;
                let mut samples = Vec::with_capacity(16);
                for _ in 0..16 {
                    let load = |_| async { Ok::<_, io::Error>(letter(100)) };
                    if there.get_or_load(&key, load).await.is_err() {
                        continue;
                    }
                    let start = Instant::now();
                    let purging = here.purge(&key);
                    tokio::pin!(purging);
                    let mut is_purged = false;
                    while there.get(&key).is_some() {
                        if is_purged {
                            tokio::task::yield_now().await;
                        } else {
                            tokio::select! {
                                biased;
                                _ = &mut purging => is_purged = true,
                                () = tokio::task::yield_now() => {}
                            }
                        }
                    }
                    samples.push(start.elapsed().as_nanos() as f64);
                    if !is_purged {
                        purging.await;
                    }
                }
                samples
            })
        });
        let (mut connection, site) = (self.connection()?, self.clone());
        let peer: Side = Box::new(move || {
            site.run(async {
                let mut samples = Vec::with_capacity(16);
                for _ in 0..16 {
                    let start = Instant::now();
                    let pong: Result<String, _> = redis::cmd("PING").query_async(&mut connection).await;
                    let nanos = start.elapsed().as_nanos() as f64;
                    samples.extend(pong.is_ok().then_some(nanos));
                }
                samples
            })
        });
        Ok(cost("purge heard by another node", 5.0, (ours, HEARD), (peer, "redis PING")))
    }

    fn away(&self) -> Result<Measure, Failure> {
        let side = |is_killed: bool| -> Result<Side, Failure> {
            let server = Rc::new(Server::start()?);
            let other = Self { server: Rc::clone(&server), runtime: Rc::clone(&self.runtime) };
            let policy = CachePolicy::of(TtlClass::Patient).build()?;
            let cache: Cache<ChartKey, Letter> = Cache::builder(policy)
                .node(&other.node(Duration::from_secs(3_600))?)
                .shared(JsonCodec)
                .clinic_share(1.0)
                .build()?;
            let keys = subjects::keys(1_000);
            for key in &keys {
                self.run(cache.get_or_load(key, |_| async { Ok::<_, io::Error>(letter(100)) }))?;
            }
            if is_killed {
                server.kill();
            }
            check("every look-up hits", keys.iter().all(|key| cache.get(key).is_some()))?;
            let mut at = 0;
            Ok(batches(10, 2_000, move || {
                let _alive = &server;
                black_box(cache.get(&keys[at]));
                at = if at + 1 == keys.len() { 0 } else { at + 1 };
            }))
        };
        Ok(cost(
            "hit in memory, Redis killed",
            1.05,
            (side(true)?, AWAY),
            (side(false)?, "ours, Redis running"),
        ))
    }

    fn trips(&self) -> Result<Measure, Failure> {
        let server = Rc::new(Server::start()?);
        let site = Self { server, runtime: Rc::clone(&self.runtime) };
        // Beats would be counted: an hour's bound sends none in the meantime.
        let node = site.node(Duration::from_secs(3_600))?;
        let key = subjects::keys(1).pop().ok_or("no key")?;
        site.filled(&node, &key, 1 << 10, 8)?;
        let mut connection = site.connection()?;
        let mut calls = || -> Result<f64, Failure> {
            let info: String =
                self.run(redis::cmd("INFO").arg("commandstats").query_async(&mut connection))?;
            let calls = |line: &str| {
                line.strip_prefix("cmdstat_evalsha:calls=")
                    .and_then(|rest| rest.split(',').next()?.parse::<f64>().ok())
            };
            Ok(info.lines().find_map(calls).unwrap_or(0.0))
        };
        let before = calls()?;
        let hits = self.run(async {
            let mut hits = 0;
            for _ in 0..100 {
                hits += usize::from(read(&cold(&node)?, &key).await);
            }
            Ok::<_, Failure>(hits)
        })?;
        check("each was a hit", hits == 100)?;
        let ours = calls()? - before;
        Ok(Measure::Counted(Count {
            name: "commands for 100 shared hits",
            unit: "commands",
            ours,
            peer: None,
            most: 100.0,
            held_equal: TRIPS,
        }))
    }

    fn bytes(&self) -> Result<Measure, Failure> {
        let server = Rc::new(Server::start()?);
        let site = Self { server, runtime: Rc::clone(&self.runtime) };
        let key = subjects::keys(1).pop().ok_or("no key")?;
        site.filled(&site.node(Duration::from_secs(3))?, &key, 64 << 10, 0)?;
        let mut connection = site.connection()?;
        let names: Vec<String> =
            self.run(redis::cmd("KEYS").arg("bench:*:v:*").query_async(&mut connection))?;
        let mut bytes = 0;
        for name in &names {
            bytes += self.run(redis::cmd("STRLEN").arg(name).query_async::<usize>(&mut connection))?;
        }
        let plain = serde_json::to_vec(&letter(64 << 10))?.len() as f64;
        check("one value is there", names.len() == 1)?;
        Ok(Measure::Counted(Count {
            name: "bytes in Redis, 64 KiB squeezed",
            unit: "bytes",
            ours: bytes as f64,
            peer: Some((plain, "plain JSON")),
            most: plain / 2.0,
            held_equal: BYTES,
        }))
    }
}

/// Until the node hears itself.
async fn heard(node: &CacheNode) {
    let end = Instant::now() + Duration::from_secs(10);
    while !node.is_hearing() && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A cache with nothing in memory yet. Each is read once, so that each read goes to the shared tier; making it is not timed.
fn cold(node: &CacheNode) -> Result<Cache<ChartKey, Letter>, Failure> {
    let policy = CachePolicy::of(TtlClass::Patient).build()?;
    Ok(Cache::builder(policy).node(node).shared(JsonCodec).clinic_share(1.0).build()?)
}

/// Whether the value came without a load.
async fn read(cache: &Cache<ChartKey, Letter>, key: &ChartKey) -> bool {
    cache
        .get_or_load(key, |_| async { Err::<Loaded<Letter>, _>(io::Error::other("not in the shared tier")) })
        .await
        .is_ok()
}

/// A Redis of this benchmark's own, ended with it.
struct Server {
    port: u16,
    child: std::cell::RefCell<Child>,
    _dir: tempfile::TempDir,
}

impl Server {
    fn start() -> io::Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let dir = tempfile::tempdir()?;
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .arg("--dir")
            .arg(dir.path())
            .stdout(Stdio::null())
            .spawn()?;
        let server = Self { port, child: child.into(), _dir: dir };
        let end = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if Instant::now() > end {
                return Err(io::Error::other("redis-server did not start"));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(server)
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    fn kill(&self) {
        let mut child = self.child.borrow_mut();
        drop(child.kill());
        drop(child.wait());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
