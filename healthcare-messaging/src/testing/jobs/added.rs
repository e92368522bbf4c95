//! What is taken in.

use super::{JobRig, LEASE, MAIL, REPORT, add, claim, new, none, one};
use crate::{Enqueued, Finished, JobError, JobFilter, NewJob, UniqueKey, Wanted};
use std::time::Duration;
use uuid::Uuid;

pub(super) async fn a_key_is_used_once(rig: &impl JobRig) {
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

pub(super) async fn a_batch_is_whole_and_bounded(rig: &impl JobRig) {
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

pub(super) async fn what_is_out_of_range_is_refused(rig: &impl JobRig) {
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
