use super::config::{DELAY_MAX, JobConfigError, PAYLOAD_MAX, TRIES_MAX, is_name};
use healthcare_core::ClinicId;
use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt, time::Duration};
use uuid::Uuid;

/// What a kind of job works on: ids, versions and times, and never personal data. Who runs it reads the rest under a grant.
///
/// ```
/// use healthcare_messaging::JobKind;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Remind {
///     appointment: uuid::Uuid,
///     version: i64,
/// }
///
/// impl JobKind for Remind {
///     const QUEUE: &'static str = "reminder";
///     const KIND: &'static str = "appointment.remind";
/// }
/// ```
pub trait JobKind: Serialize + DeserializeOwned + Send + 'static {
    /// The queue that its jobs wait in.
    const QUEUE: &'static str;
    /// Its name. What was enqueued under it must still be read by later versions.
    const KIND: &'static str;
}

/// Lets something be enqueued once in a clinic's queue, however often it is asked for: also after it was done or
/// cancelled, until it is purged.
///
/// Made of an id and a version, so that no personal data can get in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UniqueKey {
    what: &'static str,
    id: Uuid,
    version: i64,
}

impl UniqueKey {
    /// The key of `what` about version `version` of `id`.
    #[must_use]
    pub const fn new(what: &'static str, id: Uuid, version: i64) -> Self {
        Self { what, id, version }
    }

    fn is_valid(&self) -> bool {
        is_name(self.what)
    }
}

impl fmt::Display for UniqueKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.what, self.id, self.version)
    }
}

/// When a job may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    After(Duration),
    At(Timestamp),
}

/// A job that is to be enqueued.
#[derive(Clone)]
pub struct NewJob {
    pub(crate) id: Uuid,
    pub(crate) clinic: ClinicId,
    pub(crate) queue: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) payload: Vec<u8>,
    pub(crate) start: Start,
    pub(crate) tries_max: u32,
    pub(crate) once: Option<UniqueKey>,
}

impl fmt::Debug for NewJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewJob({} {} in {})", self.kind, self.id, self.queue)
    }
}

impl NewJob {
    /// Starts describing a job of a clinic.
    pub fn builder<K: JobKind>(clinic: ClinicId, job: &K) -> NewJobBuilder {
        let payload = serde_json::to_vec(job).ok();
        NewJobBuilder::new(clinic, K::QUEUE, K::KIND, payload)
    }

    /// Starts describing a job whose kind is not known by a type here; `payload` is its JSON.
    pub fn raw(
        clinic: ClinicId,
        queue: &'static str,
        kind: &'static str,
        payload: impl Into<Vec<u8>>,
    ) -> NewJobBuilder {
        NewJobBuilder::new(clinic, queue, kind, Some(payload.into()))
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// Its clinic.
    #[must_use]
    pub const fn clinic(&self) -> ClinicId {
        self.clinic
    }
}

/// Describes a [`NewJob`].
#[derive(Clone)]
#[must_use = "call build()"]
pub struct NewJobBuilder {
    clinic: ClinicId,
    id: Uuid,
    queue: &'static str,
    kind: &'static str,
    payload: Option<Vec<u8>>,
    start: Start,
    tries: u32,
    once: Option<UniqueKey>,
}

impl fmt::Debug for NewJobBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewJobBuilder({} in {})", self.kind, self.queue)
    }
}

impl NewJobBuilder {
    fn new(clinic: ClinicId, queue: &'static str, kind: &'static str, payload: Option<Vec<u8>>) -> Self {
        let (id, start) = (Uuid::now_v7(), Start::After(Duration::ZERO));
        Self { clinic, id, queue, kind, payload, start, tries: 10, once: None }
    }

    /// Starts it this long after it was enqueued, by the store's clock; at once when never called.
    pub const fn after(mut self, delay: Duration) -> Self {
        self.start = Start::After(delay);
        self
    }

    /// Starts it at this time, by the store's clock; at once when it is past.
    pub const fn at(mut self, time: Timestamp) -> Self {
        self.start = Start::At(time);
        self
    }

    /// How often it may be started before it is a dead letter, 1 to 100; 10 when never called. A start counts from the moment it is claimed,
    /// whether the worker survives it or not.
    pub const fn tries(mut self, most: u32) -> Self {
        self.tries = most;
        self
    }

    /// Enqueues it once for this key.
    pub const fn once(mut self, key: UniqueKey) -> Self {
        self.once = Some(key);
        self
    }

    /// Gives it an id of the caller's. A job whose id is known is not enqueued again.
    pub const fn id(mut self, id: Uuid) -> Self {
        self.id = id;
        self
    }

    /// The job.
    ///
    /// # Errors
    /// [`JobConfigError`] when a name or a number is out of range.
    pub fn build(self) -> Result<NewJob, JobConfigError> {
        let Self { clinic, id, queue, kind, payload, start, tries, once } = self;
        let payload = payload.ok_or(JobConfigError::Encode)?;
        if !is_name(queue) || !is_name(kind) || once.is_some_and(|key| !key.is_valid()) {
            return Err(JobConfigError::Name);
        }
        if payload.len() > PAYLOAD_MAX {
            return Err(JobConfigError::Payload { max: PAYLOAD_MAX });
        }
        if !(1..=TRIES_MAX).contains(&tries) {
            return Err(JobConfigError::Tries { max: TRIES_MAX });
        }
        if matches!(start, Start::After(delay) if delay > DELAY_MAX) {
            return Err(JobConfigError::Delay { max: DELAY_MAX });
        }
        Ok(NewJob { id, clinic, queue, kind, payload, start, tries_max: tries, once })
    }
}
