use crate::{SharedError, SharedTier};
use healthcare_resilience::{BreakerConfigError, CircuitBreaker, Class};
use std::{sync::Arc, time::Duration};

/// The shared tier behind a time-out and a circuit breaker, so that a server that does not answer costs little.
///
/// There are two circuits: one for what callers ask, one for listening and beating, so that neither keeps the other from
/// finding out that the server is back. Half-open, one call goes through.
#[derive(Debug)]
pub(crate) struct Guard {
    tier: Arc<dyn SharedTier>,
    calls: CircuitBreaker,
    bus: CircuitBreaker,
    limit: Duration,
}

impl Guard {
    pub(super) fn new(tier: Arc<dyn SharedTier>, limit: Duration) -> Result<Self, BreakerConfigError> {
        let circuit = |name| {
            CircuitBreaker::builder(name)
                .time_window(Duration::from_secs(10))
                .min_calls(5)
                .failure_rate(0.5)
                .probes(1)
                .lease(limit.saturating_mul(4))
                .open_for(Duration::from_millis(500))
                .open_growth(2.0, Duration::from_secs(5))
                .open_jitter(0.2)
                .build()
        };
        Ok(Self { tier, calls: circuit("cache-shared")?, bus: circuit("cache-bus")?, limit })
    }

    /// Both circuits.
    pub(super) fn circuits(&self) -> [CircuitBreaker; 2] {
        [self.calls.clone(), self.bus.clone()]
    }

    /// What calls are made to, each through [`call`](Self::call).
    pub(crate) fn tier(&self) -> &dyn SharedTier {
        &*self.tier
    }

    /// Makes one call, if the circuit lets it through, and gives it up when its time is over. The work is not begun before.
    ///
    /// # Errors
    /// Those of the call, and [`SharedError::Away`] when it was not made or not answered in time.
    pub(crate) async fn call<T>(
        &self,
        work: impl Future<Output = Result<T, SharedError>> + Send,
    ) -> Result<T, SharedError> {
        self.through(&self.calls, work).await
    }

    /// As [`call`](Self::call), for what keeps the node hearing.
    pub(super) async fn on_bus<T>(
        &self,
        work: impl Future<Output = Result<T, SharedError>> + Send,
    ) -> Result<T, SharedError> {
        self.through(&self.bus, work).await
    }

    async fn through<T>(
        &self,
        circuit: &CircuitBreaker,
        work: impl Future<Output = Result<T, SharedError>> + Send,
    ) -> Result<T, SharedError> {
        // Without a runtime there is no time-out, and none of the connections would do anything either.
        if let Err(none) = tokio::runtime::Handle::try_current() {
            return Err(SharedError::Away(Box::new(none)));
        }
        let permit = circuit.try_acquire().map_err(|refused| SharedError::Away(Box::new(refused)))?;
        let result = tokio::time::timeout(self.limit, work)
            .await
            .unwrap_or_else(|elapsed| Err(SharedError::Away(Box::new(elapsed))));
        permit.record(match &result {
            Ok(_) => Class::Success,
            Err(SharedError::Away(_) | SharedError::Garbled) => Class::Transient,
            // The caller's own mistake, or nothing to listen to: the server may be well.
            Err(_) => Class::Ignored,
        });
        result
    }
}
