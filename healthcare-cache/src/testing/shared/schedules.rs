use super::{MINUTE, SharedRig, Way, mark, scope};
use crate::{Fetched, Filled, Mark, NewEntry, ScopeMark, Seen, SharedBar, SharedTier, Verb};

const STEPS: usize = 1_500;
const KEYS: u128 = 4;

/// Three nodes, a database of four rows with versions, loads that take as long as they like, and writers that purge or
/// bar: whatever the order, nobody is shown a version that was replaced.
pub(super) async fn no_order_of_calls_shows_an_old_version<R: SharedRig>(rig: &R) {
    let seed = fastrand::u64(..);
    let mut world = World {
        random: fastrand::Rng::with_seed(seed),
        seed,
        clinic: scope(),
        nodes: [rig.node(), rig.node(), rig.node()],
        versions: [0; KEYS as usize],
        loads: Vec::new(),
        bars: Vec::new(),
        hits: 0,
        refusals: 0,
    };
    // Bars that are lifted late leave few hits: then it goes on, so that the outcome is never one of luck.
    let is_telling = |world: &World<_>| world.hits > STEPS / 50 && world.refusals > 5;
    for step in 0..STEPS * 20 {
        if step >= STEPS && is_telling(&world) {
            return;
        }
        world.step(step).await;
    }
    panic!("{} hits, {} refusals", world.hits, world.refusals);
}

struct World<T> {
    random: fastrand::Rng,
    seed: u64,
    clinic: ScopeMark,
    nodes: [T; 3],
    versions: [u64; KEYS as usize],
    loads: Vec<(usize, Seen, u64)>,
    bars: Vec<(usize, SharedBar)>,
    hits: usize,
    refusals: usize,
}

impl<T: SharedTier> World<T> {
    async fn step(&mut self, step: usize) {
        let (row, node) = (self.random.usize(..KEYS as usize), self.random.usize(..3));
        match self.random.u8(..16) {
            0..=6 => self.read(step, node, row).await,
            7..=11 => self.finish(node).await,
            12 | 13 => self.write(node, row).await,
            14 if self.bars.len() < 3 => {
                let bar = self.nodes[node]
                    .bar(self.clinic, &[tag(row)], MINUTE, &[])
                    .await
                    .expect("the tier answers");
                self.bars.push((row, bar));
            }
            14 => {}
            _ => self.commit(node).await,
        }
    }

    async fn read(&mut self, step: usize, node: usize, row: usize) {
        let seen = match self.nodes[node].fetch(self.clinic, key(row)).await.expect("the tier answers") {
            Fetched::Miss(seen) => seen,
            Fetched::Hit(entry) if entry.is_over => entry.now,
            Fetched::Hit(entry) => {
                let shown = u64::from_be_bytes(entry.bytes[..].try_into().expect("eight bytes"));
                assert_eq!(shown, self.versions[row], "row {row}, step {step}, seed {}", self.seed);
                assert!(
                    self.bars.iter().all(|(barred, _)| *barred != row),
                    "barred, step {step}, seed {}",
                    self.seed
                );
                self.hits += 1;
                return;
            }
        };
        self.loads.push((row, seen, self.versions[row]));
    }

    async fn finish(&mut self, node: usize) {
        if self.loads.is_empty() {
            return;
        }
        let (row, seen, version) = self.loads.swap_remove(self.random.usize(..self.loads.len()));
        let bytes = version.to_be_bytes();
        let entry =
            NewEntry { key: key(row), seen, marks: &[tag(row)], bytes: &bytes, life: MINUTE, lease: None };
        if self.nodes[node].fill(self.clinic, entry).await.expect("the tier answers") != Filled::Stored {
            self.refusals += 1;
        }
    }

    async fn write(&mut self, node: usize, row: usize) {
        self.versions[row] += 1;
        let ways = [
            Way::Key(Verb::Purge),
            Way::Tag(Verb::Purge),
            Way::Tag(Verb::Expire),
            Way::Clinic(Verb::Purge),
            Way::Bar,
        ];
        let way = ways[self.random.usize(..ways.len())];
        way.go(&self.nodes[node], self.clinic, key(row), tag(row)).await;
    }

    /// A writer that barred: what it wrote shows with the lift.
    async fn commit(&mut self, node: usize) {
        if self.bars.is_empty() {
            return;
        }
        let (row, bar) = self.bars.swap_remove(self.random.usize(..self.bars.len()));
        self.versions[row] += 1;
        self.nodes[node].lift(&bar, &[]).await.expect("the tier answers");
    }
}

fn key(row: usize) -> Mark {
    mark(row as u128)
}

fn tag(row: usize) -> Mark {
    mark(100 + row as u128)
}
