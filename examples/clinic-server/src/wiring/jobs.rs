//! The jobs of the server: where they are kept, and the worker that does them.

use super::{Server, StartError};
use crate::{
    App,
    jobs::{Jobs, QUEUES, kinds, measure},
};
use healthcare_core::{Clock, System, Vault};
use healthcare_db::Database;
use healthcare_messaging::{SqlJobs, WorkerBuilder, WorkerStatus};
use healthcare_resilience::{HealthBuilder, Unhealthy};
use jiff::{SignedDuration, Timestamp};
use std::{sync::Arc, time::Duration};

/// How long what runs may go on after the stop. What is not done then is given back, and starts again elsewhere.
const DRAIN: Duration = Duration::from_secs(10);
/// What the stage is given: the drain, and time to give back what was cut short.
pub(super) const STAGE: Duration = Duration::from_secs(15);
/// How long ago a worker with room may have looked.
const SILENCE_MAX: SignedDuration = SignedDuration::from_secs(90);

/// Jobs in the server's database: added by the application's login, worked off by the relay's.
pub(super) fn jobs(
    (application, relay): (&Database, &Database),
    vault: &Arc<Vault>,
    system: &System,
    clock: &Arc<dyn Clock>,
) -> Jobs {
    let store = SqlJobs::new(application.clone(), relay.clone(), Arc::clone(vault), system.clone());
    Jobs::new(Arc::new(store.clock(Arc::clone(clock))))
}

/// Runs a worker as a stage of the server's shutdown. `more` adds what the server does not know itself.
pub(crate) fn start_worker(
    server: &Server,
    more: impl FnOnce(WorkerBuilder, &Arc<App>) -> WorkerBuilder,
) -> Result<(), StartError> {
    let app = &server.app;
    let worker = app.jobs.worker_on().clock(Arc::clone(&app.clock)).queues(QUEUES).drain(DRAIN);
    let worker = more(kinds(worker, app), app).build().map_err(|error| StartError::Wiring(error.into()))?;
    app.jobs.watch(worker.status());
    let stage = server.shutdown.stage("worker").map_err(|error| StartError::Wiring(error.into()))?;
    let (work, counting) =
        (worker.run(stage.token()), measure(app.jobs.clone(), Arc::clone(&app.clock), stage.token()));
    drop(stage.spawn("measure", counting).map_err(|error| StartError::Wiring(error.into()))?);
    drop(stage.spawn("worker", work).map_err(|error| StartError::Wiring(error.into()))?);
    Ok(())
}

/// Adds a check of the worker, where one runs. No request waits for it, and what it does not do is not lost.
pub(super) fn watched(builder: HealthBuilder, jobs: &Jobs, clock: &Arc<dyn Clock>) -> HealthBuilder {
    let (jobs, clock) = (jobs.clone(), Arc::clone(clock));
    builder.optional("worker", Duration::from_secs(1), move || {
        let works = jobs.worker().map_or(Ok(()), |status| works(status, clock.now()));
        async move { works }
    })
}

fn works(status: &WorkerStatus, now: Timestamp) -> Result<(), Unhealthy> {
    let most: u32 = QUEUES.iter().map(|(_, most)| most).sum();
    looks(status.looked_at(), status.failures(), status.running() < most, now)
}

fn looks(
    looked_at: Option<Timestamp>,
    failures: u32,
    has_room: bool,
    now: Timestamp,
) -> Result<(), Unhealthy> {
    match looked_at {
        None if failures > 0 => Err(Unhealthy::because("cannot claim jobs")),
        // Without room it does not look.
        Some(at) if now.duration_since(at) > SILENCE_MAX && has_room => {
            Err(Unhealthy::because("has stalled"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_well_while_it_looks_or_has_no_room() {
        let looked = Timestamp::UNIX_EPOCH;
        let late = looked + SILENCE_MAX + SignedDuration::from_secs(1);
        assert_eq!(looks(None, 0, true, late), Ok(()), "it has not begun");
        assert_eq!(looks(None, 1, true, looked), Err(Unhealthy::because("cannot claim jobs")));
        assert_eq!(looks(Some(looked), 1, true, looked + SILENCE_MAX), Ok(()), "once or twice is no matter");
        assert_eq!(looks(Some(looked), 0, true, late), Err(Unhealthy::because("has stalled")));
        assert_eq!(looks(Some(looked), 0, false, late), Ok(()), "it is busy everywhere");
    }
}
