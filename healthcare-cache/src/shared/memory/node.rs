use super::server::MemoryServer;
use crate::{
    Mark, ScopeMark,
    shared::{
        error::SharedError,
        limits,
        tier::SharedTier,
        types::{Fetched, Filled, Forget, NewEntry, Seen, SharedBar, Verb, Verdict},
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

    fn hear(&self, generation: u64) -> u64 {
        self.generation.fetch_max(generation, Ordering::AcqRel).max(generation)
    }

    /// Runs `with` on a clinic, and hears of its generation.
    fn at<O>(&self, scope: ScopeMark, with: impl FnOnce(&mut super::clinic::Clinic, Duration) -> O) -> O {
        let (out, seen) = self.server.at(scope, self.known(), |clinic, now| {
            let out = with(clinic, now);
            (out, clinic.seen())
        });
        self.hear(seen.generation);
        out
    }
}

#[async_trait]
impl SharedTier for MemoryShared {
    async fn fetch_many(&self, scope: ScopeMark, keys: &[Mark]) -> Result<Vec<Fetched>, SharedError> {
        limits::named(keys.len())?;
        Ok(self.at(scope, |clinic, now| keys.iter().map(|key| clinic.fetch(*key, now)).collect()))
    }

    async fn fill(&self, scope: ScopeMark, entry: NewEntry<'_>) -> Result<Filled, SharedError> {
        limits::entry_marks(entry.marks.len())?;
        if entry.bytes.len() > self.server.limits().value_max {
            return Ok(Filled::TooLarge);
        }
        let life = Duration::from_millis(self.server.limits().life_ms(entry.life));
        if life.is_zero() {
            return Ok(Filled::NoLife);
        }
        Ok(self.at(scope, |clinic, now| clinic.fill(&entry, life, now)))
    }

    async fn check(&self, scope: ScopeMark, marks: &[Mark], seen: Seen) -> Result<Verdict, SharedError> {
        limits::named(marks.len())?;
        Ok(self.at(scope, |clinic, _| clinic.judge(marks.iter().copied(), seen)))
    }

    async fn forget(&self, scope: ScopeMark, forget: Forget<'_>) -> Result<Seen, SharedError> {
        limits::named(forget.marks.len() + forget.keys.len())?;
        Ok(self.at(scope, |clinic, _| {
            clinic.forget(forget, self.server.limits());
            clinic.seen()
        }))
    }

    async fn forget_clinic(&self, scope: ScopeMark, verb: Verb) -> Result<Seen, SharedError> {
        Ok(self.at(scope, |clinic, _| {
            clinic.forget_whole(verb);
            clinic.seen()
        }))
    }

    async fn purge_all(&self) -> Result<u64, SharedError> {
        Ok(self.hear(self.server.next_generation()))
    }

    async fn generation(&self) -> Result<u64, SharedError> {
        Ok(self.hear(self.server.generation()))
    }

    async fn bar(
        &self,
        scope: ScopeMark,
        marks: &[Mark],
        longest: Duration,
    ) -> Result<SharedBar, SharedError> {
        limits::entry_marks(marks.len())?;
        let length = Duration::from_millis(self.server.limits().bar_ms(longest)?);
        let token = fastrand::u128(..).to_be_bytes();
        self.at(scope, |clinic, now| clinic.bar(marks, token, now + length, self.server.limits()));
        Ok(SharedBar::new(scope, marks.to_vec(), token))
    }

    async fn lift(&self, bar: &SharedBar) -> Result<Seen, SharedError> {
        limits::entry_marks(bar.marks.len())?;
        Ok(self.at(bar.scope, |clinic, now| {
            clinic.lift(&bar.marks, &bar.token, now, self.server.limits());
            clinic.seen()
        }))
    }
}
