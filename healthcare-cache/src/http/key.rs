use crate::{CacheKey, CachedAs, KeyWriter};
use healthcare_core::ClinicId;
use std::{fmt, sync::Arc};
use uuid::Uuid;

/// Who is answered: what is kept for one is never given to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Viewer {
    clinic: ClinicId,
    actor: Option<Uuid>,
}

impl Viewer {
    /// One actor of a clinic: the answer depends on who asks. Its responses are forgotten with `purge_subject` of the actor,
    /// which belongs to every change of a role or a membership.
    #[must_use]
    pub const fn actor(clinic: ClinicId, actor: Uuid) -> Self {
        Self { clinic, actor: Some(actor) }
    }

    /// Anyone of a clinic: the answer is the same for all. What was answered to a request with `Authorization` or `Cookie` is
    /// kept only when the response says `Cache-Control: public`.
    #[must_use]
    pub const fn clinic(clinic: ClinicId) -> Self {
        Self { clinic, actor: None }
    }

    pub(super) const fn scope(&self) -> ClinicId {
        self.clinic
    }

    pub(super) const fn is_actor(&self) -> bool {
        self.actor.is_some()
    }
}

/// What a response is kept under: the viewer, the host, path and query, and the headers by which the answer varies.
///
/// `Debug` shows the clinic alone: an address may hold anything.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ResponseKey {
    viewer: Viewer,
    rest: Arc<[u8]>,
}

impl ResponseKey {
    pub(super) fn new(viewer: Viewer, rest: &KeyWriter) -> Self {
        Self { viewer, rest: rest.as_bytes().into() }
    }

    pub(super) fn weight(&self) -> usize {
        size_of::<Self>() + self.rest.len()
    }
}

impl CacheKey for ResponseKey {
    fn clinic(&self) -> ClinicId {
        self.viewer.clinic
    }
    fn subject(&self) -> Option<Uuid> {
        self.viewer.actor
    }
}

impl CachedAs for ResponseKey {
    const KIND: &'static str = "http_response";
    fn write(&self, out: &mut KeyWriter) {
        out.flag(self.viewer.is_actor()).id(self.viewer.actor.unwrap_or_default()).bytes(&self.rest);
    }
}

impl fmt::Debug for ResponseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseKey").field("clinic", &self.viewer.clinic).finish_non_exhaustive()
    }
}
