//! What was kept for a while and is forgotten: answers under idempotency keys, delivered outbox entries, jobs and sign-ins that ended.

use super::StartError;
use crate::Jobs;
use healthcare_core::{AccessError, ClinicId, Clock, InvalidRole, OutboxError, Role, System};
use healthcare_db::{SqlOutbox, SqlScopeKeys, SqlStore};
use healthcare_messaging::{Finished, JobError};
use healthcare_rbac::session::SessionStore;
use healthcare_resilience::Token;
use jiff::{SignedDuration, Timestamp};
use std::{fmt, sync::Arc, time::Duration};

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(600);
/// How long an answer is kept for a request that comes again.
const REPLIES: SignedDuration = SignedDuration::from_hours(24);
/// How long a delivered entry is kept, for whoever looks into what went wrong.
const DELIVERED: SignedDuration = SignedDuration::from_hours(24 * 7);
/// How long a job is kept after its end, and with it the key under which it is done once: longer than an event may come again.
const ENDED_JOBS: Duration = Duration::from_secs(14 * 86_400);
/// How long a dead letter waits for somebody to look at it.
const DEAD_LETTERS: Duration = Duration::from_secs(90 * 86_400);
/// How long a sign-in that ended is kept.
const SESSIONS: SignedDuration = SignedDuration::from_hours(24 * 30);
/// The most rows forgotten at a time, so that nobody waits long for a lock.
const AT_A_TIME: u32 = 1000;
const CLINICS_MAX: u32 = 10_000;

/// Forgets, every ten minutes, what has been kept long enough.
pub struct Housekeeping {
    store: Arc<SqlStore>,
    outbox: Arc<SqlOutbox>,
    jobs: Jobs,
    sessions: Arc<dyn SessionStore>,
    scopes: Arc<SqlScopeKeys>,
    system: System,
    clock: Arc<dyn Clock>,
    role: Role,
}

impl fmt::Debug for Housekeeping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Housekeeping")
    }
}

impl Housekeeping {
    pub(super) fn of(
        (store, outbox, scopes): (Arc<SqlStore>, Arc<SqlOutbox>, Arc<SqlScopeKeys>),
        jobs: &Jobs,
        sessions: Arc<dyn SessionStore>,
        (system, clock): (&System, &Arc<dyn Clock>),
    ) -> Result<Self, StartError> {
        let role = "RELAY".parse().map_err(|error: InvalidRole| StartError::Wiring(error.into()))?;
        let (jobs, system, clock) = (jobs.clone(), system.clone(), Arc::clone(clock));
        Ok(Self { store, outbox, jobs, sessions, scopes, system, clock, role })
    }

    /// Works until it is told to stop.
    pub async fn run(self, token: Token) {
        let mut turns = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                () = token.until_stopping() => return,
                _ = turns.tick() => self.turn().await,
            }
        }
    }

    /// One turn. What fails is tried again at the next.
    pub async fn turn(&self) {
        let now = self.clock.now();
        let before = |kept: SignedDuration| now.checked_sub(kept).unwrap_or(Timestamp::MIN);
        if let Err(error) = self.delivered(before(DELIVERED)).await {
            tracing::warn!(%error, "delivered outbox entries could not be forgotten");
        }
        if let Err(error) = self.sessions.purge(before(SESSIONS), AT_A_TIME).await {
            tracing::warn!(%error, "ended sign-ins could not be forgotten");
        }
        if let Err(error) = self.ended_jobs().await {
            tracing::warn!(%error, "jobs that ended could not be forgotten");
        }
        let clinics = self.scopes.clinics(CLINICS_MAX).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the clinics could not be listed");
            Vec::new()
        });
        for clinic in clinics {
            if let Err(error) = self.replies(clinic, before(REPLIES)).await {
                tracing::warn!(%error, "kept answers could not be forgotten");
            }
        }
    }

    async fn delivered(&self, before: Timestamp) -> Result<(), OutboxError> {
        while self.outbox.purge(before, AT_A_TIME).await? == u64::from(AT_A_TIME) {}
        Ok(())
    }

    async fn ended_jobs(&self) -> Result<(), JobError> {
        let kept =
            [(Finished::Done, ENDED_JOBS), (Finished::Cancelled, ENDED_JOBS), (Finished::Dead, DEAD_LETTERS)];
        for (ended, age) in kept {
            while self.jobs.store().purge(ended, age, AT_A_TIME).await? == u64::from(AT_A_TIME) {}
        }
        Ok(())
    }

    async fn replies(&self, clinic: ClinicId, before: Timestamp) -> Result<(), AccessError> {
        let context = self.system.job("forget-replies", self.role.clone(), clinic);
        while self.store.forget_replies(&context, before, AT_A_TIME).await? == u64::from(AT_A_TIME) {}
        Ok(())
    }
}
