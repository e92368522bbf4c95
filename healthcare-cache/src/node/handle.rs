use super::{
    Reach,
    versions::{Fence, Forget, Versions},
};
use crate::{CachedAs, Mark, Namer};
use healthcare_core::{ClinicId, Clock, SystemClock};
use std::{fmt, sync::Arc, time::Duration};
use uuid::Uuid;

const SLOTS: usize = 65_536;
const CLINICS: usize = 4_096;

/// What the caches of a process share: the clock, and the numbers by which they forget. A purge by subject, tag or clinic
/// reaches every cache of the node, whatever its type. Cheap to clone; takes about 1 MiB.
///
/// ```
/// use healthcare_cache::CacheNode;
/// use healthcare_core::ClinicId;
/// use uuid::Uuid;
///
/// let node = CacheNode::new();
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// // One increment, whatever the caches hold.
/// node.purge_subject(ClinicId::random(), Uuid::now_v7()).await;
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct CacheNode(Arc<Shared>);

/// A value was forgotten, for one that takes its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Renewed {
    /// The number of the purge here: the fence of the new value.
    pub(crate) number: u64,
    pub(crate) reach: Reach,
}

struct Shared {
    versions: Versions,
    namer: Namer,
    clock: Arc<dyn Clock>,
}

impl CacheNode {
    /// A node with the system's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(Arc::new(SystemClock::default()))
    }

    /// A node by whose clock lives end.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self::assemble(clock, Namer::random())
    }

    /// A node whose marks are known beforehand, for tests.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn with_namer(clock: Arc<dyn Clock>, namer: Namer) -> Self {
        Self::assemble(clock, namer)
    }

    fn assemble(clock: Arc<dyn Clock>, namer: Namer) -> Self {
        Self(Arc::new(Shared { versions: Versions::new(SLOTS, CLINICS), namer, clock }))
    }

    /// Forgets a value, in every cache of the node that keeps one under such a key. What a load brings that is under way now
    /// is not kept.
    pub async fn purge_key<K: CachedAs>(&self, key: &K) -> Reach {
        self.renew(key).await.reach
    }

    /// Forgets everything about one person, or another subject. What a load brings that is under way now is not kept.
    pub async fn purge_subject(&self, clinic: ClinicId, subject: Uuid) -> Reach {
        self.purge_mark(self.0.namer.subject(clinic, subject));
        Reach::Everyone
    }

    /// Forgets everything of a clinic that was tagged with this.
    pub async fn purge_tag(&self, clinic: ClinicId, tag: &str) -> Reach {
        self.purge_mark(self.0.namer.tag(clinic, tag));
        Reach::Everyone
    }

    /// Forgets everything of a clinic.
    pub async fn purge_clinic(&self, clinic: ClinicId) -> Reach {
        self.0.versions.purge(Forget::Clinic(self.clinic_slot(clinic)));
        Reach::Everyone
    }

    /// Forgets everything.
    pub async fn purge_all(&self) -> Reach {
        self.0.versions.purge(Forget::Everything);
        Reach::Everyone
    }

    /// Forgets a value, for one that is to take its place.
    pub(crate) async fn renew<K: CachedAs>(&self, key: &K) -> Renewed {
        Renewed { number: self.purge_mark(self.0.namer.key(key)), reach: Reach::Everyone }
    }

    pub(crate) async fn expire_key<K: CachedAs>(&self, key: &K) -> Reach {
        self.0.versions.expire(slot(self.0.namer.key(key)));
        Reach::Everyone
    }

    pub(crate) async fn expire_tag(&self, clinic: ClinicId, tag: &str) -> Reach {
        self.0.versions.expire(self.tag_slot(clinic, tag));
        Reach::Everyone
    }

    /// A fence for a load of this key that begins now.
    pub(crate) fn fence<K: CachedAs>(&self, key: &K) -> Fence {
        let namer = &self.0.namer;
        let own = slot(namer.key(key));
        let subject = key.subject().map_or(own, |subject| slot(namer.subject(key.clinic(), subject)));
        self.0.versions.fence(self.clinic_slot(key.clinic()), own, subject)
    }

    pub(crate) fn tag_slot(&self, clinic: ClinicId, tag: &str) -> u16 {
        slot(self.0.namer.tag(clinic, tag))
    }

    pub(crate) fn versions(&self) -> &Versions {
        &self.0.versions
    }

    pub(crate) fn now(&self) -> Duration {
        self.0.clock.monotonic()
    }

    fn clinic_slot(&self, clinic: ClinicId) -> u16 {
        slot(Mark(self.0.namer.scope(clinic).0))
    }

    fn purge_mark(&self, mark: Mark) -> u64 {
        self.0.versions.purge(Forget::Mark(slot(mark)))
    }
}

const fn slot(mark: Mark) -> u16 {
    let [first, second, ..] = mark.0;
    u16::from_le_bytes([first, second])
}

impl Default for CacheNode {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CacheNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheNode").field("clock", &self.0.clock).finish_non_exhaustive()
    }
}
