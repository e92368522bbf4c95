//! What `/metrics` says of queues and of this process's worker.

use super::Jobs;
use healthcare_messaging::{JobError, JobFilter, QueueCount, WorkerStatus};
use healthcare_resilience::Token;
use jiff::Timestamp;
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// How often the queues are counted: each time reads as many rows as there are jobs.
const EVERY: Duration = Duration::from_secs(60);

/// Counts the queues of all clinics until it is told to stop. Labels are names of queues and states, and nothing of a clinic.
pub(crate) async fn measure(jobs: Jobs, clock: Arc<dyn healthcare_core::Clock>, token: Token) {
    let mut turns = tokio::time::interval(EVERY);
    turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut known = BTreeSet::new();
    loop {
        tokio::select! {
            () = token.until_stopping() => return,
            _ = turns.tick() => {}
        }
        if let Err(error) = counted(&jobs, clock.now(), &mut known).await {
            tracing::warn!(%error, "the queues could not be counted");
        }
        if let Some(worker) = jobs.worker() {
            tallied(worker);
        }
    }
}

/// A queue that was counted once and is empty now is counted as empty: what a gauge said last would stand for ever.
async fn counted(jobs: &Jobs, now: Timestamp, known: &mut BTreeSet<String>) -> Result<(), JobError> {
    let counts = jobs.store().counts(&JobFilter::default()).await?;
    let gone = known.iter().filter(|queue| counts.iter().all(|count| count.queue != **queue));
    gone.for_each(|queue| told(&QueueCount::of(queue.as_str()), now));
    for count in counts {
        told(&count, now);
        known.insert(count.queue);
    }
    Ok(())
}

fn told(count: &QueueCount, now: Timestamp) {
    let states = [
        ("due", count.due),
        ("delayed", count.delayed),
        ("running", count.running),
        ("done", count.done),
        ("cancelled", count.cancelled),
        ("dead", count.dead),
    ];
    for (state, number) in states {
        #[allow(clippy::cast_precision_loss, reason = "a gauge")]
        metrics::gauge!("jobs", "queue" => count.queue.clone(), "state" => state).set(number as f64);
    }
    let waits = count.first_due_at.map_or(0.0, |first| now.duration_since(first).as_secs_f64().max(0.0));
    metrics::gauge!("jobs_oldest_due_seconds", "queue" => count.queue.clone()).set(waits);
}

fn tallied(worker: &WorkerStatus) {
    metrics::gauge!("worker_jobs_in_flight").set(worker.running());
    let tally = worker.tally();
    let ends = [
        ("completed", tally.completed),
        ("retried", tally.retried),
        ("dead", tally.dead),
        ("buried", tally.buried),
        ("given_back", tally.given_back),
        ("unknown", tally.unknown),
        ("lost", tally.lost),
        ("unsettled", tally.unsettled),
    ];
    for (end, number) in ends {
        metrics::counter!("worker_jobs_total", "end" => end).absolute(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use healthcare_core::{ClinicId, ManualClock};
    use healthcare_messaging::{Finished, MemoryJobs, NewJob, Wanted};
    use metrics_exporter_prometheus::PrometheusBuilder;

    #[tokio::test]
    async fn what_waits_is_told_with_its_age_and_a_queue_that_is_empty_again_as_empty() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        let _guard = metrics::set_default_local_recorder(&recorder);
        let clock = Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH));
        let jobs = Jobs::new(Arc::new(MemoryJobs::new(Arc::clone(&clock) as _)));
        let mut known = BTreeSet::new();
        let mut told = async || {
            let now = healthcare_core::Clock::now(&*clock);
            counted(&jobs, now, &mut known).await.unwrap();
            handle.render()
        };
        let job = NewJob::raw(ClinicId::random(), "q", "test.kind", "{}").build().unwrap();
        jobs.enqueue(job).await.unwrap();
        clock.advance(Duration::from_secs(30));
        let text = told().await;
        assert!(text.contains("jobs{queue=\"q\",state=\"due\"} 1"), "{text}");
        assert!(text.contains("jobs_oldest_due_seconds{queue=\"q\"} 30"), "{text}");

        let wanted = [Wanted { queue: "q", limit: 1 }];
        let claimed = jobs.store().claim(&wanted, Duration::from_secs(60)).await.unwrap();
        jobs.store().complete(claimed.jobs[0].lease).await.unwrap();
        let text = told().await;
        assert!(text.contains("state=\"done\"} 1") && text.contains("seconds{queue=\"q\"} 0"), "{text}");
        clock.advance(Duration::from_secs(60));
        assert_eq!(jobs.store().purge(Finished::Done, Duration::from_secs(1), 10).await.unwrap(), 1);
        let text = told().await;
        assert!(text.contains("jobs{queue=\"q\",state=\"done\"} 0"), "{text}");
    }
}
