//! Hits in memory, one load for many callers, and purges that do not grow.

use super::{
    Failure, check, cost,
    subjects::{self, Chart, ChartKey, ENTRIES},
};
use crate::compare::{Better, Comparison, Count, Measure, Side, batches, crowd};
use cached::ShardedLruTtlCache;
use healthcare_cache::{Cache, CachePolicy, Loaded, TtlClass};
use std::{
    hint::black_box,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::runtime::{Builder, Runtime};

const ROOM: u64 = 64 << 20;
const SIZE: u32 = 2_000;
const LIFE: Duration = Duration::from_secs(1_800);

const HIT: &str = "10,000 entries in an order of chance, the same keys, values behind an Arc, each with the hash it comes with, all hits; ours also compares four versions, \
                   reads its clock and says whether the value is stale";
const LIVES: &str = "as the hit; the peer has a time to live as well and reads its clock";
const LOADING: &str = "10,000 entries in an order of chance, all hits, the loader given and not called";
const CROWD: &str = "two threads over the same 10,000 entries, all hits";
const FLOOD: &str = "10,000 callers of one key at once, one process; loads that ran";
const PURGE: &str =
    "one tag purged in memory, node and clinic the same; 1,000,000 entries of 256 bytes against 1,000";

pub(super) fn measures() -> Result<Vec<Measure>, Failure> {
    let runtime = Rc::new(Builder::new_current_thread().enable_all().build()?);
    let mut all = hits(&runtime)?;
    all.push(loading(&runtime)?);
    all.push(together(&runtime)?);
    all.push(flood()?);
    all.push(purges(&runtime)?);
    Ok(all)
}

fn hits(runtime: &Runtime) -> Result<Vec<Measure>, Failure> {
    let keys = subjects::keys(ENTRIES);
    let ours = |tags| -> Result<Side, Failure> {
        let cache = runtime.block_on(subjects::filled(&keys, tags, ROOM))?;
        check("every look-up hits", keys.iter().all(|key| cache.get(key).is_some()))?;
        Ok(turns(&keys, move |key| drop(black_box(cache.get(key)))))
    };
    let future = || -> Result<Side, Failure> {
        let cache = moka_future(runtime, &keys);
        check("moka hits", keys.iter().all(|key| runtime.block_on(cache.get(key)).is_some()))?;
        let runtime = Builder::new_current_thread().build()?;
        let keys = subjects::shuffled(&keys);
        // One entry into the runtime for the whole batch: a hit of moka's does not wait.
        Ok(Box::new(move || {
            runtime.block_on(async {
                let mut at = keys.iter().cycle();
                let mut samples = Vec::with_capacity(10);
                for _ in 0..10 {
                    let start = Instant::now();
                    for key in at.by_ref().take(SIZE as usize) {
                        black_box(cache.get(key).await);
                    }
                    samples.push(start.elapsed().as_nanos() as f64 / f64::from(SIZE));
                }
                samples
            })
        }))
    };
    const MOKA: &str = "moka 0.12 future";
    Ok(vec![
        cost("hit, no tag", 1.5, (ours(0)?, HIT), (future()?, MOKA)),
        cost("hit, 1 tag", 1.8, (ours(1)?, HIT), (future()?, MOKA)),
        cost("hit, 4 tags", 2.5, (ours(4)?, HIT), (future()?, MOKA)),
        cost("hit, no tag", 1.5, (ours(0)?, LIVES), (foyer(&keys), "foyer 0.22")),
        cost("hit, no tag", 1.5, (ours(0)?, LIVES), (cached(&keys), "cached 4.1 sharded LRU with TTL")),
    ])
}

fn moka_future(runtime: &Runtime, keys: &[ChartKey]) -> moka::future::Cache<ChartKey, Arc<Chart>> {
    let cache =
        moka::future::Cache::builder().max_capacity(ROOM).weigher(|_, _| 400).time_to_live(LIFE).build();
    runtime.block_on(async {
        for key in keys {
            cache.insert(key.clone(), subjects::value()).await;
        }
    });
    cache
}

fn foyer(keys: &[ChartKey]) -> Side {
    let cache: foyer::Cache<ChartKey, Arc<Chart>> =
        foyer::CacheBuilder::new(ROOM as usize).with_weighter(|_, _| 400).build();
    for key in keys {
        cache.insert(key.clone(), subjects::value());
    }
    turns(keys, move |key| drop(black_box(cache.get(key))))
}

fn cached(keys: &[ChartKey]) -> Side {
    let cache: ShardedLruTtlCache<ChartKey, Arc<Chart>> = ShardedLruTtlCache::new(ENTRIES * 4, LIFE);
    for key in keys {
        cache.set(key.clone(), subjects::value());
    }
    turns(keys, move |key| drop(black_box(cache.get(key))))
}

/// Looks up one key after the other.
fn turns(keys: &[ChartKey], look_up: impl Fn(&ChartKey) + 'static) -> Side {
    let keys = subjects::shuffled(keys);
    let mut at = 0;
    batches(10, SIZE, move || {
        if let Some(key) = keys.get(at) {
            look_up(key);
        }
        at = if at + 1 == keys.len() { 0 } else { at + 1 };
    })
}

/// The call that everybody makes: the value, loaded if need be.
fn loading(runtime: &Rc<Runtime>) -> Result<Measure, Failure> {
    let keys = subjects::keys(ENTRIES);
    let ours = runtime.block_on(subjects::filled(&keys, 0, ROOM))?;
    let theirs = moka_future(runtime, &keys);
    let keys = subjects::shuffled(&keys);
    let (runtime_ours, keys_ours) = (Rc::clone(runtime), keys.clone());
    let ours: Side = Box::new(move || {
        runtime_ours.block_on(async {
            let start = Instant::now();
            for key in &keys_ours {
                let found = ours.get_or_load(key, |_| async {
                    Err::<Loaded<Chart>, _>(std::io::Error::other("a hit loads nothing"))
                });
                drop(black_box(found.await));
            }
            vec![start.elapsed().as_nanos() as f64 / keys_ours.len() as f64]
        })
    });
    let runtime_theirs = Rc::clone(runtime);
    let theirs: Side = Box::new(move || {
        runtime_theirs.block_on(async {
            let start = Instant::now();
            for key in &keys {
                black_box(theirs.get_with_by_ref(key, async { subjects::value() }).await);
            }
            vec![start.elapsed().as_nanos() as f64 / keys.len() as f64]
        })
    });
    Ok(cost("hit, loader given", 1.5, (ours, LOADING), (theirs, "moka 0.12 future get_with")))
}

/// Hits a microsecond, of two threads.
fn together(runtime: &Runtime) -> Result<Measure, Failure> {
    let keys = Arc::new(subjects::keys(ENTRIES));
    let cache = runtime.block_on(subjects::filled(&keys, 0, ROOM))?;
    let peer: moka::sync::Cache<ChartKey, Arc<Chart>> =
        moka::sync::Cache::builder().max_capacity(ROOM).weigher(|_, _| 400).time_to_live(LIFE).build();
    for key in keys.iter() {
        peer.insert(key.clone(), subjects::value());
    }
    let keys = Arc::new(subjects::shuffled(&keys));
    let side = |look_up: Box<dyn Fn(&ChartKey) + Send + Sync>| {
        let (keys, next) = (Arc::clone(&keys), AtomicUsize::new(0));
        crowd(2, 10, 200, move || {
            // One shared number for a hundred look-ups: what is measured is not the number.
            let from = next.fetch_add(100, Ordering::Relaxed) % (ENTRIES - 100);
            keys.iter().skip(from).take(100).for_each(|key| look_up(key));
        })
    };
    let ours = side(Box::new(move |key| drop(black_box(cache.get(key)))));
    let theirs = side(Box::new(move |key| drop(black_box(peer.get(key)))));
    Ok(Comparison {
        name: "hits of two threads",
        peer_name: "moka 0.12 sync",
        unit: "100 hits/µs",
        better: Better::Higher,
        target: 0.8,
        held_equal: CROWD,
        ours,
        peer: theirs,
    }
    .into())
}

fn flood() -> Result<Measure, Failure> {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let loads = Arc::new(AtomicUsize::new(0));
    let policy = CachePolicy::of(TtlClass::Patient).build()?;
    let cache: Cache<ChartKey, Chart> = Cache::builder(policy).build()?;
    let key = subjects::keys(1).pop().ok_or("no key")?;
    let served = runtime.block_on(async {
        let callers: Vec<_> = (0..10_000)
            .map(|_| {
                let (cache, key, loads) = (cache.clone(), key.clone(), Arc::clone(&loads));
                tokio::spawn(async move {
                    cache
                        .get_or_load(&key, move |_| async move {
                            loads.fetch_add(1, Ordering::Relaxed);
                            tokio::time::sleep(Duration::from_millis(50)).await;
                            Ok::<_, std::io::Error>([7; 256])
                        })
                        .await
                        .is_ok()
                })
            })
            .collect();
        let mut served = 0;
        for caller in callers {
            served += usize::from(caller.await.unwrap_or(false));
        }
        served
    });
    check("every caller is served", served == 10_000)?;
    let ours = loads.load(Ordering::Relaxed) as f64;
    Ok(Measure::Counted(Count {
        name: "loads for 10,000 callers",
        unit: "loads",
        ours,
        peer: None,
        most: 1.0,
        held_equal: FLOOD,
    }))
}

/// The cost of a purge beside how much there is to purge.
fn purges(runtime: &Rc<Runtime>) -> Result<Measure, Failure> {
    let side = |entries: usize| -> Result<Side, Failure> {
        let keys = subjects::keys(entries);
        let cache = runtime.block_on(subjects::filled(&keys, 1, 1 << 30))?;
        let clinic = keys.first().ok_or("no key")?.clinic;
        let runtime = Rc::clone(runtime);
        Ok(batches(10, 1_000, move || {
            runtime.block_on(async { black_box(cache.node().purge_tag(clinic, "ward:0").await) });
        }))
    };
    Ok(cost(
        "purge of a tag, 1,000,000 entries",
        1.2,
        (side(1_000_000)?, PURGE),
        (side(1_000)?, "ours, 1,000 entries"),
    ))
}
