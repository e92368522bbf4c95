//! A boundary that allows everything, and a record to write.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, missing_docs)]

use async_trait::async_trait;
use healthcare_core::{
    Ask, Authorizer, Boundary, Change, ClinicId, Clues, Create, Decision, Id, Identity, MemoryAudit, Part,
    RequestContext, RowFilter, Terms, Undecided, UserId, record,
};
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

record! {
    /// Somebody who is treated.
    pub struct Patient in patient = "patient" {
        subject: this,
        plain {
            /// Whether they still come.
            active: bool,
        },
        protected {
            /// What they are called.
            Name = name: String,
        },
    }
}
record! {
    /// A visit of a patient.
    pub struct Visit in visit = "visit" {
        subject: Patient,
        plain {
            /// Whether it is over.
            over: bool,
        },
        protected {
            /// What was said.
            Note = note: Option<String>,
        },
    }
}
record! {
    /// A room; it is about nobody.
    pub struct Room in room = "room" {
        subject: none,
        plain {
            /// Its floor.
            floor: i64,
        },
        protected {},
    }
}

/// Allows everything.
#[derive(Debug)]
struct Open;

#[async_trait]
impl Authorizer for Open {
    async fn decide(&self, _: &RequestContext, _: &Ask) -> Result<Decision, Undecided> {
        let parts = [Part::whole::<Patient>(), Part::whole::<Visit>(), Part::whole::<Room>()];
        Ok(Decision::Allow(Terms::new(RowFilter::All, parts)))
    }
}

pub struct Rig {
    pub boundary: Boundary,
    pub audit: Arc<MemoryAudit>,
    pub clinic: ClinicId,
    user: UserId,
}

impl Rig {
    pub fn new() -> Self {
        let audit = Arc::new(MemoryAudit::default());
        let boundary = Boundary::builder(Open, audit.clone()).allow_volatile_audit().build().unwrap();
        Self { boundary, audit, clinic: ClinicId::random(), user: UserId::random() }
    }

    pub fn context(&self) -> RequestContext {
        self.context_of(self.clinic)
    }

    pub fn context_of(&self, clinic: ClinicId) -> RequestContext {
        let identity =
            Identity { user: self.user, clinic, roles: Arc::new([]), profile: None, session: None };
        self.boundary.edge.request(identity, &Clues::default()).unwrap()
    }

    /// A visit of `patient`, ready to be committed.
    pub async fn visit(&self, patient: Id<Patient>) -> Change<Visit> {
        let id = Id::random();
        let visit = Visit::new(
            id,
            self.clinic,
            patient,
            visit::Plain { over: false },
            visit::Protected { note: healthcare_core::Phi::new(None) },
        );
        let create = Create::about(id, patient.as_uuid());
        self.boundary.gate.open(&self.context(), create).await.unwrap().fill(visit).await.unwrap()
    }

    /// A room, ready to be committed.
    pub async fn room(&self) -> Change<Room> {
        let room = Room::new(Id::random(), self.clinic, room::Plain { floor: 2 }, room::Protected {});
        let create = Create::new(healthcare_core::Record::id(&room));
        self.boundary.gate.open(&self.context(), create).await.unwrap().fill(room).await.unwrap()
    }
}

/// Polls once.
pub fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}
