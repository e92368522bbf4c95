//! Whatever is asked of the stores, in whatever order: the databases answer as the memory does.

use super::site::{Memory, Site, Sql};
use healthcare_core::ClinicId;
use healthcare_messaging::{
    Finished, JobError, JobFilter, JobLease, JobStore, NewJob, UniqueKey, Wanted, testing::JobRig,
};
use proptest::{prelude::*, test_runner::TestRunner};
use std::time::Duration;
use uuid::Uuid;

const LEASE: Duration = Duration::from_secs(30 * 60);
const QUEUES: [&str; 2] = ["mail", "report"];

/// One thing that is done to a store. Leases are named by how many claims ago they came: late workers are as likely as early ones.
#[derive(Debug, Clone)]
enum Step {
    Enqueue { queue: usize, after: u64, tries: u32, key: Option<i64> },
    Claim { queue: usize, limit: u32 },
    Extend(usize),
    Progress(usize),
    Complete(usize),
    Fail(usize, Option<u64>),
    GiveBack(usize, u64),
    Cancel { queue: usize, key: i64 },
    ReviveAll(u32),
    Purge(u64),
    Advance(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let lease = 0_usize..6;
    prop_oneof![
        4 => (0..2_usize, 0..90_u64, 1..4_u32, prop::option::of(0..3_i64))
            .prop_map(|(queue, after, tries, key)| Step::Enqueue { queue, after, tries, key }),
        6 => (0..2_usize, 0..4_u32).prop_map(|(queue, limit)| Step::Claim { queue, limit }),
        2 => lease.clone().prop_map(Step::Extend),
        1 => lease.clone().prop_map(Step::Progress),
        3 => lease.clone().prop_map(Step::Complete),
        4 => (lease.clone(), prop::option::of(0..90_u64)).prop_map(|(lease, wait)| Step::Fail(lease, wait)),
        2 => (lease, 0..90_u64).prop_map(|(lease, wait)| Step::GiveBack(lease, wait)),
        1 => (0..2_usize, 0..3_i64).prop_map(|(queue, key)| Step::Cancel { queue, key }),
        1 => (0..3_u32).prop_map(Step::ReviveAll),
        1 => (0..90_u64).prop_map(Step::Purge),
        4 => (1..90_u64).prop_map(Step::Advance),
    ]
}

/// Far more than PostgreSQL's own clock moves in a history.
fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

fn said<T: std::fmt::Debug>(result: Result<T, JobError>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(JobError::LeaseLost) => "lost".to_owned(),
        Err(other) => panic!("{other:?}"),
    }
}

/// What a store says to a step. Ids are the caller's, and tokens count from one, so that two stores can be compared.
async fn answer(
    rig: &impl JobRig,
    (clinic, about): (ClinicId, Uuid),
    step: &Step,
    id: Uuid,
    leases: &mut Vec<JobLease>,
) -> String {
    let jobs: &dyn JobStore = rig.jobs();
    let nobody = JobLease { id: Uuid::nil(), token: 1 };
    let held = |at: &usize| leases.iter().rev().nth(*at).copied().unwrap_or(nobody);
    let key = |version| UniqueKey::new("reminder", about, version);
    match step {
        Step::Enqueue { queue, after, tries, key: once } => {
            let mut job = NewJob::raw(clinic, QUEUES[*queue], "kind", "{}").id(id);
            job = job.tries(*tries).after(minutes(*after));
            if let Some(version) = once {
                job = job.once(key(*version));
            }
            said(jobs.enqueue(job.build().unwrap()).await)
        }
        Step::Claim { queue, limit } => {
            let wanted = [Wanted { queue: QUEUES[*queue], limit: *limit }];
            let mut claimed = jobs.claim(&wanted, LEASE).await.unwrap();
            claimed.jobs.sort_by_key(|job| job.lease.id);
            leases.extend(claimed.jobs.iter().map(|job| job.lease));
            let held: Vec<_> = claimed.jobs.iter().map(|job| (job.lease, job.tries, job.returns)).collect();
            format!("{held:?} and {} buried", claimed.buried)
        }
        Step::Extend(at) => said(jobs.extend(held(at), LEASE).await),
        Step::Progress(at) => said(jobs.progress(held(at), 50).await),
        Step::Complete(at) => said(jobs.complete(held(at)).await),
        Step::Fail(at, wait) => said(jobs.fail(held(at), "sample", wait.map(minutes)).await),
        Step::GiveBack(at, wait) => said(jobs.give_back(held(at), minutes(*wait)).await),
        Step::Cancel { queue, key: version } => {
            said(jobs.cancel(clinic, QUEUES[*queue], key(*version)).await)
        }
        Step::ReviveAll(limit) => said(jobs.revive_all(&JobFilter::clinic(clinic), *limit).await),
        Step::Purge(age) => said(jobs.purge(Finished::Done, minutes(*age), 1_000).await),
        Step::Advance(by) => {
            rig.advance(minutes(*by)).await;
            String::new()
        }
    }
}

/// What can be seen from outside, without times: PostgreSQL's are its own.
async fn seen(rig: &impl JobRig, clinic: ClinicId) -> String {
    let filter = JobFilter::clinic(clinic);
    let mut counts = rig.jobs().counts(&filter).await.unwrap();
    counts.iter_mut().for_each(|count| count.first_due_at = None);
    let dead = rig.jobs().dead_letters(&filter, None, 1_000).await.unwrap();
    let dead: Vec<_> =
        dead.iter().map(|letter| (letter.id, letter.tries, letter.reason, &letter.error_class)).collect();
    format!("{counts:?} {dead:?}")
}

async fn alike(rig: &Sql, steps: &[Step]) -> Result<(), TestCaseError> {
    let (memory, clinic, about) = (Memory::new(), ClinicId::random(), Uuid::now_v7());
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for (number, step) in steps.iter().enumerate() {
        let id = Uuid::now_v7();
        // No two steps at one instant, as with a clock that runs.
        memory.clock.advance(Duration::from_millis(1));
        rig.clock.advance(Duration::from_millis(1));
        let expected = answer(&memory, (clinic, about), step, id, &mut ours).await;
        let found = answer(rig, (clinic, about), step, id, &mut theirs).await;
        prop_assert_eq!(&found, &expected, "step {}: {:?}", number, step);
        prop_assert_eq!(
            seen(rig, clinic).await,
            seen(&memory, clinic).await,
            "after step {}: {:?}",
            number,
            step
        );
    }
    Ok(())
}

fn check(site: impl AsyncFnOnce() -> Site, cases: u32) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sql = runtime.block_on(async { Sql::open(site().await).await });
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let steps = prop::collection::vec(step(), 1..40);
    // Each history is of a clinic of its own; what an earlier one left is out of the way.
    let checked = TestRunner::new(config).run(&steps, |steps| {
        runtime.block_on(async {
            sql.site.script("DELETE FROM main.job".to_owned()).await;
            alike(&sql, &steps).await
        })
    });
    runtime.block_on(sql.site.remove());
    checked.unwrap();
}

#[test]
fn sqlite_answers_as_the_memory_does() {
    check(async || Site::sqlite(), 40);
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
fn postgresql_answers_as_the_memory_does() {
    check(Site::postgres, 25);
}
