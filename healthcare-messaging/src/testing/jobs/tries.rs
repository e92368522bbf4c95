//! What becomes of a job that was begun.

use super::{JobRig, LEASE, MAIL, SOON, add, claim, new, none, one};
use crate::{DeathReason, Fate, JobFilter, Wanted};
use std::time::Duration;

pub(super) async fn a_done_job_never_starts_again(rig: &impl JobRig) {
    add(rig, new(rig, MAIL)).await;
    rig.jobs().complete(one(rig).await.lease).await.unwrap();
    rig.advance(100 * LEASE).await;
    none(rig, "it is done").await;
}

pub(super) async fn a_failed_job_waits_and_counts(rig: &impl JobRig) {
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

/// What must not be begun twice unawares is written down before it is begun.
pub(super) async fn what_a_start_said_is_known_at_the_next(rig: &impl JobRig) {
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

pub(super) async fn every_start_is_a_try_even_one_without_an_end(rig: &impl JobRig) {
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

pub(super) async fn giving_back_uses_no_try(rig: &impl JobRig) {
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
pub(super) async fn a_failing_job_lets_others_pass(rig: &impl JobRig) {
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
