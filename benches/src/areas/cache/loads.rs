//! Loads beside their loader: what a miss costs, and what a caller of somebody else's load waits.

use super::{
    Failure, check, cost,
    site::{Letter, Server, Site, letter, vault},
    subjects::{self, ChartKey},
};
use crate::compare::{Measure, Side};
use healthcare_cache::{Cache, CacheNode, CachePolicy, JsonCodec, TtlClass};
use healthcare_core::ClinicId;
use redis::aio::MultiplexedConnection;
use std::{
    hint::black_box,
    io,
    rc::Rc,
    thread,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;
use uuid::Uuid;

/// What a load is made of: so many round trips to a Redis, some half a millisecond.
const TRIPS: usize = 8;

const MISS: &str = "a load of eight PINGs, new key each time; ours asks the shared tier first and puts the value there afterwards, untimed; the peer sends one PING first";
const GONE: &str = "a load of eight PINGs to another Redis, new key each time; the node's own was killed, and its circuit is open";
const WAIT: &str =
    "a load of eight PINGs; 100 tasks ask for one key in memory, each is timed; the peer is the load alone";
const APART: &str = "100 cold keys at once in memory, a load of 5 ms of sleep each; ours, one cold key";
const SEAL: &str =
    "1 KiB; both GET as many bytes over the same kind of connection, ours opens the seal as well";

pub(super) fn measures() -> Result<Vec<Measure>, Failure> {
    let Some(site) = Site::new()? else { return Ok(Vec::new()) };
    Ok(vec![
        cost("miss", 1.1, (site.miss(false)?, MISS), (site.loads(1)?, "PING, then the loader")),
        cost("miss, Redis killed", 1.1, (site.miss(true)?, GONE), (site.loads(0)?, "the loader alone")),
        cost(
            "waiting for another's load",
            1.1,
            (site.waiters()?, WAIT),
            (site.loads(0)?, "the loader alone"),
        ),
        cost(
            "100 cold keys at once",
            1.2,
            (site.cold_keys(100)?, APART),
            (site.cold_keys(1)?, "ours, one key"),
        ),
        cost(
            "GET and opening of a seal",
            1.05,
            (site.opened(true)?, SEAL),
            (site.opened(false)?, "redis GET"),
        ),
    ])
}

async fn pinged(mut connection: MultiplexedConnection, trips: usize) -> Result<Letter, io::Error> {
    for _ in 0..trips {
        let pong: Result<String, _> = redis::cmd("PING").query_async(&mut connection).await;
        pong.map_err(io::Error::other)?;
    }
    Ok(letter(1 << 10))
}

fn key_of(clinic: ClinicId) -> ChartKey {
    ChartKey { clinic, patient: Uuid::now_v7() }
}

impl Site {
    /// Each sample a miss. `is_away`: of a node whose Redis was killed.
    fn miss(&self, is_away: bool) -> Result<Side, Failure> {
        let server = Rc::new(Server::start()?);
        let other = Self { server: Rc::clone(&server), runtime: Rc::clone(&self.runtime) };
        let node = other.node(Duration::from_secs(3))?;
        let cache: Cache<ChartKey, Letter> = Cache::builder(CachePolicy::of(TtlClass::Patient).build()?)
            .node(&node)
            .shared(JsonCodec)
            .clinic_share(1.0)
            .build()?;
        let (site, connection) = (self.clone(), self.connection()?);
        let clinic = subjects::keys(1).pop().ok_or("no key")?.clinic;
        if is_away {
            server.kill();
        }
        Ok(Box::new(move || {
            let _alive = &server;
            let mut samples = Vec::with_capacity(16);
            for _ in 0..16 {
                let (key, connection) = (key_of(clinic), connection.clone());
                // What the last load left to do in the shared tier is nobody's waiting.
                while cache.usage().writes > 0 {
                    thread::yield_now();
                }
                let start = Instant::now();
                let found = site.run(cache.get_or_load(&key, |_| pinged(connection, TRIPS)));
                let nanos = start.elapsed().as_nanos() as f64;
                samples.extend(black_box(found).is_ok().then_some(nanos));
            }
            samples
        }))
    }

    /// The loader, after so many round trips more, in a task of its own as ours is.
    fn loads(&self, before: usize) -> Result<Side, Failure> {
        let (site, connection) = (self.clone(), self.connection()?);
        Ok(Box::new(move || {
            let mut samples = Vec::with_capacity(16);
            for _ in 0..16 {
                let connection = connection.clone();
                let start = Instant::now();
                let loaded = site.run(async { tokio::spawn(pinged(connection, before + TRIPS)).await });
                let nanos = start.elapsed().as_nanos() as f64;
                samples.extend(black_box(loaded).is_ok_and(|loaded| loaded.is_ok()).then_some(nanos));
            }
            samples
        }))
    }

    fn waiters(&self) -> Result<Side, Failure> {
        let cache = alone()?;
        let (site, connection) = (self.clone(), self.connection()?);
        let clinic = subjects::keys(1).pop().ok_or("no key")?.clinic;
        Ok(Box::new(move || {
            site.run(async {
                let (key, mut tasks) = (key_of(clinic), JoinSet::new());
                for _ in 0..100 {
                    let (cache, key, connection) = (cache.clone(), key.clone(), connection.clone());
                    tasks.spawn(async move {
                        let start = Instant::now();
                        let found = cache.get_or_load(&key, |_| pinged(connection, TRIPS)).await;
                        black_box(found).is_ok().then(|| start.elapsed().as_nanos() as f64)
                    });
                }
                tasks.join_all().await.into_iter().flatten().collect()
            })
        }))
    }

    /// How long so many loads of keys of their own take together.
    fn cold_keys(&self, count: usize) -> Result<Side, Failure> {
        let cache = alone()?;
        let site = self.clone();
        let clinic = subjects::keys(1).pop().ok_or("no key")?.clinic;
        Ok(Box::new(move || {
            site.run(async {
                let mut samples = Vec::with_capacity(4);
                for _ in 0..4 {
                    let (start, mut tasks) = (Instant::now(), JoinSet::new());
                    for _ in 0..count {
                        let (cache, key) = (cache.clone(), key_of(clinic));
                        let load = async |_| {
                            tokio::time::sleep(Duration::from_millis(5)).await;
                            Ok::<_, io::Error>(letter(100))
                        };
                        tasks.spawn(async move { cache.get_or_load(&key, load).await.is_ok() });
                    }
                    let are_loaded = tasks.join_all().await.into_iter().all(|is_loaded| is_loaded);
                    samples.extend(are_loaded.then(|| start.elapsed().as_nanos() as f64));
                }
                samples
            })
        }))
    }

    /// As many bytes each time, sealed.
    fn opened(&self, is_opened: bool) -> Result<Side, Failure> {
        let clinic = subjects::keys(1).pop().ok_or("no key")?.clinic;
        let keys = self.run(vault()?.cache_cipher().keys(clinic))?;
        let sealed = keys.seal(b"bench", &vec![7; 1 << 10])?;
        let mut connection = self.connection()?;
        let name = format!("sealed:{is_opened}");
        self.run(redis::cmd("SET").arg(&name).arg(sealed).exec_async(&mut connection))?;
        let (site, mut get) = (self.clone(), redis::cmd("GET"));
        get.arg(&name);
        check("the seal opens", {
            let bytes: Vec<u8> = self.run(get.query_async(&mut connection))?;
            keys.open(b"bench", &bytes).is_ok()
        })?;
        Ok(Box::new(move || {
            site.run(async {
                let mut samples = Vec::with_capacity(64);
                for _ in 0..64 {
                    let start = Instant::now();
                    let bytes: Result<Vec<u8>, _> = get.query_async(&mut connection).await;
                    let Ok(bytes) = bytes else { continue };
                    if is_opened {
                        drop(black_box(keys.open(b"bench", &bytes)));
                    }
                    samples.push(start.elapsed().as_nanos() as f64);
                    black_box(bytes);
                }
                samples
            })
        }))
    }
}

/// A cache in memory alone.
fn alone() -> Result<Cache<ChartKey, Letter>, Failure> {
    let policy = CachePolicy::of(TtlClass::Patient).build()?;
    Ok(Cache::builder(policy).node(&CacheNode::default()).clinic_share(1.0).build()?)
}
