use super::{EmailFailure, EmailTransport, OutgoingEmail};
use async_trait::async_trait;
use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Keeps what is sent in memory: for tests. Cheap to clone; clones are one.
#[derive(Clone, Default)]
pub struct MemoryEmail {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    sent: Vec<OutgoingEmail>,
    failures: VecDeque<EmailFailure>,
}

impl fmt::Debug for MemoryEmail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryEmail({} sent)", self.kept().sent.len())
    }
}

impl MemoryEmail {
    /// What was sent, in order.
    #[must_use]
    pub fn sent(&self) -> Vec<OutgoingEmail> {
        self.kept().sent.clone()
    }

    /// Lets the next call fail so; calls after it, if this is called more than once.
    pub fn fail_next(&self, failure: EmailFailure) {
        self.kept().failures.push_back(failure);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl EmailTransport for MemoryEmail {
    async fn send(&self, email: &OutgoingEmail) -> Result<(), EmailFailure> {
        let mut kept = self.kept();
        match kept.failures.pop_front() {
            Some(failure) => Err(failure),
            None => {
                kept.sent.push(email.clone());
                Ok(())
            }
        }
    }
}
