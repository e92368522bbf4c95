use healthcare_core::ClinicId;
use uuid::Uuid;

/// Says up to where a tier had forgotten when a load began, so that the load cannot land after a later purge.
///
/// It owns the key: what is loaded is stored under what was looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a loaded value is stored with the fence of its miss"]
pub struct Fence<K> {
    key: K,
    marks: Option<Marks>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Marks {
    tier: u64,
    seen: [u64; 4],
}

impl<K> Fence<K> {
    /// A fence of the tier numbered `tier`, which had these marks at the time. For implementers.
    pub const fn open(key: K, tier: u64, seen: [u64; 4]) -> Self {
        Self { key, marks: Some(Marks { tier, seen }) }
    }

    /// A fence under which nothing is stored: the subject is barred. For implementers.
    pub const fn shut(key: K) -> Self {
        Self { key, marks: None }
    }

    /// The key that was looked up.
    pub const fn key(&self) -> &K {
        &self.key
    }

    /// The key, and the marks if `tier` may store under this fence. For implementers.
    pub fn into_parts(self, tier: u64) -> (K, Option<[u64; 4]>) {
        (self.key, self.marks.filter(|marks| marks.tier == tier).map(|marks| marks.seen))
    }
}

/// Keeps a tier from keeping anything about one subject, until it is lifted or runs out.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a bar that is not lifted stays until it runs out"]
pub struct Bar {
    tier: u64,
    token: u64,
    clinic: ClinicId,
    subject: Uuid,
}

impl Bar {
    /// A bar of the tier numbered `tier`, known to it as `token`. For implementers.
    pub const fn new(tier: u64, token: u64, clinic: ClinicId, subject: Uuid) -> Self {
        Self { tier, token, clinic, subject }
    }

    /// The tier's number for it, if it is of this tier. For implementers.
    #[must_use]
    pub fn token(&self, tier: u64) -> Option<u64> {
        (self.tier == tier).then_some(self.token)
    }

    /// What it is about.
    #[must_use]
    pub const fn subject(&self) -> (ClinicId, Uuid) {
        (self.clinic, self.subject)
    }
}
