use super::{clinic::Clinic, server::MemoryServer};
use crate::{
    Mark, ScopeMark,
    shared::{
        error::SharedError,
        limits::{self, SharedLimits},
        tier::{Listener, SharedTier},
        types::{
            Fetched, Filled, Forget, Lease, LeaseToken, Leased, NewEntry, Seen, SharedBar, Sought, Verb,
            Verdict,
        },
    },
};
use async_trait::async_trait;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// A node of a shared tier that is a [`MemoryServer`] of this process: for tests of several nodes, and as the reference.
/// Its clones are the same node. It keeps at most 65,536 values a clinic; clinics it keeps for ever.
#[derive(Debug, Clone)]
pub struct MemoryShared {
    server: MemoryServer,
    generation: Arc<AtomicU64>,
}

impl MemoryShared {
    pub(super) fn new(server: MemoryServer) -> Self {
        Self { server, generation: Arc::default() }
    }

    fn known(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn learn(&self, generation: u64) -> u64 {
        self.generation.fetch_max(generation, Ordering::AcqRel).max(generation)
    }

    /// Runs `with` on a clinic, and hears of its generation.
    fn at<O>(&self, scope: ScopeMark, with: impl FnOnce(&mut Clinic, Duration) -> O) -> O {
        let (out, seen) = self.server.at(scope, self.known(), |clinic, now| {
            let out = with(clinic, now);
            (out, clinic.seen())
        });
        self.learn(seen.generation);
        out
    }

    /// The same, and tells the notice before anyone else is let in.
    fn tell<O>(
        &self,
        scope: ScopeMark,
        notice: &[u8],
        with: impl FnOnce(&mut Clinic, Duration, &SharedLimits) -> O,
    ) -> (O, Seen) {
        self.at(scope, |clinic, now| {
            let out = with(clinic, now, self.server.limits());
            self.server.tell(notice);
            (out, clinic.seen())
        })
    }
}

#[async_trait]
impl SharedTier for MemoryShared {
    async fn fetch_many(&self, scope: ScopeMark, sought: &[Sought<'_>]) -> Result<Vec<Fetched>, SharedError> {
        limits::named(sought.len())?;
        Ok(self.at(scope, |clinic, now| sought.iter().map(|sought| clinic.fetch(sought.key, now)).collect()))
    }

    async fn fetch_or_lease(
        &self,
        scope: ScopeMark,
        sought: Sought<'_>,
        lease: Lease,
    ) -> Result<Leased, SharedError> {
        let times = (Duration::from_millis(SharedLimits::lease_ms(lease.longest)), lease.renew);
        Ok(self.at(scope, |clinic, now| clinic.fetch_or_lease(sought.key, lease.token, times, now)))
    }

    async fn release(&self, scope: ScopeMark, key: Mark, token: LeaseToken) -> Result<(), SharedError> {
        self.at(scope, |clinic, _| clinic.release(key, token));
        Ok(())
    }

    async fn fill(&self, scope: ScopeMark, entry: NewEntry<'_>) -> Result<Filled, SharedError> {
        limits::entry_marks(entry.marks.len())?;
        let life = match self.server.limits().takes(&entry) {
            Ok(life_ms) => Duration::from_millis(life_ms),
            Err(refused) => {
                if let Some(token) = entry.lease {
                    self.release(scope, entry.key, token).await?;
                }
                return Ok(refused);
            }
        };
        Ok(self.at(scope, |clinic, now| clinic.fill(&entry, life, now)))
    }

    async fn check(&self, scope: ScopeMark, marks: &[Mark], seen: Seen) -> Result<Verdict, SharedError> {
        limits::named(marks.len())?;
        Ok(self.at(scope, |clinic, _| clinic.judge(marks.iter().copied(), seen)))
    }

    async fn forget(&self, scope: ScopeMark, forget: Forget<'_>, notice: &[u8]) -> Result<Seen, SharedError> {
        limits::named(forget.marks.len() + forget.keys.len())?;
        limits::notice(notice)?;
        Ok(self.tell(scope, notice, |clinic, _, limits| clinic.forget(forget, limits)).1)
    }

    async fn forget_clinic(&self, scope: ScopeMark, verb: Verb, notice: &[u8]) -> Result<Seen, SharedError> {
        limits::notice(notice)?;
        Ok(self.tell(scope, notice, |clinic, _, _| clinic.forget_whole(verb)).1)
    }

    async fn purge_all(&self, notice: &[u8]) -> Result<u64, SharedError> {
        limits::notice(notice)?;
        let generation = self.server.next_generation();
        if !notice.is_empty() {
            self.server.tell(&[notice, &generation.to_be_bytes()].concat());
        }
        Ok(self.learn(generation))
    }

    async fn generation(&self) -> Result<u64, SharedError> {
        Ok(self.learn(self.server.generation()))
    }

    fn hear(&self, generation: u64) {
        if generation <= SharedLimits::GENERATION_MAX {
            self.learn(generation);
        }
    }

    async fn bar(
        &self,
        scope: ScopeMark,
        marks: &[Mark],
        longest: Duration,
        notice: &[u8],
    ) -> Result<SharedBar, SharedError> {
        limits::entry_marks(marks.len())?;
        limits::notice(notice)?;
        let length = Duration::from_millis(self.server.limits().bar_ms(longest)?);
        let token = fastrand::u128(..).to_be_bytes();
        self.tell(scope, notice, |clinic, now, limits| clinic.bar(marks, token, now + length, limits));
        Ok(SharedBar::new(scope, marks.to_vec(), token))
    }

    async fn lift(&self, bar: &SharedBar, notice: &[u8]) -> Result<Seen, SharedError> {
        limits::entry_marks(bar.marks.len())?;
        limits::notice(notice)?;
        let SharedBar { scope, marks, token } = bar;
        Ok(self.tell(*scope, notice, |clinic, now, limits| clinic.lift(marks, token, now, limits)).1)
    }

    async fn say(&self, notice: &[u8]) -> Result<(), SharedError> {
        limits::notice(notice)?;
        self.server.tell(notice);
        Ok(())
    }

    async fn listen(&self) -> Result<Box<dyn Listener>, SharedError> {
        Ok(Box::new(self.server.listen()))
    }
}
