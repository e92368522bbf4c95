//! What is still there when it is asked for again: hits out of a hundred look-ups, with room for some of the entries only. Counted, not timed.

use super::{
    Failure,
    subjects::{self, ChartKey, Random, WEIGHT},
};
use crate::compare::{Count, Measure};
use healthcare_cache::{CacheNode, Loaded};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::runtime::Builder;

const KEYS: usize = 20_000;
const LOOKS: usize = 200_000;
/// Room for so many of them.
const ROOM: usize = KEYS / 10;

const HELD: &str = "20,000 keys of ten clinics, room for 2,000, 200,000 look-ups in the same order; what is missed is loaded; hits that moka 0.12 alone has \
                    more, in points of a hundred";

pub(super) fn measures() -> Result<Vec<Measure>, Failure> {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let zipf = |power, random: &mut Random| Zipf::new(power).take(LOOKS, random);
    // Each key once, over and over: the worst for whoever throws out the oldest.
    let scan: Vec<usize> = (0..KEYS / 5).cycle().take(LOOKS).collect();
    [
        ("hits lost to moka, Zipf 0.9", zipf(0.9, &mut random)),
        ("hits lost to moka, Zipf 1.0", zipf(1.0, &mut random)),
        ("hits lost to moka, Zipf 1.1", zipf(1.1, &mut random)),
        ("hits lost to moka, a loop of twice the room", scan),
    ]
    .into_iter()
    .map(|(name, order)| lost(name, &order))
    .collect()
}

fn lost(name: &'static str, order: &[usize]) -> Result<Measure, Failure> {
    let keys = subjects::keys(KEYS);
    let (ours, theirs) = (ours(&keys, order)?, theirs(&keys, order));
    let share = |hits: usize| hits as f64 * 100.0 / order.len() as f64;
    Ok(Measure::Counted(Count {
        name,
        unit: "points",
        ours: share(theirs) - share(ours),
        peer: Some((share(theirs), "hits of moka in a hundred")),
        most: 0.5,
        held_equal: HELD,
    }))
}

fn ours(keys: &[ChartKey], order: &[usize]) -> Result<usize, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let cache = subjects::empty(&CacheNode::new(), ROOM as u64 * WEIGHT)?;
    let loads = Arc::new(AtomicUsize::new(0));
    runtime.block_on(async {
        for key in order.iter().filter_map(|at| keys.get(*at)) {
            let loads = Arc::clone(&loads);
            let load = |_| async move {
                loads.fetch_add(1, Ordering::Relaxed);
                Ok::<_, io::Error>(Loaded::new([7; 256]))
            };
            cache.get_or_load(key, load).await?;
        }
        Ok(order.len() - loads.load(Ordering::Relaxed))
    })
}

fn theirs(keys: &[ChartKey], order: &[usize]) -> usize {
    let cache = moka::sync::Cache::builder()
        .max_capacity(ROOM as u64 * WEIGHT)
        .weigher(|_: &ChartKey, _: &Arc<subjects::Chart>| WEIGHT as u32)
        .build();
    let mut loads = 0;
    for key in order.iter().filter_map(|at| keys.get(*at)) {
        cache.get_with_by_ref(key, || {
            loads += 1;
            subjects::value()
        });
    }
    order.len() - loads
}

/// Keys by how often they are asked for: the k-th as often as 1 / k to a power.
struct Zipf(Vec<f64>);

impl Zipf {
    fn new(power: f64) -> Self {
        let mut sum = 0.0;
        let mut up_to = |rank: usize| {
            sum += (rank as f64 + 1.0).powf(-power);
            sum
        };
        Self((0..KEYS).map(&mut up_to).collect())
    }

    fn take(&self, count: usize, random: &mut Random) -> Vec<usize> {
        let all = self.0.last().copied().unwrap_or(1.0);
        let mut one = || {
            let at = random.next() * all;
            self.0.partition_point(|up_to| *up_to < at).min(KEYS - 1)
        };
        (0..count).map(|_| one()).collect()
    }
}
