use super::{
    error::SharedError,
    limits,
    tier::SharedTier,
    types::{Fetched, Filled, Forget, NewEntry, Seen, SharedBar, Verb, Verdict},
};
use crate::{Mark, ScopeMark};
use async_trait::async_trait;
use std::time::Duration;

/// Keeps nothing: for programs without a shared tier, and to switch it off.
#[derive(Debug, Clone, Copy, Default)]
pub struct NullShared;

const NOTHING: Seen = Seen { epoch: 0, number: 0, generation: 0 };

#[async_trait]
impl SharedTier for NullShared {
    async fn fetch_many(&self, _: ScopeMark, keys: &[Mark]) -> Result<Vec<Fetched>, SharedError> {
        limits::named(keys.len())?;
        Ok(vec![Fetched::Miss(NOTHING); keys.len()])
    }

    async fn fill(&self, _: ScopeMark, _: NewEntry<'_>) -> Result<Filled, SharedError> {
        Ok(Filled::Stale)
    }

    async fn check(&self, _: ScopeMark, _: &[Mark], _: Seen) -> Result<Verdict, SharedError> {
        Ok(Verdict::Stale)
    }

    async fn forget(&self, _: ScopeMark, _: Forget<'_>) -> Result<Seen, SharedError> {
        Ok(NOTHING)
    }

    async fn forget_clinic(&self, _: ScopeMark, _: Verb) -> Result<Seen, SharedError> {
        Ok(NOTHING)
    }

    async fn purge_all(&self) -> Result<u64, SharedError> {
        Ok(0)
    }

    async fn generation(&self) -> Result<u64, SharedError> {
        Ok(0)
    }

    async fn bar(&self, scope: ScopeMark, marks: &[Mark], _: Duration) -> Result<SharedBar, SharedError> {
        Ok(SharedBar::new(scope, marks.to_vec(), [0; 16]))
    }

    async fn lift(&self, _: &SharedBar) -> Result<Seen, SharedError> {
        Ok(NOTHING)
    }
}
