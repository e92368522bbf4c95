//! Look-ups whose callers load by themselves.

use crate::rig::poll;
use healthcare_cache::{
    Cache, CacheKey, CacheLevel, CacheNode, CachePolicy, CachedAs, KeyWriter, Loaded, Look, Put, TtlClass,
    Vacancy,
};
use healthcare_core::{ClinicId, ManualClock};
use proptest::prelude::*;
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

const LIFE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct BedKey(ClinicId, Uuid);

impl CacheKey for BedKey {
    fn clinic(&self) -> ClinicId {
        self.0
    }
    fn subject(&self) -> Option<Uuid> {
        Some(self.1)
    }
}
impl CachedAs for BedKey {
    const KIND: &'static str = "bed";
    fn write(&self, out: &mut KeyWriter) {
        out.id(self.1);
    }
}

struct It {
    clock: Arc<ManualClock>,
    node: CacheNode,
    beds: Cache<BedKey, u32>,
    key: BedKey,
}

impl It {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
        let node = CacheNode::with_clock(Arc::clone(&clock) as _);
        let policy = CachePolicy::of(TtlClass::Emergency).level(CacheLevel::Standard).jitter(0.0);
        let policy = policy.fail_safe(LIFE).negative_life(LIFE).build().unwrap();
        let beds = Cache::builder(policy).node(&node).build().unwrap();
        Self { clock, node, beds, key: BedKey(ClinicId::random(), Uuid::now_v7()) }
    }

    async fn vacancy(&self) -> Vacancy<BedKey, u32> {
        match self.beds.look_up(&self.key).await {
            Look::Hit(bed) => panic!("it has {}", *bed),
            Look::Miss(vacancy) => vacancy,
        }
    }

    async fn bed(&self) -> Option<u32> {
        match self.beds.look_up(&self.key).await {
            Look::Hit(bed) => Some(*bed),
            Look::Miss(_) => None,
        }
    }
}

#[tokio::test]
async fn what_was_loaded_is_found_until_its_life_is_over() {
    let it = It::new();
    assert_eq!(it.vacancy().await.keep(12).await, Put::Stored);
    it.clock.advance(LIFE - Duration::from_millis(1));
    assert_eq!(it.bed().await, Some(12), "old enough to be refreshed, not too old to be served");
    it.clock.advance(Duration::from_millis(1));
    assert_eq!(it.bed().await, None, "what is over stands in for failed loads only");
}

#[tokio::test]
async fn a_life_begins_with_the_look_up() {
    let it = It::new();
    let vacancy = it.vacancy().await;
    it.clock.advance(LIFE / 2);
    assert_eq!(vacancy.keep(12).await, Put::Stored);
    it.clock.advance(LIFE / 2);
    assert_eq!(it.bed().await, None);
}

#[tokio::test]
async fn nothing_is_kept_of_a_load_during_which_something_was_purged() {
    let it = It::new();
    let (clinic, subject) = (it.key.0, it.key.1);
    for scope in 0..6 {
        let vacancy = it.vacancy().await;
        match scope {
            0 => it.node.purge_key(&it.key).await,
            1 => it.node.purge_subject(clinic, subject).await,
            2 => it.node.purge_tag(clinic, "ward:3b").await,
            3 => it.node.purge_clinic(clinic).await,
            4 => it.node.purge_all().await,
            _ => {
                it.beds.set(&it.key, 13).await;
                healthcare_cache::Reach::Everyone
            }
        };
        assert_eq!(vacancy.keep(Loaded::new(12).tag("ward:3b")).await, Put::Stale, "scope {scope}");
        assert_eq!(it.bed().await, (scope == 5).then_some(13), "scope {scope}");
        it.node.purge_all().await;
    }
}

#[tokio::test]
async fn a_purge_between_two_looks_ends_what_the_first_one_kept() {
    let it = It::new();
    let (first, second) = (it.vacancy().await, it.vacancy().await);
    assert_eq!(first.keep(12).await, Put::Stored);
    it.node.purge_key(&it.key).await;
    assert_eq!(second.keep(12).await, Put::Stale);
    assert_eq!(it.bed().await, None);
}

#[tokio::test]
async fn a_vacancy_that_is_dropped_is_as_if_nobody_had_looked() {
    let it = It::new();
    drop(it.vacancy().await);
    let vacancy = it.vacancy().await;
    drop(Box::pin(vacancy.keep(12)));
    assert_eq!(it.bed().await, None);
    let mut keeping = Box::pin(it.vacancy().await.keep(13));
    assert!(poll(keeping.as_mut()).is_ready(), "memory keeps no one waiting");
    assert_eq!(it.bed().await, Some(13));
}

#[tokio::test]
async fn nothing_to_keep_is_kept_as_nothing() {
    let it = It::new();
    assert_eq!(it.vacancy().await.keep(Loaded::not_modified()).await, Put::Stale);
    assert_eq!(it.vacancy().await.keep(Loaded::absent()).await, Put::Stored);
    assert_eq!(it.bed().await, None, "who loads by himself is not told of what is not there");
    assert_eq!(
        it.beds
            .get_or_load_option(&it.key, |_| async { Ok::<Option<u32>, std::io::Error>(Some(1)) })
            .await
            .unwrap()
            .map(|bed| *bed),
        None,
        "others are"
    );
    assert!(!format!("{:?}", it.vacancy().await).contains(&it.key.1.to_string()));
}

proptest! {
    /// Every order of looks, purges and ends of loads: what is served was read after the last purge that ended before the
    /// look-up which serves it began.
    #[test]
    fn no_order_serves_what_was_read_before_a_purge(steps in prop::collection::vec((0_u8..3, 0_usize..4), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let it = It::new();
            let (mut truth, mut loads) = (0, Vec::new());
            for (step, which) in steps {
                match step {
                    0 => match it.beds.look_up(&it.key).await {
                        Look::Hit(bed) => assert_eq!(*bed, truth),
                        Look::Miss(vacancy) => loads.push((vacancy, truth)),
                    },
                    1 => {
                        truth += 1;
                        it.node.purge_subject(it.key.0, it.key.1).await;
                    }
                    _ if loads.is_empty() => {}
                    _ => {
                        let (vacancy, read): (Vacancy<BedKey, u32>, u32) = loads.swap_remove(which % loads.len());
                        let put = vacancy.keep(read).await;
                        assert_eq!(put == Put::Stored, read == truth);
                    }
                }
            }
        });
    }
}
