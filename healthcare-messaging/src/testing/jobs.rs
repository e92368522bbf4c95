use crate::{
    DeathReason, Enqueued, Fate, Finished, Job, JobError, JobFilter, JobLease, JobState, JobStore, NewJob,
    QueueCount, UniqueKey, Wanted,
};
use futures_util::future::join_all;
use healthcare_core::ClinicId;
use std::{
    collections::HashSet,
    future::Future,
    pin::pin,
    task::{Context, Waker},
    time::Duration,
};
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
    an_empty_store_has_nothing(&make().await).await;
    a_job_is_claimed_by_its_queue_with_what_it_carries(&make().await).await;
    a_job_starts_when_it_is_due(&make().await).await;
    an_abandoned_job_starts_again_when_its_lease_is_over(&make().await).await;
    a_renewed_lease_lasts_from_its_renewal(&make().await).await;
    a_late_worker_changes_nothing(&make().await).await;
    whoever_settled_holds_nothing(&make().await).await;
    a_done_job_never_starts_again(&make().await).await;
    a_failed_job_waits_and_counts(&make().await).await;
    what_a_start_said_is_known_at_the_next(&make().await).await;
    every_start_is_a_try_even_one_without_an_end(&make().await).await;
    giving_back_uses_no_try(&make().await).await;
    a_failing_job_lets_others_pass(&make().await).await;
    a_key_is_used_once(&make().await).await;
    a_batch_is_whole_and_bounded(&make().await).await;
    what_is_out_of_range_is_refused(&make().await).await;
    no_job_is_claimed_by_two(&make().await).await;
    dead_letters_are_listed_and_revived(&make().await).await;
    a_cancelled_job_ends_where_it_is(&make().await).await;
    jobs_are_counted_by_queue_and_state(&make().await).await;
    jobs_are_listed_by_state_newest_first(&make().await).await;
    what_ended_is_forgotten_when_it_is_old(&make().await).await;
    dropped_futures_lose_nothing(&make().await).await;
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

async fn an_empty_store_has_nothing(rig: &impl JobRig) {
    none(rig, "there is nothing").await;
    assert_eq!(rig.jobs().enqueue_all(Vec::new()).await.unwrap(), []);
    assert_eq!(rig.jobs().claim(&[], LEASE).await.unwrap().jobs, []);
    assert_eq!(rig.jobs().counts(&JobFilter::default()).await.unwrap(), []);
    assert_eq!(rig.jobs().dead_letters(&JobFilter::default(), None, 10).await.unwrap(), []);
    let nobody = JobLease { id: Uuid::now_v7(), token: 1 };
    holds_nothing(rig, nobody, "no such job").await;
}

async fn a_job_is_claimed_by_its_queue_with_what_it_carries(rig: &impl JobRig) {
    let payload = br#"{"appointment":"0190"}"#;
    let id = add(rig, NewJob::raw(rig.clinic(), MAIL, "mail.remind", *payload).tries(3)).await;
    let theirs = add(rig, NewJob::raw(rig.other(), REPORT, "report.make", "{}")).await;
    assert_eq!(claim(rig, "mai", 10).await, []);
    assert_eq!(claim(rig, MAIL, 0).await, [], "claimed without being asked to");
    let wanted = [MAIL, REPORT].map(|queue| Wanted { queue, limit: 10 });
    let mut jobs = rig.jobs().claim(&wanted, LEASE).await.unwrap().jobs;
    assert_eq!(jobs.len(), 2, "one of each queue");
    jobs.sort_by(|one, other| one.queue.cmp(&other.queue));
    let (mail, report) = (&jobs[0], &jobs[1]);
    assert_eq!((mail.lease.id, mail.clinic, mail.kind.as_str()), (id, rig.clinic(), "mail.remind"));
    assert_eq!(mail.payload.as_deref(), Ok(payload.as_slice()));
    assert_eq!((mail.tries, mail.tries_max, mail.returns), (1, 3, 0));
    assert_eq!((report.lease.id, report.clinic), (theirs, rig.other()));
    none(rig, "it is held").await;
}

async fn a_job_starts_when_it_is_due(rig: &impl JobRig) {
    let id = add(rig, new(rig, MAIL).after(LEASE)).await;
    none(rig, "it is not due").await;
    rig.advance(SOON).await;
    none(rig, "it is not due yet").await;
    rig.advance(LEASE - SOON).await;
    assert_eq!(one(rig).await.lease.id, id);
    // A time that is past is now.
    let past = add(rig, new(rig, MAIL).at("2001-01-01T00:00:00Z".parse().unwrap())).await;
    assert_eq!(one(rig).await.lease.id, past);
    add(rig, new(rig, MAIL).at("2200-01-01T00:00:00Z".parse().unwrap())).await;
    none(rig, "it is for later").await;
    // What was due first comes first.
    let second = add(rig, new(rig, REPORT).after(2 * LEASE)).await;
    let first = add(rig, new(rig, REPORT).after(LEASE)).await;
    rig.advance(3 * LEASE).await;
    let order = [claim(rig, REPORT, 1).await, claim(rig, REPORT, 1).await];
    assert_eq!(order.map(|jobs| jobs[0].lease.id), [first, second]);
}

async fn an_abandoned_job_starts_again_when_its_lease_is_over(rig: &impl JobRig) {
    add(rig, new(rig, MAIL)).await;
    let first = one(rig).await;
    rig.advance(SOON).await;
    none(rig, "its lease is not over").await;
    rig.advance(LEASE - SOON).await;
    let second = one(rig).await;
    assert_eq!(second.lease.id, first.lease.id);
    assert!(second.lease.token > first.lease.token, "the fencing token did not grow");
    assert_eq!((first.tries, second.tries), (1, 2));
    assert_eq!(second.payload, first.payload);
}

async fn a_renewed_lease_lasts_from_its_renewal(rig: &impl JobRig) {
    add(rig, new(rig, MAIL)).await;
    let job = one(rig).await;
    rig.advance(SOON).await;
    rig.jobs().extend(job.lease, LEASE).await.unwrap();
    rig.advance(SOON).await;
    none(rig, "its lease was renewed").await;
    rig.jobs().progress(job.lease, 70).await.unwrap();
    rig.advance(LEASE - SOON).await;
    // Nobody has taken it: whoever comes late but alone still holds it.
    rig.jobs().extend(job.lease, LEASE).await.unwrap();
    rig.jobs().complete(job.lease).await.unwrap();
}

/// The zombie: a worker that was stopped, lost its lease, and goes on.
async fn a_late_worker_changes_nothing(rig: &impl JobRig) {
    let jobs = rig.jobs();
    let lost = async |why: &str| {
        add(rig, new(rig, MAIL).tries(3)).await;
        let late = one(rig).await;
        rig.advance(LEASE).await;
        let holder = one(rig).await;
        holds_nothing(rig, late.lease, why).await;
        (late.lease, holder.lease)
    };
    // The successor runs it.
    let (late, holder) = lost("it runs elsewhere").await;
    none(rig, "the holder's lease was ended by somebody else").await;
    jobs.extend(holder, LEASE).await.expect("the holder holds it");
    jobs.complete(holder).await.expect("the holder completes it");
    holds_nothing(rig, late, "it is done").await;
    assert_eq!(counted(rig, MAIL).await.done, 1, "what the late worker did was seen");
    // The successor failed, and it waits.
    let (late, holder) = lost("it runs elsewhere").await;
    assert_eq!(jobs.fail(holder, "sample", Some(LEASE)).await.unwrap(), Fate::Retried);
    holds_nothing(rig, late, "it waits for its next try").await;
    holds_nothing(rig, holder, "it waits for its next try").await;
    none(rig, "a late worker moved its time").await;
    rig.advance(LEASE).await;
    let last = one(rig).await;
    assert_eq!(last.tries, 3, "a late worker changed the tries");
    // Dead.
    assert_eq!(jobs.fail(last.lease, "sample", None).await.unwrap(), Fate::Dead);
    holds_nothing(rig, late, "it is dead").await;
    // Found without a try left.
    add(rig, new(rig, MAIL).tries(1)).await;
    let late = one(rig).await;
    rig.advance(LEASE).await;
    none(rig, "it has no try left").await;
    holds_nothing(rig, late.lease, "it was buried").await;
    // Revived, and waiting or running again.
    assert_eq!(jobs.revive_all(&JobFilter::default(), 10).await.unwrap(), 2);
    holds_nothing(rig, late.lease, "it was revived").await;
    assert_eq!(claim(rig, MAIL, 10).await.len(), 2);
    holds_nothing(rig, late.lease, "it runs again").await;
}

async fn whoever_settled_holds_nothing(rig: &impl JobRig) {
    add(rig, new(rig, MAIL)).await;
    let job = one(rig).await;
    rig.jobs().give_back(job.lease, Duration::ZERO).await.unwrap();
    holds_nothing(rig, job.lease, "it was given back").await;
    let job = one(rig).await;
    rig.jobs().fail(job.lease, "sample", Some(Duration::ZERO)).await.unwrap();
    holds_nothing(rig, job.lease, "it failed").await;
    let job = one(rig).await;
    rig.jobs().complete(job.lease).await.unwrap();
    holds_nothing(rig, job.lease, "it is done").await;
}

async fn a_done_job_never_starts_again(rig: &impl JobRig) {
    add(rig, new(rig, MAIL)).await;
    rig.jobs().complete(one(rig).await.lease).await.unwrap();
    rig.advance(100 * LEASE).await;
    none(rig, "it is done").await;
}

async fn a_failed_job_waits_and_counts(rig: &impl JobRig) {
    let id = add(rig, new(rig, MAIL).tries(2)).await;
    let first = one(rig).await;
    assert_eq!(rig.jobs().fail(first.lease, "smtp.away", Some(LEASE)).await.unwrap(), Fate::Retried);
    rig.advance(SOON).await;
    none(rig, "it waits for its retry").await;
    rig.advance(LEASE - SOON).await;
    let second = one(rig).await;
    assert_eq!(second.tries, 2);
    assert_eq!(rig.jobs().fail(second.lease, "smtp.away", Some(LEASE)).await.unwrap(), Fate::Dead);
    rig.advance(100 * LEASE).await;
    none(rig, "it is dead").await;
    // One that gives up needs no second try.
    let hopeless = add(rig, new(rig, MAIL)).await;
    assert_eq!(rig.jobs().fail(one(rig).await.lease, "smtp.refused", None).await.unwrap(), Fate::Dead);
    let dead = rig.jobs().dead_letters(&JobFilter::default(), None, 10).await.unwrap();
    let of = |id| dead.iter().find(|letter| letter.id == id).expect("it is a dead letter");
    assert_eq!(
        (of(id).reason, of(id).error_class.as_str(), of(id).tries),
        (DeathReason::TriesUsed, "smtp.away", 2)
    );
    assert_eq!(
        (of(hopeless).reason, of(hopeless).error_class.as_str()),
        (DeathReason::Fatal, "smtp.refused")
    );
}

async fn every_start_is_a_try_even_one_without_an_end(rig: &impl JobRig) {
    let id = add(rig, new(rig, MAIL).tries(3)).await;
    add(rig, new(rig, MAIL).tries(100).after(9 * LEASE)).await;
    for tries in 1..=3 {
        assert_eq!(one(rig).await.tries, tries);
        rig.advance(LEASE).await;
    }
    let last = rig.jobs().claim(&[Wanted { queue: MAIL, limit: 10 }], LEASE).await.unwrap();
    assert_eq!((last.jobs.len(), last.buried), (0, 1), "it was started more often than it may");
    rig.advance(LEASE).await;
    none(rig, "it is dead").await;
    let dead = rig.jobs().dead_letters(&JobFilter::default(), None, 10).await.unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!((dead[0].id, dead[0].tries, dead[0].reason), (id, 3, DeathReason::Abandoned));
    assert_eq!(dead[0].error_class, "abandoned");
}

async fn giving_back_uses_no_try(rig: &impl JobRig) {
    add(rig, new(rig, MAIL).tries(1)).await;
    for returns in 0..5 {
        let job = one(rig).await;
        assert_eq!((job.tries, job.returns), (1, returns));
        rig.jobs().give_back(job.lease, LEASE).await.unwrap();
        rig.advance(SOON).await;
        none(rig, "it was given back for later").await;
        rig.advance(LEASE - SOON).await;
    }
    assert_eq!(rig.jobs().fail(one(rig).await.lease, "sample", Some(LEASE)).await.unwrap(), Fate::Dead);
}

/// Failing jobs queue up behind what is due before their new time, so that they cannot keep others from starting.
async fn a_failing_job_lets_others_pass(rig: &impl JobRig) {
    for _ in 0..3 {
        add(rig, new(rig, MAIL)).await;
    }
    rig.advance(LEASE).await;
    let waiting = add(rig, new(rig, MAIL)).await;
    for failing in claim(rig, MAIL, 3).await {
        assert_ne!(failing.lease.id, waiting, "the oldest come first");
        rig.advance(Duration::from_millis(1)).await;
        rig.jobs().fail(failing.lease, "sample", Some(Duration::ZERO)).await.unwrap();
    }
    assert_eq!(
        claim(rig, MAIL, 1).await[0].lease.id,
        waiting,
        "jobs that fail keep one that waits from starting"
    );
}

async fn a_key_is_used_once(rig: &impl JobRig) {
    let (about, jobs) = (Uuid::now_v7(), rig.jobs());
    let key = |version| UniqueKey::new("reminder", about, version);
    let enqueue = async |job: crate::NewJobBuilder| jobs.enqueue(job.build().unwrap()).await.unwrap();
    assert_eq!(enqueue(new(rig, MAIL).once(key(1))).await, Enqueued::New);
    assert_eq!(enqueue(new(rig, MAIL).once(key(1))).await, Enqueued::Known);
    assert_eq!(enqueue(new(rig, MAIL).once(key(2))).await, Enqueued::New, "of another version");
    assert_eq!(enqueue(new(rig, REPORT).once(key(1))).await, Enqueued::New, "in another queue");
    let theirs = NewJob::raw(rig.other(), MAIL, "sample.done", "{}").once(key(1));
    assert_eq!(enqueue(theirs).await, Enqueued::New, "of another clinic");
    let held = claim(rig, MAIL, 10).await;
    assert_eq!(held.len(), 3);
    assert_eq!(enqueue(new(rig, MAIL).once(key(1))).await, Enqueued::Known, "while it runs");
    for job in held {
        jobs.complete(job.lease).await.unwrap();
    }
    assert_eq!(enqueue(new(rig, MAIL).once(key(1))).await, Enqueued::Known, "after it was done");
    none(rig, "nothing was added").await;
    // An id is one job, too.
    let job = new(rig, MAIL).build().unwrap();
    assert_eq!(jobs.enqueue(job.clone()).await.unwrap(), Enqueued::New);
    assert_eq!(jobs.enqueue(job).await.unwrap(), Enqueued::Known);
    assert_eq!(claim(rig, MAIL, 10).await.len(), 1);
}

async fn a_batch_is_whole_and_bounded(rig: &impl JobRig) {
    let jobs = |count: usize| (0..count).map(|_| new(rig, MAIL).build().unwrap()).collect::<Vec<_>>();
    let too_many = rig.jobs().enqueue_all(jobs(1_001)).await;
    assert!(matches!(too_many, Err(JobError::Refused(_))), "{too_many:?}");
    let mut mixed = jobs(2);
    mixed.push(NewJob::raw(rig.other(), MAIL, "sample.done", "{}").build().unwrap());
    let mixed = rig.jobs().enqueue_all(mixed).await;
    assert!(matches!(mixed, Err(JobError::Refused(_))), "{mixed:?}");
    none(rig, "half a batch was enqueued").await;
    let mut known = jobs(2);
    known.push(known[0].clone());
    let done = rig.jobs().enqueue_all(known).await.unwrap();
    assert_eq!(done, [Enqueued::New, Enqueued::New, Enqueued::Known]);
    assert_eq!(claim(rig, MAIL, 10).await.len(), 2);
}

async fn what_is_out_of_range_is_refused(rig: &impl JobRig) {
    add(rig, new(rig, MAIL)).await;
    let jobs = rig.jobs();
    let wanted = |limit| [Wanted { queue: MAIL, limit }];
    for claimed in [
        jobs.claim(&wanted(1_001), LEASE).await,
        jobs.claim(&wanted(1), Duration::from_millis(999)).await,
        jobs.claim(&wanted(1), Duration::MAX).await,
        jobs.claim(&[Wanted { queue: "Mail,report", limit: 1 }], LEASE).await,
        jobs.claim(&[wanted(600)[0], wanted(600)[0]], LEASE).await,
    ] {
        assert!(matches!(claimed, Err(JobError::Refused(_))), "{claimed:?}");
    }
    let held = one(rig).await.lease;
    for refused in [
        jobs.extend(held, Duration::ZERO).await,
        jobs.progress(held, 101).await,
        jobs.give_back(held, Duration::MAX).await,
        jobs.fail(held, "Ada Lovelace <ada@example.org>", None).await.map(drop),
        jobs.fail(held, "sample", Some(Duration::MAX)).await.map(drop),
        jobs.revive_all(&JobFilter::default(), 1_001).await.map(drop),
        jobs.purge(Finished::Done, LEASE, 1_001).await.map(drop),
        jobs.dead_letters(&JobFilter::default(), None, 1_001).await.map(drop),
        jobs.list(&JobFilter::default(), None, None, 1_001).await.map(drop),
    ] {
        assert!(matches!(refused, Err(JobError::Refused(_))), "{refused:?}");
    }
    jobs.complete(held).await.expect("a call that was refused changed nothing");
}

async fn no_job_is_claimed_by_two(rig: &impl JobRig) {
    let batch = (0..40).map(|_| new(rig, MAIL).build().unwrap()).collect();
    rig.jobs().enqueue_all(batch).await.unwrap();
    let (mut seen, mut rounds) = (HashSet::new(), 0);
    while seen.len() < 40 {
        rounds += 1;
        assert!(rounds < 20, "{} of 40 jobs were claimed", seen.len());
        for job in join_all((0..8).map(|_| claim(rig, MAIL, 3))).await.into_iter().flatten() {
            assert!(seen.insert(job.lease.id), "one job was claimed by two");
        }
    }
    none(rig, "all are held").await;
}

/// What must not be begun twice unawares is written down before it is begun.
async fn what_a_start_said_is_known_at_the_next(rig: &impl JobRig) {
    let jobs = rig.jobs();
    let id = add(rig, new(rig, MAIL).tries(3)).await;
    let first = one(rig).await;
    assert_eq!(first.progress, 0);
    jobs.progress(first.lease, 40).await.unwrap();
    rig.advance(LEASE).await;
    let second = one(rig).await;
    assert_eq!(second.progress, 40, "its worker was lost");
    assert_eq!(jobs.fail(second.lease, "sample", Some(Duration::ZERO)).await.unwrap(), Fate::Retried);
    rig.advance(SOON).await;
    let third = one(rig).await;
    assert_eq!(third.progress, 40, "it failed");
    assert_eq!(jobs.fail(third.lease, "sample", None).await.unwrap(), Fate::Dead);
    assert!(jobs.revive(&JobFilter::default(), id).await.unwrap());
    assert_eq!(one(rig).await.progress, 0, "somebody said that it may begin again");
}

async fn dead_letters_are_listed_and_revived(rig: &impl JobRig) {
    let (jobs, mine, all) = (rig.jobs(), JobFilter::clinic(rig.clinic()), JobFilter::default());
    let mut ids = Vec::new();
    for queue in [MAIL, MAIL, REPORT] {
        ids.push(add(rig, new(rig, queue).tries(1)).await);
    }
    let theirs = add(rig, NewJob::raw(rig.other(), MAIL, "sample.done", "{}").tries(1)).await;
    for queue in [MAIL, REPORT] {
        for job in claim(rig, queue, 10).await {
            jobs.progress(job.lease, 30).await.unwrap();
            assert_eq!(jobs.fail(job.lease, "sample", Some(LEASE)).await.unwrap(), Fate::Dead);
        }
    }
    let listed = async |filter: &JobFilter, after, limit| -> Vec<Uuid> {
        let letters = jobs.dead_letters(filter, after, limit).await.unwrap();
        assert!(letters.iter().all(|letter| letter.created_at <= letter.died_at));
        letters.iter().map(|letter| letter.id).collect()
    };
    assert_eq!(listed(&mine, None, 2).await, ids[..2], "by pages, in the order of ids");
    assert_eq!(listed(&mine, Some(ids[1]), 2).await, ids[2..]);
    assert_eq!(listed(&mine.clone().queue(REPORT), None, 10).await, ids[2..]);
    assert_eq!(listed(&all, None, 10).await.len(), 4);
    assert_eq!(listed(&JobFilter::clinic(rig.other()), None, 10).await, [theirs]);
    // One clinic's letters are out of the other's reach.
    assert!(!jobs.revive(&mine, theirs).await.unwrap(), "another clinic's letter was revived");
    assert!(jobs.revive(&mine, ids[0]).await.unwrap());
    assert!(!jobs.revive(&mine, ids[0]).await.unwrap(), "one that is not dead was revived");
    let revived = one(rig).await;
    assert_eq!((revived.lease.id, revived.tries), (ids[0], 1), "it has all its tries again");
    jobs.complete(revived.lease).await.unwrap();
    assert_eq!(jobs.revive_all(&mine, 1).await.unwrap(), 1, "no more than the limit");
    assert_eq!(jobs.revive_all(&mine, 10).await.unwrap(), 1);
    assert_eq!(jobs.revive_all(&mine, 10).await.unwrap(), 0);
    assert_eq!(listed(&all, None, 10).await, [theirs]);
    assert_eq!(claim(rig, MAIL, 10).await.len() + claim(rig, REPORT, 10).await.len(), 2);
}

async fn a_cancelled_job_ends_where_it_is(rig: &impl JobRig) {
    let (about, jobs) = (Uuid::now_v7(), rig.jobs());
    let key = |version| UniqueKey::new("reminder", about, version);
    let cancel = async |clinic, queue, version| jobs.cancel(clinic, queue, key(version)).await.unwrap();
    add(rig, new(rig, MAIL).once(key(1))).await;
    assert!(!cancel(rig.other(), MAIL, 1).await, "of another clinic");
    assert!(!cancel(rig.clinic(), REPORT, 1).await, "in another queue");
    assert!(!cancel(rig.clinic(), MAIL, 2).await, "of another version");
    assert!(cancel(rig.clinic(), MAIL, 1).await);
    assert!(!cancel(rig.clinic(), MAIL, 1).await, "it was cancelled already");
    none(rig, "it was cancelled").await;
    add(rig, new(rig, MAIL).once(key(2))).await;
    let running = one(rig).await;
    assert!(cancel(rig.clinic(), MAIL, 2).await);
    holds_nothing(rig, running.lease, "it was cancelled while it ran").await;
    rig.advance(10 * LEASE).await;
    none(rig, "it was cancelled").await;
    add(rig, new(rig, MAIL).once(key(3))).await;
    jobs.complete(one(rig).await.lease).await.unwrap();
    assert!(!cancel(rig.clinic(), MAIL, 3).await, "what is done cannot be cancelled");
    let count = counted(rig, MAIL).await;
    assert_eq!((count.cancelled, count.done), (2, 1));
}

async fn jobs_are_listed_by_state_newest_first(rig: &impl JobRig) {
    let (jobs, mine) = (rig.jobs(), JobFilter::clinic(rig.clinic()));
    let mut ids = Vec::new();
    for queue in [MAIL, REPORT, MAIL, MAIL] {
        ids.push(add(rig, new(rig, queue).tries(1)).await);
    }
    let theirs = add(rig, NewJob::raw(rig.other(), REPORT, "sample.done", "{}")).await;
    let held = claim(rig, MAIL, 3).await;
    jobs.progress(held[1].lease, 40).await.unwrap();
    jobs.fail(held[0].lease, "sample", None).await.unwrap();
    jobs.complete(held[2].lease).await.unwrap();
    let listed = async |filter: &JobFilter, state, before, limit| -> Vec<Uuid> {
        let found = jobs.list(filter, state, before, limit).await.unwrap();
        found.iter().map(|job| job.id).collect()
    };
    assert_eq!(listed(&mine, None, None, 3).await, [ids[3], ids[2], ids[1]], "by pages, newest first");
    assert_eq!(listed(&mine, None, Some(ids[1]), 3).await, [ids[0]]);
    assert_eq!(listed(&mine.clone().queue(REPORT), None, None, 9).await, [ids[1]]);
    assert_eq!(listed(&JobFilter::clinic(rig.other()), None, None, 9).await, [theirs]);
    assert_eq!(listed(&JobFilter::default(), None, None, 9).await.len(), 5);
    let in_state = async |state| listed(&mine, Some(state), None, 9).await;
    assert_eq!(in_state(JobState::Waiting).await, [ids[1]]);
    assert_eq!(in_state(JobState::Running).await, [ids[2]]);
    assert_eq!(in_state(JobState::Done).await, [ids[3]]);
    assert_eq!(in_state(JobState::Dead).await, [ids[0]]);
    assert!(in_state(JobState::Cancelled).await.is_empty());
    let dead = jobs.find(&mine, ids[0]).await.unwrap().expect("it is there");
    assert_eq!((dead.queue.as_str(), dead.kind.as_str(), dead.state), (MAIL, "sample.done", JobState::Dead));
    assert_eq!((dead.tries, dead.tries_max, dead.error_class.as_deref()), (1, 1, Some("sample")));
    assert!(dead.clinic == rig.clinic() && dead.created_at <= dead.at);
    let running = jobs.find(&mine, ids[2]).await.unwrap().expect("it is there");
    assert_eq!((running.progress, running.error_class), (40, None));
    // One clinic's jobs are out of the other's sight.
    assert_eq!(jobs.find(&mine, theirs).await.unwrap(), None);
    assert_eq!(jobs.find(&mine, Uuid::now_v7()).await.unwrap(), None);
}

async fn jobs_are_counted_by_queue_and_state(rig: &impl JobRig) {
    let jobs = rig.jobs();
    for _ in 0..6 {
        add(rig, new(rig, MAIL).tries(1)).await;
    }
    let key = UniqueKey::new("reminder", Uuid::now_v7(), 1);
    add(rig, new(rig, MAIL).after(LEASE).once(key)).await;
    add(rig, NewJob::raw(rig.other(), MAIL, "sample.done", "{}")).await;
    add(rig, new(rig, REPORT).after(LEASE)).await;
    let held = claim(rig, MAIL, 4).await;
    jobs.complete(held[0].lease).await.unwrap();
    jobs.fail(held[1].lease, "sample", None).await.unwrap();
    jobs.give_back(held[2].lease, LEASE).await.unwrap();
    let count = counted(rig, MAIL).await;
    assert_eq!((count.due, count.delayed, count.running), (2, 2, 1));
    assert_eq!((count.done, count.cancelled, count.dead), (1, 0, 1));
    let first = count.first_due_at.expect("some wait");
    rig.advance(LEASE).await;
    assert!(jobs.cancel(rig.clinic(), MAIL, key).await.unwrap());
    let later = counted(rig, MAIL).await;
    assert_eq!((later.due, later.delayed, later.cancelled), (3, 0, 1));
    assert!(later.first_due_at.expect("some wait") <= first, "since when the first waits");
    let all = jobs.counts(&JobFilter::default()).await.unwrap();
    assert_eq!(all.iter().map(|count| count.queue.as_str()).collect::<Vec<_>>(), [MAIL, REPORT]);
    assert_eq!((all[0].due, all[1].due), (4, 1), "with those of the other clinic");
}

async fn what_ended_is_forgotten_when_it_is_old(rig: &impl JobRig) {
    let (jobs, key) = (rig.jobs(), UniqueKey::new("reminder", Uuid::now_v7(), 1));
    add(rig, new(rig, MAIL).once(key)).await;
    add(rig, new(rig, MAIL)).await;
    add(rig, new(rig, MAIL)).await;
    let held = claim(rig, MAIL, 10).await;
    for job in &held[..2] {
        jobs.complete(job.lease).await.unwrap();
    }
    jobs.fail(held[2].lease, "sample", None).await.unwrap();
    let running = add(rig, new(rig, MAIL)).await;
    let waiting = one(rig).await;
    assert_eq!(waiting.lease.id, running);
    rig.advance(LEASE).await;
    assert_eq!(jobs.purge(Finished::Done, 2 * LEASE, 10).await.unwrap(), 0, "they are not old");
    rig.advance(2 * LEASE).await;
    assert_eq!(jobs.purge(Finished::Cancelled, 2 * LEASE, 10).await.unwrap(), 0);
    assert_eq!(jobs.purge(Finished::Done, 2 * LEASE, 1).await.unwrap(), 1, "no more than the limit");
    assert_eq!(jobs.purge(Finished::Done, 2 * LEASE, 10).await.unwrap(), 1);
    assert_eq!(jobs.purge(Finished::Dead, 2 * LEASE, 10).await.unwrap(), 1);
    assert_eq!(one(rig).await.lease.id, running, "what has not ended stays");
    let again = new(rig, MAIL).once(key).build().unwrap();
    assert_eq!(jobs.enqueue(again).await.unwrap(), Enqueued::New, "its key is free again");
}

async fn dropped_futures_lose_nothing(rig: &impl JobRig) {
    let id = add(rig, new(rig, MAIL).tries(100)).await;
    for polls in 0..6 {
        let wanted = [Wanted { queue: MAIL, limit: 10 }];
        let mut claiming = pin!(rig.jobs().claim(&wanted, LEASE));
        for _ in 0..polls {
            if claiming.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                break;
            }
        }
    }
    rig.advance(10 * LEASE).await;
    let job = one(rig).await;
    assert_eq!(job.lease.id, id);
    drop(rig.jobs().complete(job.lease));
    drop(rig.jobs().fail(job.lease, "sample", None));
    rig.jobs().complete(job.lease).await.expect("a settling that never began settled something");
}
