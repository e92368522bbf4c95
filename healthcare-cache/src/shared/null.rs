use super::{
    error::SharedError,
    limits,
    tier::{Listener, SharedTier},
    types::{
        Fetched, Filled, Forget, Lease, LeaseToken, Leased, NewEntry, Seen, SharedBar, Sought, Verb, Verdict,
    },
};
use crate::{Mark, ScopeMark};
use async_trait::async_trait;
use std::time::Duration;

/// Keeps nothing and tells nothing: to switch the shared tier off. A node over it is deaf, for others may forget what it
/// would keep in its memory; a program of one process needs no shared tier at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct NullShared;

const NOTHING: Seen = Seen { epoch: 0, number: 0, generation: 0 };

#[async_trait]
impl SharedTier for NullShared {
    async fn fetch_many(&self, _: ScopeMark, keys: &[Sought<'_>]) -> Result<Vec<Fetched>, SharedError> {
        limits::named(keys.len())?;
        Ok(vec![Fetched::Miss(NOTHING); keys.len()])
    }

    async fn fetch_or_lease(&self, _: ScopeMark, _: Sought<'_>, _: Lease) -> Result<Leased, SharedError> {
        Ok(Leased::Yours(NOTHING))
    }

    async fn release(&self, _: ScopeMark, _: Mark, _: LeaseToken) -> Result<(), SharedError> {
        Ok(())
    }

    async fn fill(&self, _: ScopeMark, _: NewEntry<'_>) -> Result<Filled, SharedError> {
        Ok(Filled::Stale)
    }

    async fn check(&self, _: ScopeMark, _: &[Mark], _: Seen) -> Result<Verdict, SharedError> {
        Ok(Verdict::Stale)
    }

    async fn forget(&self, _: ScopeMark, _: Forget<'_>, _: &[u8]) -> Result<Seen, SharedError> {
        Ok(NOTHING)
    }

    async fn forget_clinic(&self, _: ScopeMark, _: Verb, _: &[u8]) -> Result<Seen, SharedError> {
        Ok(NOTHING)
    }

    async fn purge_all(&self, _: &[u8]) -> Result<u64, SharedError> {
        Ok(0)
    }

    async fn generation(&self) -> Result<u64, SharedError> {
        Ok(0)
    }

    fn hear(&self, _: u64) {}

    async fn bar(
        &self,
        scope: ScopeMark,
        marks: &[Mark],
        _: Duration,
        _: &[u8],
    ) -> Result<SharedBar, SharedError> {
        Ok(SharedBar::new(scope, marks.to_vec(), [0; 16]))
    }

    async fn lift(&self, _: &SharedBar, _: &[u8]) -> Result<Seen, SharedError> {
        Ok(NOTHING)
    }

    async fn say(&self, _: &[u8]) -> Result<(), SharedError> {
        Ok(())
    }

    async fn listen(&self) -> Result<Box<dyn Listener>, SharedError> {
        Err(SharedError::Deaf)
    }
}
