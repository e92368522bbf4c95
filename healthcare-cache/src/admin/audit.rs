use crate::Mark;
use async_trait::async_trait;
use healthcare_core::ClinicId;
use std::{error::Error, fmt};
use uuid::Uuid;

/// Who may use the router, and for which clinic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Operator {
    id: Uuid,
    clinic: Option<ClinicId>,
}

impl Operator {
    /// Somebody who may look into and purge one clinic's part of the caches.
    #[must_use]
    pub const fn of_clinic(id: Uuid, clinic: ClinicId) -> Self {
        Self { id, clinic: Some(clinic) }
    }

    /// Somebody who may do so for every clinic, and purge everything.
    #[must_use]
    pub const fn of_all(id: Uuid) -> Self {
        Self { id, clinic: None }
    }

    pub(super) const fn id(&self) -> Uuid {
        self.id
    }

    /// Whether this one may act on a clinic, or for `None` on all.
    pub(super) fn may_act(&self, clinic: Option<ClinicId>) -> bool {
        self.clinic.is_none_or(|own| clinic == Some(own))
    }
}

/// What an operator does.
///
/// `Debug` leaves out what a tag is called: keep the field in the record, and not in the log.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdminAct {
    /// Asks whether a value is there, and how old.
    LookUp {
        /// The cache.
        cache: &'static str,
        /// Whose value.
        clinic: ClinicId,
        /// What the key is called.
        key: Mark,
    },
    /// Forgets a value.
    PurgeKey {
        /// The cache.
        cache: &'static str,
        /// Whose value.
        clinic: ClinicId,
        /// What the key is called.
        key: Mark,
    },
    /// Forgets what has a tag.
    PurgeTag {
        /// Whose.
        clinic: ClinicId,
        /// The tag.
        tag: String,
    },
    /// Forgets everything about a subject.
    PurgeSubject {
        /// Whose.
        clinic: ClinicId,
        /// The subject.
        subject: Uuid,
    },
    /// Forgets everything of a clinic.
    PurgeClinic {
        /// The clinic.
        clinic: ClinicId,
    },
    /// Forgets everything.
    PurgeAll,
}

impl AdminAct {
    /// The clinic it is about; `None` when it is about all.
    #[must_use]
    pub const fn clinic(&self) -> Option<ClinicId> {
        match self {
            Self::LookUp { clinic, .. }
            | Self::PurgeKey { clinic, .. }
            | Self::PurgeTag { clinic, .. }
            | Self::PurgeSubject { clinic, .. }
            | Self::PurgeClinic { clinic } => Some(*clinic),
            Self::PurgeAll => None,
        }
    }
}

impl fmt::Debug for AdminAct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, cache, key, subject) = match self {
            Self::LookUp { cache, key, .. } => ("LookUp", Some(cache), Some(key), None),
            Self::PurgeKey { cache, key, .. } => ("PurgeKey", Some(cache), Some(key), None),
            Self::PurgeTag { .. } => ("PurgeTag", None, None, None),
            Self::PurgeSubject { subject, .. } => ("PurgeSubject", None, None, Some(subject)),
            Self::PurgeClinic { .. } => ("PurgeClinic", None, None, None),
            Self::PurgeAll => ("PurgeAll", None, None, None),
        };
        let mut shown = f.debug_struct(name);
        if let Some(cache) = cache {
            shown.field("cache", cache);
        }
        if let Some(clinic) = self.clinic() {
            shown.field("clinic", &clinic);
        }
        if let Some(key) = key {
            shown.field("key", key);
        }
        if let Some(subject) = subject {
            shown.field("subject", subject);
        }
        shown.finish_non_exhaustive()
    }
}

/// An act, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AdminEvent {
    /// The operator.
    pub operator: Uuid,
    /// What is about to be done.
    pub act: AdminAct,
}

/// Takes down what operators do, before it is done.
#[async_trait]
pub trait AdminAudit: fmt::Debug + Send + Sync {
    /// Takes down an act that is allowed and about to be done. When it has returned, the record is durable.
    ///
    /// # Errors
    /// When it could not be made so: the act is not done, and the operator is told that.
    async fn record(&self, event: &AdminEvent) -> Result<(), Box<dyn Error + Send + Sync>>;
}
