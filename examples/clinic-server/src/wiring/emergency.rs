//! Emergency accesses: the policy asks for them, and they are kept behind the boundary that is built with the policy.

use crate::Emergencies;
use async_trait::async_trait;
use healthcare_core::{BreakGlassStore, Clock, Gate, RequestContext, Undecided};
use healthcare_rbac::{break_glass::BreakGlasses, policy::EmergencySource};
use std::sync::{Arc, OnceLock};
use uuid::Uuid;

/// A source that is set once, after the boundary was built. Before that nothing is decided by it, which means no.
#[derive(Debug, Default)]
pub(super) struct LateEmergencies(OnceLock<BreakGlasses>);

impl LateEmergencies {
    /// The steps of emergency accesses over a store, which the policy knows from now on.
    pub(super) fn wire(
        &self,
        gate: &Gate,
        store: Arc<dyn BreakGlassStore>,
        clock: &Arc<dyn Clock>,
    ) -> Emergencies {
        let glasses = BreakGlasses::new(gate.clone(), store, Arc::clone(clock));
        // A second source is ignored: wiring sets it once.
        let _ = self.0.set(glasses.clone());
        Emergencies::new(glasses, Arc::clone(clock))
    }
}

#[async_trait]
impl EmergencySource for LateEmergencies {
    async fn is_open(&self, context: &RequestContext, subject: Uuid) -> Result<bool, Undecided> {
        match self.0.get() {
            Some(source) => source.is_open(context, subject).await,
            None => Err(Undecided("emergency accesses are not wired yet".into())),
        }
    }
}
