//! Every order in which the steps of loaders and writers can fall, one after the other.
//!
//! The steps are the tier's own calls, so this covers what a caller can observe between them; what happens inside one
//! call when threads meet is for each implementation's own tests.

use super::{
    Rig, SampleKey,
    cases::{found, put},
};
use crate::{Bar, CacheTier as _, Fence, Lookup, Purge as _};
use healthcare_core::ClinicId;
use std::time::Duration;
use uuid::Uuid;

const MINUTE: Duration = Duration::from_secs(60);

/// Somebody with steps still to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    /// Looks up, reads the source, stores.
    Loader(usize),
    /// Bars, commits, lifts.
    Writer(usize),
    /// Bars, is dropped, and the commit takes effect later.
    Dropped,
}

const STEPS: usize = 3;

/// All orders of `STEPS` steps each.
fn orders(parties: &[Who]) -> Vec<Vec<Who>> {
    fn extend(left: &mut [usize], parties: &[Who], order: &mut Vec<Who>, all: &mut Vec<Vec<Who>>) {
        if left.iter().all(|steps| *steps == 0) {
            all.push(order.clone());
        }
        for at in 0..parties.len() {
            if left[at] > 0 {
                left[at] -= 1;
                order.push(parties[at]);
                extend(left, parties, order, all);
                order.pop();
                left[at] += 1;
            }
        }
    }
    let mut all = Vec::new();
    extend(&mut vec![STEPS; parties.len()], parties, &mut Vec::new(), &mut all);
    all
}

#[derive(Default)]
struct World {
    /// What the source holds: how many commits took effect.
    version: u8,
    /// The version that every look-up from now on must have reached.
    promised: u8,
    loaders: [(Option<Fence<SampleKey>>, u8); 2],
    bars: [Option<Bar>; 2],
    done: [usize; 5],
}

async fn step<R: Rig>(rig: &R, key: &SampleKey, who: Who, world: &mut World) {
    let (slot, tier) = (
        match who {
            Who::Loader(n) => n,
            Who::Writer(n) => 2 + n,
            Who::Dropped => 4,
        },
        rig.tier(),
    );
    let at = world.done[slot];
    world.done[slot] += 1;
    match (who, at) {
        (Who::Loader(n), 0) => {
            world.loaders[n].0 = match tier.get(key).await.expect("the tier answers") {
                Lookup::Miss(fence) => Some(fence),
                Lookup::Hit(_) => None,
            };
        }
        (Who::Loader(n), 1) => world.loaders[n].1 = world.version,
        (Who::Loader(n), _) => {
            if let (Some(fence), read) = (world.loaders[n].0.take(), world.loaders[n].1) {
                put(rig, fence, &[read]).await;
            }
        }
        (Who::Writer(n), 0) => {
            world.bars[n] =
                Some(tier.bar(key.clinic, key.subject.unwrap(), MINUTE).await.expect("the tier bars"));
        }
        (Who::Writer(_), 1) => world.version += 1,
        (Who::Writer(n), _) => {
            let bar = world.bars[n].take().expect("barred in its first step");
            tier.lift(bar).await.expect("the tier lifts");
            world.promised = world.version;
        }
        // Never lifted: it must hold until the commit that nobody waits for has taken effect.
        (Who::Dropped, 0) => {
            drop(tier.bar(key.clinic, key.subject.unwrap(), MINUTE).await.expect("the tier bars"))
        }
        (Who::Dropped, 1) => {}
        (Who::Dropped, _) => {
            world.version += 1;
            world.promised = world.version;
        }
    }
    if let Some(value) = found(rig, key).await {
        assert!(
            value[0] >= world.promised,
            "found version {} where {} was promised",
            value[0],
            world.promised
        );
    }
}

pub(super) async fn no_schedule_lets_an_old_load_land<R: Rig>(make: &impl AsyncFn() -> R) {
    let rig = make().await;
    let casts: [&[Who]; 3] = [
        &[Who::Loader(0), Who::Loader(1), Who::Writer(0)],
        &[Who::Loader(0), Who::Writer(0), Who::Writer(1)],
        &[Who::Loader(0), Who::Writer(0), Who::Dropped],
    ];
    for cast in casts {
        for order in orders(cast) {
            let key = SampleKey { clinic: ClinicId::random(), subject: Some(Uuid::now_v7()), item: 1 };
            let mut world = World::default();
            for who in &order {
                step(&rig, &key, *who, &mut world).await;
            }
        }
    }
}
