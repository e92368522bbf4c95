//! What the tests of this crate share.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use async_trait::async_trait;
use healthcare_core::{
    Action, Ask, Boundary, ClinicId, Clues, Identity, MemoryAudit, MemoryRelations, Profile, RelationError,
    RelationSource, RequestContext, Role, UserId,
};
use healthcare_rbac::policy::{Policy, PolicyAuthorizer};
use std::{borrow::Cow, sync::Arc};
use uuid::Uuid;

/// A boundary whose doors make contexts, and the authorizer behind its gate.
pub struct House {
    pub boundary: Boundary,
    pub policy: PolicyAuthorizer,
    pub relations: Arc<MemoryRelations>,
    pub clinic: ClinicId,
}

pub fn house() -> House {
    house_of(Policy::clinic().unwrap())
}

pub fn house_of(policy: Policy) -> House {
    let relations = Arc::new(MemoryRelations::default());
    let policy = PolicyAuthorizer::new(policy, relations.clone());
    let boundary =
        Boundary::builder(policy.clone(), MemoryAudit::default()).allow_volatile_audit().build().unwrap();
    House { boundary, policy, relations, clinic: ClinicId::random() }
}

pub fn role(name: &str) -> Role {
    name.parse().unwrap()
}

pub fn profile(kind: &'static str, id: Uuid) -> Profile {
    Profile { kind: Cow::Borrowed(kind), id }
}

pub fn ask(action: Action, kind: &'static str, target: Option<Uuid>, subject: Option<Uuid>) -> Ask {
    Ask { action, kind: Cow::Borrowed(kind), target, subject }
}

impl House {
    pub fn person(
        &self,
        user: UserId,
        roles: &[&str],
        profile: Option<Profile>,
        purpose: Option<&str>,
    ) -> RequestContext {
        let roles: Vec<Role> = roles.iter().map(|name| role(name)).collect();
        let identity =
            Identity { user, clinic: self.clinic, roles: Arc::from(roles), profile, session: None };
        self.boundary.edge.request(identity, &Clues { purpose, ..Clues::default() }).unwrap()
    }

    pub fn job(&self, name: &str) -> RequestContext {
        self.boundary.system.job("test", role(name), self.clinic)
    }
}

/// A relation source that fails.
#[derive(Debug)]
pub struct BrokenRelations;

#[async_trait]
impl RelationSource for BrokenRelations {
    async fn related(&self, _: &RequestContext, _: &Profile, _: Uuid) -> Result<bool, RelationError> {
        Err(RelationError("the database is away".into()))
    }
}
