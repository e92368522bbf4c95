//! What is shown of jobs, and for how long they are kept.

use super::{JobRig, LEASE, MAIL, REPORT, add, claim, counted, holds_nothing, new, none, one};
use crate::{Enqueued, Fate, Finished, JobFilter, JobState, NewJob, UniqueKey};
use uuid::Uuid;

pub(super) async fn dead_letters_are_listed_and_revived(rig: &impl JobRig) {
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

pub(super) async fn a_cancelled_job_ends_where_it_is(rig: &impl JobRig) {
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

pub(super) async fn jobs_are_counted_by_queue_and_state(rig: &impl JobRig) {
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

pub(super) async fn jobs_are_listed_by_state_newest_first(rig: &impl JobRig) {
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

pub(super) async fn what_ended_is_forgotten_when_it_is_old(rig: &impl JobRig) {
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
