//! Everything falls due at once after an outage, and many leases are orphaned (T4, scaled).

use super::site::{Memory, Site, Sql};
use healthcare_messaging::{NewJob, Wanted, testing::JobRig};
use std::{collections::HashSet, time::Duration};

const LEASE: Duration = Duration::from_secs(60);
/// More than the 8,000 that stop a well-known queue for good.
const BATCHES: usize = 9;
const BATCH: u32 = 1_000;

async fn big_bang(rig: &impl JobRig) {
    let jobs = rig.jobs();
    for _ in 0..BATCHES {
        let batch = (0..BATCH)
            .map(|_| NewJob::raw(rig.clinic(), "mail", "kind", "{}").after(LEASE).build().unwrap())
            .collect();
        jobs.enqueue_all(batch).await.unwrap();
    }
    rig.advance(2 * LEASE).await;
    let wanted = [Wanted { queue: "mail", limit: BATCH }];
    // Two thirds are started by workers that die at once.
    let mut orphaned = HashSet::new();
    for _ in 0..BATCHES * 2 / 3 {
        let claimed = jobs.claim(&wanted, LEASE).await.unwrap();
        assert_eq!(claimed.jobs.len(), BATCH as usize);
        orphaned.extend(claimed.jobs.iter().map(|job| job.lease.id));
    }
    rig.advance(2 * LEASE).await;
    let mut seen = HashSet::new();
    for _ in 0..BATCHES {
        let claimed = jobs.claim(&wanted, LEASE).await.unwrap();
        assert_eq!(claimed.jobs.len(), BATCH as usize, "a bounded batch");
        for job in &claimed.jobs {
            assert!(seen.insert(job.lease.id), "one job was claimed by two");
            assert_eq!(job.tries, 1 + u32::from(orphaned.contains(&job.lease.id)));
        }
    }
    assert_eq!(jobs.claim(&wanted, LEASE).await.unwrap().jobs.len(), 0);
    assert_eq!(seen.len(), BATCHES * BATCH as usize, "lost");
}

#[tokio::test]
async fn memory_survives_a_big_bang() {
    big_bang(&Memory::new()).await;
}

#[tokio::test]
async fn sqlite_survives_a_big_bang() {
    big_bang(&Sql::open(Site::sqlite()).await).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn postgresql_survives_a_big_bang() {
    let site = Site::postgres().await;
    big_bang(&Sql::open(site.clone()).await).await;
    site.remove().await;
}
