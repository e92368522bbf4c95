use healthcare_cache::{
    MemoryServer, MemoryShared, ScopeMark, SharedLimits, SharedLimitsError,
    testing::{Loss, SharedRig, shared_contract, shared_limits},
};
use healthcare_core::ManualClock;
use std::{sync::Arc, time::Duration};

struct InMemory {
    clock: Arc<ManualClock>,
    server: MemoryServer,
}

impl InMemory {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
        let server = MemoryServer::builder().clock(clock.clone()).limits(shared_limits()).build().unwrap();
        Self { clock, server }
    }
}

impl SharedRig for InMemory {
    type Tier = MemoryShared;
    fn node(&self) -> MemoryShared {
        self.server.node()
    }
    async fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }
    async fn lose(&self, scope: ScopeMark, loss: Loss) {
        if loss.numbers || loss.marks {
            self.server.lose_markers(scope);
        }
        if loss.values {
            self.server.lose_values(scope);
        }
    }
}

#[tokio::test]
async fn the_tier_in_memory_keeps_the_contract() {
    shared_contract(async || InMemory::new()).await;
}

#[test]
fn limits_that_make_no_sense_are_refused() {
    let build = |limits| MemoryServer::builder().limits(limits).build().map(|_| ());
    let (limits, second) = (SharedLimits::default(), Duration::from_secs(1));
    assert_eq!(build(limits), Ok(()));
    assert_eq!(build(limits.value_max(0)), Err(SharedLimitsError::Value));
    assert_eq!(build(limits.value_max((64 << 20) + 1)), Err(SharedLimitsError::Value));
    assert_eq!(build(limits.marks_kept(15).bars_kept(1)), Err(SharedLimitsError::Marks));
    assert_eq!(build(limits.marks_kept(1_000_001)), Err(SharedLimitsError::Marks));
    assert_eq!(build(limits.marks_kept(100).bars_kept(51)), Err(SharedLimitsError::Marks));
    assert_eq!(build(limits.life_max(second / 2)), Err(SharedLimitsError::Life));
    assert_eq!(build(limits.life_max(second * 86_400 * 31)), Err(SharedLimitsError::Life));
    assert_eq!(build(limits.bar_max(second / 2)), Err(SharedLimitsError::Bar));
    assert_eq!(build(limits.bar_max(second * 3_601)), Err(SharedLimitsError::Bar));
}
