use crate::{
    Ask, Authorizer, Boundary, ClinicId, Clues, Decision, Denial, ErrorCode, Identity, ManualClock,
    MemoryAudit, Part, RequestContext, Role, RowFilter, StorageDoor, Terms, Undecided, UserId,
};
use async_trait::async_trait;
use std::sync::{Arc, Mutex};

/// An authorizer that allows what it is told to allow: everything, unless said otherwise.
#[derive(Debug, Clone)]
pub struct OpenPolicy(Arc<Mutex<Said>>);

#[derive(Debug)]
struct Said {
    rows: RowFilter,
    parts: Vec<Part>,
    closed: bool,
    failing: bool,
}

impl Default for OpenPolicy {
    fn default() -> Self {
        let said = Said { rows: RowFilter::All, parts: Vec::new(), closed: false, failing: false };
        Self(Arc::new(Mutex::new(said)))
    }
}

impl OpenPolicy {
    /// Gives these kinds, with these of their fields hidden. A kind that was never named is given whole when it is asked for
    /// by itself, and is no part of a chart.
    pub fn give(&self, part: Part) {
        let mut said = self.0.lock().unwrap();
        said.parts.retain(|known| known.kind() != part.kind());
        said.parts.push(part);
    }
    /// Gives these rows.
    pub fn filter(&self, rows: RowFilter) {
        self.0.lock().unwrap().rows = rows;
    }
    /// Denies everything, or not.
    pub fn close(&self, closed: bool) {
        self.0.lock().unwrap().closed = closed;
    }
    /// Fails to decide, or not.
    pub fn fail(&self, failing: bool) {
        self.0.lock().unwrap().failing = failing;
    }
}

#[async_trait]
impl Authorizer for OpenPolicy {
    async fn decide(&self, _: &RequestContext, ask: &Ask) -> Result<Decision, Undecided> {
        let said = self.0.lock().unwrap();
        if said.failing {
            return Err(Undecided("told to fail".into()));
        }
        if said.closed {
            return Ok(Decision::Deny(Denial::new(ErrorCode::AccessDenied, "told to deny")));
        }
        let mut parts = said.parts.clone();
        if !parts.iter().any(|part| part.kind() == ask.kind) {
            let whole = Part::among(Box::leak(ask.kind.clone().into_owned().into_boxed_str()), &[], &[]);
            parts.push(whole.unwrap());
        }
        Ok(Decision::Allow(Terms::new(said.rows.clone(), parts)))
    }
}

/// A boundary with everything in reach: policy, log and clock can be moved from outside.
#[derive(Debug)]
pub struct Stage {
    /// The gate and the doors.
    pub boundary: Boundary,
    /// What is allowed.
    pub policy: OpenPolicy,
    /// What was recorded.
    pub audit: Arc<MemoryAudit>,
    /// The time: noon UTC on Monday 2 March 2026, until it is moved.
    pub clock: Arc<ManualClock>,
    /// One clinic.
    pub clinic: ClinicId,
    /// Another.
    pub other: ClinicId,
}

impl Default for Stage {
    fn default() -> Self {
        let policy = OpenPolicy::default();
        let audit = Arc::new(MemoryAudit::default());
        let clock = Arc::new(ManualClock::at("2026-03-02T12:00:00Z".parse().unwrap()));
        let boundary = Boundary::builder(policy.clone(), Arc::clone(&audit))
            .shared_clock(Arc::clone(&clock) as _)
            .allow_volatile_audit()
            .build()
            .unwrap();
        let (clinic, other) = (ClinicId::random(), ClinicId::random());
        Self { boundary, policy, audit, clock, clinic, other }
    }
}

impl Stage {
    /// The door for a store of this stage.
    #[must_use]
    pub fn door(&self) -> StorageDoor {
        self.boundary.storage.clone()
    }

    /// Somebody of the one clinic.
    #[must_use]
    pub fn context(&self) -> RequestContext {
        self.context_in(self.clinic)
    }

    /// Somebody of that clinic.
    #[must_use]
    pub fn context_in(&self, clinic: ClinicId) -> RequestContext {
        let roles: Arc<[Role]> = Arc::new(["DOCTOR".parse().unwrap()]);
        let identity = Identity { user: UserId::random(), clinic, roles, profile: None, session: None };
        self.boundary.edge.request(identity, &Clues::default()).unwrap()
    }
}
