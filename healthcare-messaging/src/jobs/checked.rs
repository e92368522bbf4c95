//! What every store checks alike: nothing out of range reaches one.

use super::{
    JobError, NewJob, Wanted,
    config::{BATCH_MAX, DELAY_MAX, LEASE_MAX, LEASE_MIN, is_name},
};
use std::time::Duration;

const CLASS: &str = "an error class is a name: 1 to 63 lower-case letters, digits, `.`, `_` and `-`";

/// All jobs of a batch are committed together, so they are one clinic's.
pub(crate) fn batch(jobs: &[NewJob]) -> Result<(), JobError> {
    if jobs.len() > BATCH_MAX {
        return Err(JobError::Refused("a batch has at most 1,000 jobs"));
    }
    let mut clinics = jobs.iter().map(|job| job.clinic);
    let first = clinics.next();
    if clinics.any(|clinic| Some(clinic) != first) {
        return Err(JobError::Refused("the jobs of a batch belong to one clinic"));
    }
    Ok(())
}

pub(crate) fn wanted(wanted: &[Wanted]) -> Result<(), JobError> {
    let all = wanted.iter().try_fold(0_usize, |all, wanted| {
        is_name(wanted.queue).then_some(all.saturating_add(wanted.limit as usize))
    });
    match all {
        None => Err(JobError::Refused("a queue has a plain name")),
        Some(all) if all > BATCH_MAX => Err(JobError::Refused("at most 1,000 jobs are claimed at once")),
        Some(_) => Ok(()),
    }
}

pub(crate) fn lease(lease: Duration) -> Result<(), JobError> {
    if (LEASE_MIN..=LEASE_MAX).contains(&lease) {
        Ok(())
    } else {
        Err(JobError::Refused("a lease is 1 second to 1 hour"))
    }
}

pub(crate) fn delay(delay: Duration) -> Result<(), JobError> {
    if delay <= DELAY_MAX { Ok(()) } else { Err(JobError::Refused("a wait is 1,000 days at most")) }
}

pub(crate) fn class(class: &str) -> Result<(), JobError> {
    if is_name(class) { Ok(()) } else { Err(JobError::Refused(CLASS)) }
}

pub(crate) fn percent(percent: u8) -> Result<(), JobError> {
    if percent <= 100 { Ok(()) } else { Err(JobError::Refused("progress is 0 to 100 per cent")) }
}

pub(crate) fn limit(limit: u32) -> Result<(), JobError> {
    if limit as usize <= BATCH_MAX { Ok(()) } else { Err(JobError::Refused("the limit is 1,000 at most")) }
}
