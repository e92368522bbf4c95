//! The gate.

use super::{Access, BoundaryCore, Grant, case::Case};
use crate::{AccessError, Decision, Denial, ErrorCode, Outcome, RequestContext};
use std::{borrow::Cow, sync::Arc};

/// Where every access begins: it asks the policy and starts the record.
#[derive(Debug, Clone)]
pub struct Gate(pub(super) Arc<BoundaryCore>);

impl Gate {
    /// Decides an access. When it is allowed, the record of it is on its way to the log while the caller reads; the grant's
    /// release waits for it.
    ///
    /// # Errors
    /// [`AccessError::Denied`] when the policy says no or could not decide; [`AccessError::NotDurable`] when the denial could
    /// not be recorded; [`AccessError::ForeignGate`] when the context was made by another boundary.
    pub async fn open<A: Access>(
        &self,
        context: &RequestContext,
        access: A,
    ) -> Result<Grant<A>, AccessError> {
        if context.boundary() != self.0.id() {
            return Err(AccessError::ForeignGate);
        }
        let ask = access.ask();
        // An error in deciding means no.
        let decision = self.0.authorizer.decide(context, &ask).await.unwrap_or_else(|undecided| {
            tracing::error!(
                error = &undecided as &dyn std::error::Error,
                "an access could not be decided: denied"
            );
            Decision::Deny(Denial::new(ErrorCode::AccessDenied, "the decision could not be made"))
        });
        match decision {
            Decision::Allow(terms) => {
                let (case, receipt) = Case::allowed(Arc::clone(&self.0), context, ask, terms);
                Ok(Grant::new(access, case, receipt))
            }
            Decision::Deny(denial) => {
                let outcome = Outcome::Denied(Cow::Owned(denial.reason().to_owned()));
                Case::denied(&self.0, context, ask, outcome).await?;
                Err(AccessError::Denied(denial))
            }
        }
    }
}
