//! One access from its decision to its outcome.

use super::{BoundaryCore, Sealed};
use crate::{
    AccessError, Actor, Ask, AuditEvent, AuditEventId, ClinicScope, CorrelationId, FieldSet, KindCount,
    Outcome, Receipt, Record, RequestContext, Terms,
};
use jiff::Timestamp;
use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use uuid::Uuid;

/// Holds what was decided. When it is dropped without an outcome it records one: `Abandoned`, or `Unconfirmed` while a
/// commit was in flight.
#[derive(Debug)]
pub(super) struct Case {
    core: Arc<BoundaryCore>,
    /// Unlike every other case's, so that a row can say for which case a query decided it.
    number: u64,
    decision: AuditEventId,
    context: RequestContext,
    pub(super) ask: Ask,
    pub(super) terms: Terms,
    opened: Duration,
    pub(super) state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing was given yet.
    Open,
    /// The row is open to an editor: whatever becomes of the change, it was disclosed.
    Shown(KindCount, Option<Uuid>),
    Committing,
    Settled,
}

impl Case {
    pub(super) fn allowed(
        core: Arc<BoundaryCore>,
        context: &RequestContext,
        ask: Ask,
        terms: Terms,
    ) -> (Self, Receipt) {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let case = Self {
            opened: core.monotonic(),
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            decision: context.next_event(),
            context: context.clone(),
            core,
            ask,
            terms,
            state: State::Open,
        };
        let receipt = case.core.submit(case.event(case.decision, None, Outcome::Allowed));
        (case, receipt)
    }

    pub(super) fn denied(
        core: &BoundaryCore,
        context: &RequestContext,
        ask: Ask,
        outcome: Outcome,
    ) -> Receipt {
        core.submit(event(core.now(), context, context.next_event(), None, ask, outcome))
    }

    fn event(&self, id: AuditEventId, of: Option<AuditEventId>, outcome: Outcome) -> AuditEvent {
        AuditEvent {
            purpose: self.terms.purpose.clone(),
            parts: Some(Arc::clone(&self.terms.parts)),
            rule: self.terms.rule.clone(),
            emergency: self.terms.emergency,
            ..event(self.core.now(), &self.context, id, of, self.ask.clone(), outcome)
        }
    }

    /// The event that says what came of it.
    pub(super) fn outcome(&self, outcome: Outcome) -> AuditEvent {
        self.event(self.context.next_event(), Some(self.decision), outcome)
    }

    /// Records what came of it, once.
    pub(super) fn settle(&mut self, outcome: Outcome) -> Receipt {
        self.state = State::Settled;
        self.core.submit(self.outcome(outcome))
    }

    /// Notes that a row was opened to an editor.
    pub(super) fn show<T: Record>(&mut self, row: &T) {
        self.state = State::Shown(one::<T>(), row.subject());
    }

    /// Says whose row was opened, when the decision did not know.
    pub(super) async fn name<T: Record>(&mut self, row: &T) -> Result<(), AccessError> {
        if let (None, Some(subject)) = (self.ask.subject, row.subject()) {
            self.settle(disclosed(one::<T>(), Some(subject))).await?;
        }
        Ok(())
    }

    /// Refuses a release that comes too late.
    pub(super) async fn fresh(&mut self) -> Result<(), AccessError> {
        if self.core.is_fresh(self.opened) {
            return Ok(());
        }
        self.settle(Outcome::Withheld).await?;
        Err(AccessError::GrantExpired)
    }

    /// Whether the sealed row is this boundary's, of this clinic, and what was asked for.
    pub(super) fn holds<T: Record>(&self, sealed: &Sealed<T>) -> bool {
        sealed.boundary() == self.core.id() && self.covers(sealed.row())
    }

    pub(super) fn covers<T: Record>(&self, row: &T) -> bool {
        let same = |asked: Option<Uuid>, is: Option<Uuid>| asked.is_none_or(|asked| is == Some(asked));
        row.clinic() == self.scope().clinic()
            && (row.id().as_uuid() == self.ask.target.unwrap_or_else(|| row.id().as_uuid())
                || T::KIND != self.ask.kind)
            && same(self.ask.subject, row.subject())
    }

    /// Whether the terms give this row; `None` when they do not.
    pub(super) fn admits<T: Record>(&self, sealed: &Sealed<T>) -> Option<FieldSet> {
        let joined = sealed.decided_for(self.number);
        self.terms.rows.admits(sealed.row(), joined).then(|| self.terms.hidden(T::KIND)).flatten()
    }

    pub(super) const fn scope(&self) -> ClinicScope {
        self.context.scope()
    }
    pub(super) const fn correlation(&self) -> CorrelationId {
        self.context.correlation()
    }
    pub(super) const fn actor(&self) -> &Actor {
        self.context.actor()
    }
    pub(super) const fn number(&self) -> u64 {
        self.number
    }
    pub(super) fn boundary(&self) -> u64 {
        self.core.id()
    }
    pub(super) fn now(&self) -> Timestamp {
        self.core.now()
    }
}

fn one<T: Record>() -> KindCount {
    KindCount { kind: Cow::Borrowed(T::KIND), count: 1 }
}

fn disclosed(count: KindCount, subject: Option<Uuid>) -> Outcome {
    Outcome::Disclosed { subjects: subject.into_iter().collect(), counts: vec![count] }
}

fn event(
    at: Timestamp,
    context: &RequestContext,
    id: AuditEventId,
    of: Option<AuditEventId>,
    ask: Ask,
    outcome: Outcome,
) -> AuditEvent {
    AuditEvent {
        of,
        location: context.location(),
        purpose: context.asked_purpose().cloned(),
        justification: context.justification().cloned(),
        source: context.source(),
        session: context.session(),
        trace: context.trace().cloned(),
        ..AuditEvent::of_actor(id, at, context.actor().clone(), context.clinic(), ask, outcome)
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.state, State::Settled) {
            State::Settled => {}
            State::Open => drop(self.settle(Outcome::Abandoned)),
            State::Shown(count, subject) => drop(self.settle(disclosed(count, subject))),
            State::Committing => drop(self.settle(Outcome::Unconfirmed)),
        }
    }
}
