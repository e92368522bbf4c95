//! Who has a job, and for how long.

use super::{JobRig, LEASE, MAIL, REPORT, SOON, add, claim, counted, holds_nothing, new, none, one};
use crate::{Fate, JobFilter, JobLease, NewJob, Wanted};
use futures_util::future::join_all;
use std::{
    collections::HashSet,
    pin::pin,
    task::{Context, Waker},
    time::Duration,
};
use uuid::Uuid;

pub(super) async fn an_empty_store_has_nothing(rig: &impl JobRig) {
    none(rig, "there is nothing").await;
    assert_eq!(rig.jobs().enqueue_all(Vec::new()).await.unwrap(), []);
    assert_eq!(rig.jobs().claim(&[], LEASE).await.unwrap().jobs, []);
    assert_eq!(rig.jobs().counts(&JobFilter::default()).await.unwrap(), []);
    assert_eq!(rig.jobs().dead_letters(&JobFilter::default(), None, 10).await.unwrap(), []);
    let nobody = JobLease { id: Uuid::now_v7(), token: 1 };
    holds_nothing(rig, nobody, "no such job").await;
}

pub(super) async fn a_job_is_claimed_by_its_queue_with_what_it_carries(rig: &impl JobRig) {
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

pub(super) async fn a_job_starts_when_it_is_due(rig: &impl JobRig) {
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

pub(super) async fn an_abandoned_job_starts_again_when_its_lease_is_over(rig: &impl JobRig) {
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

pub(super) async fn a_renewed_lease_lasts_from_its_renewal(rig: &impl JobRig) {
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
pub(super) async fn a_late_worker_changes_nothing(rig: &impl JobRig) {
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

pub(super) async fn whoever_settled_holds_nothing(rig: &impl JobRig) {
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

pub(super) async fn no_job_is_claimed_by_two(rig: &impl JobRig) {
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

pub(super) async fn dropped_futures_lose_nothing(rig: &impl JobRig) {
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
