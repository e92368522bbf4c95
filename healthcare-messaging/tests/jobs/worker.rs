//! The worker, with jobs in memory and time that jumps.

use async_trait::async_trait;
use healthcare_core::{ClinicId, Clock};
use healthcare_messaging::{
    Attempt, Claimed, DeadLetter, DeathReason, Done, Enqueued, Fate, Finished, JobError, JobFailure,
    JobFilter, JobHandler, JobKind, JobLease, JobState, JobStore, ListedJob, MemoryJobs, NewJob, QueueCount,
    UniqueKey, Wake, Wanted, Worker, WorkerBuilder, WorkerConfigError, WorkerTally,
};
use healthcare_resilience::Shutdown;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{task::JoinHandle, time::Instant};
use uuid::Uuid;

const LEASE: Duration = Duration::from_secs(30);

/// Tokio's time, so that pausing it pauses leases as well; and seconds that only the store knows of.
#[derive(Debug, Clone)]
struct TokioClock(Instant, Arc<AtomicU64>);

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::try_from(self.monotonic()).unwrap()
    }
    fn monotonic(&self) -> Duration {
        self.0.elapsed() + Duration::from_secs(self.1.load(SeqCst))
    }
}

/// Jobs in memory that can be away.
#[derive(Debug)]
struct Shaky {
    memory: MemoryJobs,
    claims: AtomicU64,
    /// Seconds between what a claim did and its answer.
    claim_takes: AtomicU64,
    no_claims: AtomicBool,
    no_renewals: AtomicBool,
    no_settling: AtomicU32,
}

impl Shaky {
    fn down() -> JobError {
        JobError::Store("down".into())
    }
    /// Fails as often as it was told to.
    fn settling(&self) -> Result<(), JobError> {
        match self.no_settling.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)) {
            Ok(_) => Err(Self::down()),
            Err(_) => Ok(()),
        }
    }
}

#[async_trait]
impl JobStore for Shaky {
    async fn enqueue_all(&self, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>, JobError> {
        self.memory.enqueue_all(jobs).await
    }
    async fn claim(&self, wanted: &[Wanted], lease: Duration) -> Result<Claimed, JobError> {
        self.claims.fetch_add(1, SeqCst);
        if self.no_claims.load(SeqCst) {
            return Err(Self::down());
        }
        let claimed = self.memory.claim(wanted, lease).await;
        tokio::time::sleep(Duration::from_secs(self.claim_takes.load(SeqCst))).await;
        claimed
    }
    async fn extend(&self, held: JobLease, lease: Duration) -> Result<(), JobError> {
        if self.no_renewals.load(SeqCst) {
            return Err(Self::down());
        }
        self.memory.extend(held, lease).await
    }
    async fn progress(&self, held: JobLease, percent: u8) -> Result<(), JobError> {
        self.memory.progress(held, percent).await
    }
    async fn complete(&self, held: JobLease) -> Result<(), JobError> {
        self.settling()?;
        self.memory.complete(held).await
    }
    async fn fail(
        &self,
        held: JobLease,
        class: &'static str,
        wait: Option<Duration>,
    ) -> Result<Fate, JobError> {
        self.memory.fail(held, class, wait).await
    }
    async fn give_back(&self, held: JobLease, delay: Duration) -> Result<(), JobError> {
        self.memory.give_back(held, delay).await
    }
    async fn cancel(&self, clinic: ClinicId, queue: &'static str, key: UniqueKey) -> Result<bool, JobError> {
        self.memory.cancel(clinic, queue, key).await
    }
    async fn counts(&self, filter: &JobFilter) -> Result<Vec<QueueCount>, JobError> {
        self.memory.counts(filter).await
    }
    async fn list(
        &self,
        filter: &JobFilter,
        state: Option<JobState>,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<ListedJob>, JobError> {
        self.memory.list(filter, state, before, limit).await
    }
    async fn dead_letters(
        &self,
        filter: &JobFilter,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, JobError> {
        self.memory.dead_letters(filter, after, limit).await
    }
    async fn revive(&self, filter: &JobFilter, id: Uuid) -> Result<bool, JobError> {
        self.memory.revive(filter, id).await
    }
    async fn revive_all(&self, filter: &JobFilter, limit: u32) -> Result<u64, JobError> {
        self.memory.revive_all(filter, limit).await
    }
    async fn purge(&self, ended: Finished, age: Duration, limit: u32) -> Result<u64, JobError> {
        self.memory.purge(ended, age, limit).await
    }
}

/// What a job of these tests is told to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum Does {
    Nothing,
    Takes(Duration),
    Fails,
    FailsFor(Duration),
    GivesUp,
    Panics,
    /// Once; then it is done.
    Snoozes(Duration),
    /// Until it is dropped.
    Hangs,
    /// Until it is cancelled, and then it is done after all.
    Heeds,
    /// Says after two seconds how far it is, and hangs.
    Progresses,
}

impl JobKind for Does {
    const QUEUE: &'static str = "mail";
    const KIND: &'static str = "does";
}

/// What happened to the jobs of a test.
#[derive(Debug, Default)]
struct Seen {
    starts: Mutex<Vec<(JobLease, Duration)>>,
    running: AtomicU32,
    most: AtomicU32,
    cancelled: AtomicU32,
    dropped: AtomicU32,
}

#[derive(Clone)]
struct Handles(Arc<Seen>, Instant);

/// Counts down when the handler ends, however it does.
struct Runs<'s>(&'s Seen, bool);

impl Drop for Runs<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, SeqCst);
        if !self.1 {
            self.0.dropped.fetch_add(1, SeqCst);
        }
    }
}

#[async_trait]
impl JobHandler for Handles {
    type Job = Does;

    async fn run(&self, job: Does, attempt: &Attempt) -> Result<Done, JobFailure> {
        let Self(seen, since) = self;
        seen.starts.lock().unwrap().push((attempt.lease(), since.elapsed()));
        let now = seen.running.fetch_add(1, SeqCst) + 1;
        seen.most.fetch_max(now, SeqCst);
        let mut runs = Runs(seen, false);
        let done = match job {
            Does::Nothing => Ok(Done::Complete),
            Does::Takes(time) => {
                tokio::time::sleep(time).await;
                Ok(Done::Complete)
            }
            Does::Fails => Err(JobFailure::retry("sample.away")),
            Does::FailsFor(wait) => Err(JobFailure::retry_after("sample.busy", wait)),
            Does::GivesUp => Err(JobFailure::fatal("Not A Name")),
            Does::Panics => panic!("told to"),
            Does::Snoozes(delay) if seen.starts.lock().unwrap().len() == 1 => Ok(Done::Snooze(delay)),
            Does::Snoozes(_) => Ok(Done::Complete),
            Does::Hangs => std::future::pending().await,
            Does::Heeds => {
                attempt.cancelled().await;
                seen.cancelled.fetch_add(1, SeqCst);
                Ok(Done::Complete)
            }
            Does::Progresses => {
                tokio::time::sleep(Duration::from_secs(2)).await;
                drop(attempt.progress(40).await);
                std::future::pending().await
            }
        };
        runs.1 = true;
        done
    }
}

struct World {
    store: Arc<Shaky>,
    seen: Arc<Seen>,
    clinic: ClinicId,
    since: Instant,
    clock: TokioClock,
}

impl World {
    fn new() -> Self {
        let since = Instant::now();
        let clock = TokioClock(since, Arc::default());
        let memory = MemoryJobs::new(Arc::new(clock.clone()));
        let store = Shaky {
            memory,
            claims: AtomicU64::default(),
            claim_takes: AtomicU64::default(),
            no_claims: AtomicBool::default(),
            no_renewals: AtomicBool::default(),
            no_settling: AtomicU32::default(),
        };
        Self { store: Arc::new(store), seen: Arc::default(), clinic: ClinicId::random(), since, clock }
    }

    /// A worker on the queue of these tests, four jobs at a time.
    fn worker(&self) -> WorkerBuilder {
        Worker::builder(Arc::clone(&self.store) as _)
            .queue("mail", 4)
            .handler(Handles(Arc::clone(&self.seen), self.since))
            .lease(LEASE)
            .backoff(Duration::from_secs(8), Duration::from_secs(64))
    }

    async fn add(&self, does: Does) -> Uuid {
        self.add_with(does, 10).await
    }

    async fn add_with(&self, does: Does, tries: u32) -> Uuid {
        let job = NewJob::builder(self.clinic, &does).tries(tries).build().unwrap();
        let id = job.id();
        assert_eq!(self.store.enqueue(job).await.unwrap(), Enqueued::New);
        id
    }

    fn starts(&self) -> usize {
        self.seen.starts.lock().unwrap().len()
    }

    async fn count(&self) -> QueueCount {
        let mut counts = self.store.counts(&JobFilter::default().queue("mail")).await.unwrap();
        counts.pop().unwrap_or_default()
    }

    async fn dead(&self) -> Vec<DeadLetter> {
        self.store.dead_letters(&JobFilter::default(), None, 100).await.unwrap()
    }
}

/// A worker that runs.
struct Runner {
    shutdown: Shutdown,
    worker: JoinHandle<WorkerTally>,
}

impl Runner {
    fn start(worker: WorkerBuilder) -> Self {
        let shutdown = Shutdown::builder().stage("worker", Duration::from_secs(3_600)).build().unwrap();
        let stage = shutdown.stage("worker").unwrap();
        let (worker, guard) = (worker.build().unwrap().run(stage.token()), stage.enter("worker").unwrap());
        let worker = tokio::spawn(async move {
            let tally = worker.await;
            drop(guard);
            tally
        });
        Self { shutdown, worker }
    }

    async fn stop(self) -> WorkerTally {
        self.shutdown.begin();
        let drained = tokio::spawn(async move { self.shutdown.drain().await });
        let tally = self.worker.await.unwrap();
        drained.abort();
        tally
    }
}

async fn after(time: Duration) {
    tokio::time::sleep(time).await;
}

#[tokio::test(start_paused = true)]
async fn jobs_are_done_so_many_at_a_time_and_each_queue_for_itself() {
    let world = World::new();
    for _ in 0..20 {
        world.add(Does::Takes(Duration::from_secs(1))).await;
    }
    let quick = NewJob::raw(world.clinic, "report", Does::KIND, "\"Nothing\"").build().unwrap();
    world.store.enqueue(quick).await.unwrap();
    let runner = Runner::start(world.worker().queues([("report", 2)]));
    after(Duration::from_millis(100)).await;
    assert_eq!(world.starts(), 5, "the other queue waits for nobody");
    // Five rounds of four, each begun when the one before ended, and not at a poll.
    after(Duration::from_millis(4_950)).await;
    let tally = runner.stop().await;
    assert_eq!((tally.completed, world.starts()), (21, 21));
    assert_eq!(world.seen.most.load(SeqCst), 5, "four of one queue and one of the other");
    assert_eq!(world.count().await.done, 20);
}

#[tokio::test(start_paused = true)]
async fn a_failing_job_is_tried_again_later_each_time_until_it_is_dead() {
    let world = World::new();
    let id = world.add_with(Does::Fails, 4).await;
    let runner = Runner::start(world.worker());
    after(Duration::from_secs(200)).await;
    let tally = runner.stop().await;
    assert_eq!((tally.retried, tally.dead, tally.completed), (3, 1, 0));
    let starts = world.seen.starts.lock().unwrap().clone();
    let waits: Vec<f64> = starts.windows(2).map(|two| (two[1].1 - two[0].1).as_secs_f64()).collect();
    assert_eq!(waits.len(), 3);
    // From half of the wait to all of it, and then to the next look.
    for (wait, whole) in waits.iter().zip([8.0, 16.0, 32.0]) {
        assert!((whole / 2.0..=whole + 1.1).contains(wait), "{waits:?}");
    }
    let dead = world.dead().await;
    assert_eq!(
        (dead[0].id, dead[0].reason, dead[0].error_class.as_str()),
        (id, DeathReason::TriesUsed, "sample.away")
    );
}

#[tokio::test(start_paused = true)]
async fn a_handler_says_when_or_whether_to_try_again() {
    let world = World::new();
    world.add_with(Does::FailsFor(Duration::from_secs(3_000)), 2).await;
    let hopeless = world.add(Does::GivesUp).await;
    let runner = Runner::start(world.worker());
    after(Duration::from_secs(2_990)).await;
    assert_eq!(world.starts(), 2, "it said when");
    after(Duration::from_secs(20)).await;
    assert_eq!(world.starts(), 3);
    runner.stop().await;
    let dead = world.dead().await;
    let hopeless = dead.iter().find(|letter| letter.id == hopeless).unwrap();
    // A class that is no name is not repeated: it might say anything.
    assert_eq!(
        (hopeless.tries, hopeless.reason, hopeless.error_class.as_str()),
        (1, DeathReason::Fatal, "unnamed")
    );
}

#[tokio::test(start_paused = true)]
async fn a_panic_fails_its_job_and_no_other() {
    let world = World::new();
    world.add_with(Does::Panics, 2).await;
    world.add(Does::Takes(Duration::from_secs(5))).await;
    let runner = Runner::start(world.worker());
    after(Duration::from_secs(60)).await;
    world.add(Does::Nothing).await;
    after(Duration::from_secs(2)).await;
    let tally = runner.stop().await;
    assert_eq!((tally.completed, tally.retried, tally.dead), (2, 1, 1));
    assert_eq!(world.dead().await[0].error_class, "panic");
}

#[tokio::test(start_paused = true)]
async fn a_snoozing_job_uses_no_try() {
    let world = World::new();
    world.add_with(Does::Snoozes(Duration::from_secs(500)), 1).await;
    let runner = Runner::start(world.worker());
    after(Duration::from_secs(499)).await;
    assert_eq!((world.starts(), world.count().await.delayed), (1, 1));
    after(Duration::from_secs(3)).await;
    let tally = runner.stop().await;
    assert_eq!((tally.given_back, tally.completed), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_long_job_is_held_and_done_once() {
    let world = World::new();
    world.add(Does::Takes(20 * LEASE / 2)).await;
    let (one, other) = (Runner::start(world.worker()), Runner::start(world.worker()));
    after(11 * LEASE).await;
    let (one, other) = (one.stop().await, other.stop().await);
    assert_eq!((one.completed + other.completed, world.starts()), (1, 1), "two had it");
}

#[tokio::test(start_paused = true)]
async fn a_handler_whose_lease_is_lost_hears_of_it_and_settles_nothing() {
    let world = World::new();
    let heeding = world.add(Does::Heeds).await;
    let deaf = world.add(Does::Hangs).await;
    let runner = Runner::start(world.worker());
    after(Duration::from_secs(1)).await;
    // Its machine stood still for longer than the lease, and another worker has them by now.
    world.clock.1.fetch_add(LEASE.as_secs(), SeqCst);
    let theirs =
        world.store.memory.claim(&[Wanted { queue: "mail", limit: 9 }], 10 * LEASE).await.unwrap().jobs;
    assert_eq!(theirs.len(), 2);
    after(LEASE / 2).await;
    assert_eq!((world.seen.cancelled.load(SeqCst), world.seen.dropped.load(SeqCst)), (1, 1));
    for job in theirs {
        assert!([heeding, deaf].contains(&job.lease.id));
        world.store.complete(job.lease).await.expect("the late worker settled it");
    }
    let tally = runner.stop().await;
    assert_eq!((tally.lost, tally.completed), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_cannot_be_renewed_counts_as_lost_when_it_is_over() {
    let world = World::new();
    world.add(Does::Heeds).await;
    let runner = Runner::start(world.worker());
    after(Duration::from_secs(1)).await;
    world.store.no_renewals.store(true, SeqCst);
    world.store.no_claims.store(true, SeqCst);
    after(LEASE / 2).await;
    assert_eq!(world.seen.cancelled.load(SeqCst), 0, "it is still held");
    after(LEASE).await;
    assert_eq!(world.seen.cancelled.load(SeqCst), 1, "another may have it");
    assert_eq!(runner.stop().await.lost, 1);
}

#[tokio::test(start_paused = true)]
async fn a_database_that_is_back_after_long_is_noticed_within_a_minute() {
    let world = World::new();
    let hour = Duration::from_secs(3_600);
    world.store.no_claims.store(true, SeqCst);
    let runner = Runner::start(world.worker().backoff(Duration::from_secs(1), hour));
    after(6 * hour).await;
    world.store.no_claims.store(false, SeqCst);
    world.add(Does::Nothing).await;
    after(Duration::from_secs(62)).await;
    assert_eq!(runner.stop().await.completed, 1);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_cancelled_stops() {
    let world = World::new();
    let key = UniqueKey::new("reminder", Uuid::now_v7(), 1);
    let job = NewJob::builder(world.clinic, &Does::Heeds).once(key).build().unwrap();
    world.store.enqueue(job).await.unwrap();
    let runner = Runner::start(world.worker());
    after(Duration::from_secs(1)).await;
    assert!(world.store.cancel(world.clinic, "mail", key).await.unwrap());
    after(LEASE / 3).await;
    assert_eq!(world.seen.cancelled.load(SeqCst), 1, "it learns it at the next renewal");
    runner.stop().await;
    assert_eq!(world.count().await.cancelled, 1);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_lost_is_noticed_by_progress_at_once() {
    let world = World::new();
    world.add(Does::Progresses).await;
    let runner = Runner::start(world.worker());
    after(Duration::from_secs(1)).await;
    world.clock.1.fetch_add(LEASE.as_secs(), SeqCst);
    let theirs =
        world.store.memory.claim(&[Wanted { queue: "mail", limit: 1 }], 10 * LEASE).await.unwrap().jobs;
    // Its handler says how far it is after two seconds, long before the next renewal.
    after(Duration::from_secs(3)).await;
    assert_eq!(world.seen.dropped.load(SeqCst), 1);
    assert_eq!(runner.stop().await.lost, 1);
    world.store.complete(theirs[0].lease).await.expect("the late worker settled it");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_takes_too_long_is_dropped_and_tried_again() {
    let world = World::new();
    world.add_with(Does::Hangs, 2).await;
    let runner = Runner::start(world.worker().time_limit(5 * LEASE));
    after(5 * LEASE - Duration::from_secs(1)).await;
    assert_eq!((world.starts(), world.seen.dropped.load(SeqCst)), (1, 0));
    after(8 * LEASE).await;
    let tally = runner.stop().await;
    assert_eq!((world.seen.dropped.load(SeqCst), tally.retried, tally.dead), (2, 1, 1));
    assert_eq!(world.dead().await[0].error_class, "time.over");
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_not_known_here_is_given_back_ever_later_and_never_dies() {
    let world = World::new();
    let job = NewJob::raw(world.clinic, "mail", "of.tomorrow", "{}").tries(1).build().unwrap();
    world.store.enqueue(job).await.unwrap();
    let runner = Runner::start(world.worker());
    after(Duration::from_secs(1_000)).await;
    let tally = runner.stop().await;
    // Every minute or so in the end, and not once a second.
    assert!((10..40).contains(&tally.unknown), "{tally:?}");
    assert_eq!((tally.dead, tally.buried), (0, 0));
    assert_eq!(world.count().await.delayed, 1, "it waits for a worker that knows it");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_cannot_be_read_ends_among_the_dead_letters() {
    let world = World::new();
    let job = NewJob::raw(world.clinic, "mail", Does::KIND, "{\"Canary\"").tries(3).build().unwrap();
    world.store.enqueue(job).await.unwrap();
    let runner = Runner::start(world.worker());
    after(Duration::from_secs(100)).await;
    let tally = runner.stop().await;
    assert_eq!((tally.retried, tally.dead, world.starts()), (2, 1, 0));
    let dead = world.dead().await;
    assert_eq!((dead[0].tries, dead[0].error_class.as_str()), (3, "unreadable"));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_stops_finishes_what_it_can_and_gives_the_rest_back() {
    let world = World::new();
    world.add(Does::Takes(Duration::from_millis(5))).await;
    world.add(Does::Takes(Duration::from_secs(90))).await;
    world.add_with(Does::Hangs, 1).await;
    let runner = Runner::start(world.worker().drain(Duration::from_secs(100)));
    // All begun, none ended.
    while world.starts() < 3 {
        tokio::task::yield_now().await;
    }
    let waiting = world.add(Does::Nothing).await;
    runner.shutdown.begin();
    let shutdown = runner.shutdown.clone();
    let drain = tokio::spawn(async move { shutdown.drain().await });
    let (began, claims) = (Instant::now(), world.store.claims.load(SeqCst));
    let tally = runner.worker.await.unwrap();
    drain.abort();
    assert_eq!(world.store.claims.load(SeqCst), claims, "claimed after the stop");
    assert!(
        (Duration::from_secs(100)..Duration::from_secs(102)).contains(&began.elapsed()),
        "{:?}",
        began.elapsed()
    );
    // The second took three leases, which were renewed meanwhile.
    assert_eq!((tally.completed, tally.given_back, tally.lost), (2, 1, 0));
    assert_eq!(world.seen.dropped.load(SeqCst), 1, "the last was dropped");
    let again = world.store.memory.claim(&[Wanted { queue: "mail", limit: 9 }], LEASE).await.unwrap().jobs;
    assert_eq!(again.len(), 2);
    assert!(again.iter().all(|job| job.tries == 1), "giving back used a try: {again:?}");
    assert!(again.iter().any(|job| job.lease.id == waiting));
}

#[tokio::test(start_paused = true)]
async fn what_is_claimed_while_the_stop_comes_is_not_begun() {
    let world = World::new();
    world.add_with(Does::Nothing, 1).await;
    world.store.claim_takes.store(5, SeqCst);
    let runner = Runner::start(world.worker());
    after(Duration::from_secs(2)).await;
    let tally = runner.stop().await;
    assert_eq!((world.starts(), tally.given_back, tally.completed), (0, 1, 0));
    assert_eq!(world.count().await.due, 1, "it can start elsewhere at once");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_in_a_hurry_gives_everything_back_at_once() {
    let world = World::new();
    world.add(Does::Hangs).await;
    let shutdown = Shutdown::builder().stage("worker", Duration::from_secs(2)).build().unwrap();
    let stage = shutdown.stage("worker").unwrap();
    let worker = world.worker().drain(Duration::from_secs(1_000)).build().unwrap();
    let running = tokio::spawn(worker.run(stage.token()));
    // Somebody the stage waits for.
    let guard = stage.enter("worker").unwrap();
    while world.starts() < 1 {
        tokio::task::yield_now().await;
    }
    shutdown.begin();
    let drain = tokio::spawn(async move { shutdown.drain().await });
    let tally = running.await.unwrap();
    drop(guard);
    drain.await.unwrap();
    assert_eq!(tally.given_back, 1);
    assert_eq!(world.count().await.due, 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_is_asked_again_and_ever_less() {
    let world = World::new();
    world.add(Does::Nothing).await;
    world.store.no_settling.store(2, SeqCst);
    let worker = world.worker();
    let runner = Runner::start(worker);
    after(Duration::from_secs(10)).await;
    assert_eq!((world.starts(), world.count().await.done), (1, 1), "it was done and settled late");
    world.store.no_claims.store(true, SeqCst);
    let claims = world.store.claims.load(SeqCst);
    after(Duration::from_secs(1_000)).await;
    let asked = world.store.claims.load(SeqCst) - claims;
    assert!((10..40).contains(&asked), "{asked} claims of a store that is down");
    world.store.no_claims.store(false, SeqCst);
    world.add(Does::Nothing).await;
    after(Duration::from_secs(70)).await;
    // What can never be settled starts again.
    world.store.no_settling.store(4, SeqCst);
    world.add(Does::Nothing).await;
    after(2 * LEASE).await;
    let tally = runner.stop().await;
    assert_eq!((tally.completed, tally.unsettled), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn a_signal_is_quicker_than_the_next_look_and_an_idle_worker_looks_once_an_interval() {
    let (world, wake) = (World::new(), Wake::new());
    let worker = world.worker().poll(Duration::from_secs(50)).wake(&wake);
    let runner = Runner::start(worker);
    after(Duration::from_secs(501)).await;
    assert_eq!(world.store.claims.load(SeqCst), 11);
    world.add(Does::Nothing).await;
    wake.signal();
    after(Duration::from_millis(1)).await;
    assert_eq!(world.starts(), 1);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_dropped_stops_its_handlers() {
    let world = World::new();
    world.add(Does::Hangs).await;
    let runner = Runner::start(world.worker());
    after(Duration::from_secs(1)).await;
    runner.worker.abort();
    after(Duration::from_secs(1)).await;
    assert_eq!(world.seen.dropped.load(SeqCst), 1);
    after(LEASE).await;
    let again = world.store.memory.claim(&[Wanted { queue: "mail", limit: 9 }], LEASE).await.unwrap().jobs;
    assert_eq!((again.len(), again[0].tries), (1, 2), "it starts again when its lease is over");
}

#[tokio::test(start_paused = true)]
async fn the_status_says_how_the_worker_does() {
    let world = World::new();
    world.add(Does::Takes(Duration::from_secs(5))).await;
    let worker = world.worker().clock(Arc::new(world.clock.clone())).build().unwrap();
    let status = worker.status();
    assert_eq!(status.looked_at(), None);
    let shutdown = Shutdown::builder().stage("worker", Duration::from_secs(60)).build().unwrap();
    let running = tokio::spawn(worker.run(shutdown.stage("worker").unwrap().token()));
    after(Duration::from_secs(3)).await;
    assert_eq!((status.running(), status.failures()), (1, 0));
    assert!(status.looked_at().unwrap() >= Timestamp::UNIX_EPOCH + SignedDuration::from_secs(2));
    world.store.no_claims.store(true, SeqCst);
    after(Duration::from_secs(30)).await;
    assert!(status.failures() >= 2);
    assert_eq!((status.running(), status.tally().completed), (0, 1));
    running.abort();
}

#[test]
fn what_cannot_work_is_refused() {
    let store = || Worker::builder(Arc::new(MemoryJobs::default()));
    let refused = |worker: WorkerBuilder| worker.build().map(drop).unwrap_err();
    assert!(matches!(refused(store()), WorkerConfigError::Queues { .. }));
    assert!(matches!(refused(store().queue("Mail", 1)), WorkerConfigError::Queues { .. }));
    assert!(matches!(refused(store().queue("mail", 1).queue("mail", 1)), WorkerConfigError::Queues { .. }));
    for most in [0, 1_001] {
        assert!(matches!(refused(store().queue("mail", most)), WorkerConfigError::Concurrency { .. }));
    }
    let mail = || store().queue("mail", 1);
    let handler = || Handles(Arc::default(), Instant::now());
    assert!(matches!(
        refused(mail().handler(handler()).handler(handler())),
        WorkerConfigError::Kind { kind: "does" }
    ));
    assert!(matches!(refused(mail().lease(Duration::from_millis(999))), WorkerConfigError::Lease { .. }));
    assert!(matches!(refused(mail().lease(Duration::MAX)), WorkerConfigError::Lease { .. }));
    assert!(matches!(refused(mail().poll(Duration::ZERO)), WorkerConfigError::Poll { .. }));
    assert!(matches!(refused(mail().backoff(Duration::ZERO, LEASE)), WorkerConfigError::Backoff));
    assert!(matches!(refused(mail().backoff(2 * LEASE, LEASE)), WorkerConfigError::Backoff));
    assert!(matches!(refused(mail().backoff(LEASE, Duration::MAX)), WorkerConfigError::Backoff));
    assert!(matches!(refused(mail().time_limit(Duration::ZERO)), WorkerConfigError::TimeLimit));
}
