//! Through Redis: hits of the shared tier, purges, how fast they reach another node, and life without Redis.

use super::{
    Failure, check, cost,
    site::{Letter, Server, Site, cold, heard, letter, read},
    subjects::{self, ChartKey},
};
use crate::compare::{Better, Comparison, Count, Measure, Side, batches};
use healthcare_cache::{Cache, CacheNode, CachePolicy, JsonCodec, Loaded, Reach, TtlClass};
use std::{
    hint::black_box,
    io,
    rc::Rc,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

const HELD: &str = "1 KiB, one multiplexed connection each, the same runtime and worker, one call at a time; ours asks in the same round trip what was forgotten, \
                    opens the seal and reads JSON; nothing of the clinic was forgotten since";
const BUSY: &str = "as the row above, but something else of the clinic was purged since: the tags are not known before the value, so the script is asked";
const SQUEEZED: &str = "64 KiB of JSON; the peer moves it plain, ours squeezed and sealed, and reads it";
const OWN: &str = "the same commands in one round trip on both sides; ours opens the seal, reads JSON and remembers the value";
const BATCH: &str =
    "100 keys of one clinic, 1 KiB each, one round trip on both sides; ours opens and reads each";
const CROWD: &str = "64 tasks at once, 1 KiB, one multiplexed connection each, one worker";
const FORGET: &str =
    "one key; ours marks it in Redis, tells the other nodes and forgets it here, in one script";
const HEARD: &str = "from the call of the purge on one node to the first look-up that misses on another, same worker; PING on a connection of its own";
const AWAY: &str = "hits in memory; Redis killed against running, within the bound (an hour for this row)";
const TRIPS: &str = "looks and scripts that reached Redis for 100 hits of the shared tier with 8 tags each, a round trip for each";
const BYTES: &str = "bytes in Redis for 64 KiB of JSON, header and seal included";

pub(super) fn measures() -> Result<Vec<Measure>, Failure> {
    let Some(site) = Site::new()? else { return Ok(Vec::new()) };
    Ok(vec![
        cost(
            "shared hit, 1 KiB sealed",
            1.1,
            (site.hit(1 << 10, 0)?, HELD),
            (site.get(1 << 10)?, "redis GET"),
        ),
        cost(
            "shared hit, 1 KiB sealed",
            1.5,
            (site.hit(1 << 10, 0)?, OWN),
            (site.commands(1 << 10)?, "the same commands alone"),
        ),
        cost(
            "shared hit, 1 KiB sealed, 8 tags",
            1.1,
            (site.hit(1 << 10, 8)?, HELD),
            (site.get(1 << 10)?, "redis GET"),
        ),
        cost(
            "shared hit, 8 tags, since a purge",
            2.2,
            (site.hit_since_purge()?, BUSY),
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

impl Site {
    fn hit(&self, size: usize, tags: usize) -> Result<Side, Failure> {
        let node = self.node(Duration::from_secs(3))?;
        let key = subjects::keys(1).pop().ok_or("no key")?;
        self.filled(&node, &key, size, tags)?;
        self.hits(node, key)
    }

    fn hits(&self, node: CacheNode, key: ChartKey) -> Result<Side, Failure> {
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

    /// When something else of the clinic was forgotten since: the tags have to be asked about.
    fn hit_since_purge(&self) -> Result<Side, Failure> {
        let node = self.node(Duration::from_secs(3))?;
        let key = subjects::keys(1).pop().ok_or("no key")?;
        self.filled(&node, &key, 1 << 10, 8)?;
        let reach = self.run(node.purge_tag(key.clinic, "another ward"));
        check("the other nodes are told", reach == Reach::Everyone)?;
        self.hits(node, key)
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

    /// What a look sends, and its answers, without looking at them.
    fn commands(&self, size: usize) -> Result<Side, Failure> {
        let mut connection = self.connection()?;
        let bytes = serde_json::to_vec(&letter(size))?;
        let (value, marks, numbers) = ("own:v", "own:m", "own:s");
        let mut set = redis::pipe();
        set.cmd("SET").arg(value).arg(bytes).cmd("ZADD").arg(marks).arg(&["1", "witness"]);
        set.cmd("HSET").arg(numbers).arg(&["p", "0000000000000000 1 0 0 0 0"]);
        self.run(set.exec_async(&mut connection))?;
        let mut look = redis::pipe();
        look.cmd("GETEX").arg(value);
        look.cmd("ZMSCORE").arg(marks).arg(&["witness", "key", "xkey", "subject", "xsubject"]);
        look.cmd("HGET").arg(numbers).arg("p").cmd("TIME");
        let site = self.clone();
        Ok(Box::new(move || {
            site.run(async {
                let mut samples = Vec::with_capacity(64);
                for _ in 0..64 {
                    let start = Instant::now();
                    let found: Result<Vec<redis::Value>, _> = look.query_async(&mut connection).await;
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
                let rest = line.strip_prefix("cmdstat_evalsha:calls=");
                let rest = rest.or_else(|| line.strip_prefix("cmdstat_getex:calls="));
                rest.and_then(|rest| rest.split(',').next()?.parse::<f64>().ok())
            };
            Ok(info.lines().filter_map(calls).sum())
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
            name: "round trips for 100 shared hits",
            unit: "round trips",
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
