//! The policy as the gate asks it.

use super::{EmergencySource, Explanation, Policy, PolicyError, Schema, decide::Decider};
use async_trait::async_trait;
use healthcare_core::{Ask, Authorizer, Decision, RelationSource, RequestContext, Undecided};
use std::{
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

/// Decides by a policy and a source of relations. Clones share the policy.
///
/// A decision is made by one policy from beginning to end, whatever is loaded meanwhile.
#[derive(Debug, Clone)]
pub struct PolicyAuthorizer {
    policy: Arc<RwLock<Arc<Policy>>>,
    relations: Arc<dyn RelationSource>,
    emergencies: Option<Arc<dyn EmergencySource>>,
}

impl PolicyAuthorizer {
    /// An authorizer by this policy.
    #[must_use]
    pub fn new(policy: Policy, relations: Arc<dyn RelationSource>) -> Self {
        Self { policy: Arc::new(RwLock::new(Arc::new(policy))), relations, emergencies: None }
    }

    /// Gives emergency access where this source says that the glass is broken. Without one nobody has any.
    #[must_use]
    pub fn with_emergencies(mut self, source: Arc<dyn EmergencySource>) -> Self {
        self.emergencies = Some(source);
        self
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another policy in force.
    pub fn replace(&self, policy: Policy) {
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
    }

    /// Loads a policy from text, for the same records, and puts it in force.
    ///
    /// # Errors
    /// [`PolicyError`]; the one in force stays.
    pub fn reload(&self, text: &str) -> Result<(), PolicyError> {
        let schema: Schema = self.policy().schema.clone();
        self.replace(Policy::load(text, schema)?);
        Ok(())
    }

    /// Loads a policy from a file and puts it in force.
    ///
    /// # Errors
    /// [`PolicyError`] when the file is missing, half-written, empty or wrong; the one in force stays.
    pub fn reload_file(&self, path: &Path) -> Result<(), PolicyError> {
        let size = std::fs::metadata(path).map_err(PolicyError::File)?.len();
        if size > 1024 * 1024 {
            return Err(PolicyError::TooLarge);
        }
        self.reload(&std::fs::read_to_string(path).map_err(PolicyError::File)?)
    }

    /// Decides, and says which rules did it. For reviewers: [`Authorizer::decide`] gives the same decision faster.
    ///
    /// # Errors
    /// [`Undecided`] as [`Authorizer::decide`].
    pub async fn explain(&self, context: &RequestContext, ask: &Ask) -> Result<Explanation, Undecided> {
        let policy = self.policy();
        let mut decider = self.decider(&policy, context, ask);
        decider.trace = Some(Vec::new());
        let decision = decider.decide().await?;
        Ok(Explanation { decision, reasons: decider.trace.unwrap_or_default() })
    }

    fn decider<'d>(&'d self, policy: &'d Policy, context: &'d RequestContext, ask: &'d Ask) -> Decider<'d> {
        Decider {
            policy,
            relations: &*self.relations,
            emergencies: self.emergencies.as_deref(),
            context,
            ask,
            emergency: false,
            related: None,
            trace: None,
        }
    }
}

#[async_trait]
impl Authorizer for PolicyAuthorizer {
    async fn decide(&self, context: &RequestContext, ask: &Ask) -> Result<Decision, Undecided> {
        let policy = self.policy();
        self.decider(&policy, context, ask).decide().await
    }
}
