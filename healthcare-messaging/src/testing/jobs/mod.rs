//! The contract of a store of jobs.

mod added;
mod claims;
mod kept;
mod tries;

use crate::{Enqueued, Job, JobError, JobFilter, JobLease, JobStore, NewJob, QueueCount, Wanted};
use healthcare_core::ClinicId;
use std::{future::Future, time::Duration};
use uuid::Uuid;

/// A lease of the suite's.
const LEASE: Duration = Duration::from_secs(60);
/// Before its end, by more than a clock that cannot be stopped moves in a case.
const SOON: Duration = Duration::from_secs(45);
const MAIL: &str = "mail";
const REPORT: &str = "report";

/// A store under test, and a way to let time pass for it.
pub trait JobRig {
    /// The store, empty at first.
    fn jobs(&self) -> &dyn JobStore;

    /// A clinic, always the same.
    fn clinic(&self) -> ClinicId;

    /// Another.
    fn other(&self) -> ClinicId;

    /// Moves the time by which the store works: its clock, or, where the clock cannot be moved, all times it has written.
    fn advance(&self, by: Duration) -> impl Future<Output = ()>;
}

/// Runs every case, each on a rig of its own.
///
/// # Panics
/// When the store breaks its contract.
pub async fn jobs_contract<R: JobRig>(make: impl AsyncFn() -> R) {
    claims::an_empty_store_has_nothing(&make().await).await;
    claims::a_job_is_claimed_by_its_queue_with_what_it_carries(&make().await).await;
    claims::a_job_starts_when_it_is_due(&make().await).await;
    claims::an_abandoned_job_starts_again_when_its_lease_is_over(&make().await).await;
    claims::a_renewed_lease_lasts_from_its_renewal(&make().await).await;
    claims::a_late_worker_changes_nothing(&make().await).await;
    claims::whoever_settled_holds_nothing(&make().await).await;
    tries::a_done_job_never_starts_again(&make().await).await;
    tries::a_failed_job_waits_and_counts(&make().await).await;
    tries::what_a_start_said_is_known_at_the_next(&make().await).await;
    tries::every_start_is_a_try_even_one_without_an_end(&make().await).await;
    tries::giving_back_uses_no_try(&make().await).await;
    tries::a_failing_job_lets_others_pass(&make().await).await;
    added::a_key_is_used_once(&make().await).await;
    added::a_batch_is_whole_and_bounded(&make().await).await;
    added::what_is_out_of_range_is_refused(&make().await).await;
    claims::no_job_is_claimed_by_two(&make().await).await;
    kept::dead_letters_are_listed_and_revived(&make().await).await;
    kept::a_cancelled_job_ends_where_it_is(&make().await).await;
    kept::jobs_are_counted_by_queue_and_state(&make().await).await;
    kept::jobs_are_listed_by_state_newest_first(&make().await).await;
    kept::what_ended_is_forgotten_when_it_is_old(&make().await).await;
    claims::dropped_futures_lose_nothing(&make().await).await;
}

fn new(rig: &impl JobRig, queue: &'static str) -> crate::NewJobBuilder {
    NewJob::raw(rig.clinic(), queue, "sample.done", "{}")
}

async fn add(rig: &impl JobRig, job: crate::NewJobBuilder) -> Uuid {
    let job = job.build().unwrap();
    let id = job.id();
    assert_eq!(rig.jobs().enqueue(job).await.expect("the store answers"), Enqueued::New);
    id
}

async fn claim(rig: &impl JobRig, queue: &'static str, limit: u32) -> Vec<Job> {
    let claimed = rig.jobs().claim(&[Wanted { queue, limit }], LEASE).await.expect("the store answers");
    assert!(claimed.jobs.len() <= limit as usize, "more than the limit");
    claimed.jobs
}

/// The only job there is.
async fn one(rig: &impl JobRig) -> Job {
    let mut jobs = claim(rig, MAIL, 10).await;
    assert_eq!(jobs.len(), 1, "one job is due");
    jobs.remove(0)
}

async fn none(rig: &impl JobRig, why: &str) {
    assert_eq!(claim(rig, MAIL, 10).await, [], "{why}");
}

fn is_lost<T: std::fmt::Debug>(result: &Result<T, JobError>) -> bool {
    matches!(result, Err(JobError::LeaseLost))
}

/// Tries everything that a holder may do, and finds that this lease is none.
async fn holds_nothing(rig: &impl JobRig, late: JobLease, why: &str) {
    let jobs = rig.jobs();
    let extended = jobs.extend(late, LEASE).await;
    assert!(is_lost(&extended), "{why}: a lost lease was renewed: {extended:?}");
    let progressed = jobs.progress(late, 50).await;
    assert!(is_lost(&progressed), "{why}: a lost lease made progress: {progressed:?}");
    let given = jobs.give_back(late, Duration::ZERO).await;
    assert!(is_lost(&given), "{why}: a lost lease gave a job back: {given:?}");
    for retry in [None, Some(Duration::ZERO)] {
        let failed = jobs.fail(late, "sample", retry).await;
        assert!(is_lost(&failed), "{why}: a lost lease failed a job: {failed:?}");
    }
    let completed = jobs.complete(late).await;
    assert!(is_lost(&completed), "{why}: a lost lease completed a job: {completed:?}");
}

async fn counted(rig: &impl JobRig, queue: &str) -> QueueCount {
    let filter = JobFilter::clinic(rig.clinic()).queue(queue);
    let mut counts = rig.jobs().counts(&filter).await.expect("the store answers");
    assert!(counts.len() <= 1 && counts.iter().all(|count| count.queue == queue), "{counts:?}");
    counts.pop().unwrap_or_else(|| QueueCount::of(queue))
}
