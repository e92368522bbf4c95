//! Emergency access: what a policy gives of one person while somebody has broken the glass for them.
//!
//! It begins with a record of its own, holds for one user, one person and a quarter of an hour, and reads. Deny rules, and fields that a
//! deny rule hides, hold in an emergency too.

use super::{decide::Decider, table::RoleRow};
use async_trait::async_trait;
use healthcare_core::{Action, Decision, Denial, ErrorCode, RequestContext, Undecided};
use std::fmt;
use uuid::Uuid;

/// The purpose of use of emergency access, a code of HL7 v3 `PurposeOfUse`. No role can list it.
pub const EMERGENCY_PURPOSE: &str = "ETREAT";

/// The kind of record that stands for a broken glass.
pub(super) const BREAK_GLASS: &str = "break_glass";

/// Knows for whom the glass is broken, by whom.
///
/// # Contract
/// The answer is of the context's clinic and user alone, and of this moment. An error is not an answer: who asks must treat it as no.
#[async_trait]
pub trait EmergencySource: fmt::Debug + Send + Sync {
    /// Whether the context's user may see this person in an emergency now.
    ///
    /// # Errors
    /// [`Undecided`] when it could not be looked up.
    async fn is_open(&self, context: &RequestContext, subject: Uuid) -> Result<bool, Undecided>;
}

impl Decider<'_> {
    /// Why the request is no emergency access, if it is none.
    pub(super) async fn no_emergency(&self, roles: &[usize]) -> Result<Option<Decision>, Undecided> {
        let may = |role: &usize| self.policy.role_rows.get(*role).is_some_and(RoleRow::breaks_glass);
        let reads = matches!(self.ask.action, Action::Read | Action::List | Action::ReadChart);
        let reason = match (self.ask.subject, self.emergencies) {
            _ if !roles.iter().any(may) => "no role of the actor may break the glass",
            _ if !reads => "emergency access reads, and does nothing else",
            (None, _) => "emergency access is to one person, who must be named",
            (Some(subject), Some(source)) if source.is_open(self.context, subject).await? => return Ok(None),
            (Some(_), _) => "the glass is not broken for this person, or its time is over",
        };
        Ok(Some(Decision::Deny(Denial::new(ErrorCode::PurposeDenied, reason))))
    }
}
