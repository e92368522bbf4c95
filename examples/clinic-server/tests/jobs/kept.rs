//! How long jobs are kept after their end.

use super::{
    common::Site,
    worker::{counted_in, harbour},
};
use clinic_server::wiring::{Process, wire_with};
use healthcare_core::ManualClock;
use healthcare_messaging::{NewJob, UniqueKey, Wanted};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

const QUEUE: &str = "kept-queue";
const HOUR: Duration = Duration::from_secs(3_600);

/// On SQLite, whose jobs go by the server's clock. PostgreSQL keeps to its own, which no test moves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_that_ended_are_kept_for_their_time_and_others_for_good() {
    let site = Site::sqlite();
    site.start().await.stop().await;
    let clock = Arc::new(ManualClock::at(jiff::Timestamp::now()));
    let server = wire_with(&site.config, Process::All, Arc::clone(&clock) as _).await;
    let server = server.unwrap_or_else(|error| panic!("{error}"));
    let (store, key) = (server.app.jobs.store(), UniqueKey::new("test.key", Uuid::now_v7(), 1));
    let job = || NewJob::raw(harbour(), QUEUE, "test.kind", "{}");
    for job in [job(), job(), job().after(400 * 24 * HOUR), job().after(HOUR).once(key)] {
        store.enqueue(job.build().unwrap()).await.unwrap();
    }
    let held = store.claim(&[Wanted { queue: QUEUE, limit: 10 }], HOUR).await.unwrap().jobs;
    store.complete(held[0].lease).await.unwrap();
    store.fail(held[1].lease, "test.class", None).await.unwrap();
    assert!(store.cancel(harbour(), QUEUE, key).await.unwrap());

    let housekeeping = server.housekeeping.as_ref().unwrap();
    let kept = async || {
        housekeeping.turn().await;
        let count = counted_in(&server, QUEUE).await;
        (count.done, count.cancelled, count.dead, count.delayed)
    };
    clock.advance(14 * 24 * HOUR);
    assert_eq!(kept().await, (1, 1, 1, 1));
    clock.advance(HOUR);
    assert_eq!(kept().await, (0, 0, 1, 1));
    clock.advance(76 * 24 * HOUR - HOUR);
    assert_eq!(kept().await, (0, 0, 1, 1));
    clock.advance(HOUR);
    assert_eq!(kept().await, (0, 0, 0, 1), "what has not ended is not forgotten");
}
