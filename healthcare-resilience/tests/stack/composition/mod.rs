//! The composition cases of other libraries, in our words. The table with their sources is
//! `docs/evidence/resilience-cases/composition.md`.

mod breaker;
mod bulkhead;
mod fallback;
mod hedge;
mod limits;
mod retry;
