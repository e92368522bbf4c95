use super::{
    bars::{Bars, Lapse},
    guard::Guard,
    hears::Hears,
    joined::Joined,
    queue::Owed,
    versions::{Fence, Forget, Versions},
};
use crate::{CachedAs, Mark, Namer, NodeBuilder, ScopeMark, Verb, report::NodeReport};
use healthcare_core::{CacheCipher, ClinicId, Clock};
use healthcare_resilience::CircuitBreaker;
use std::{fmt, sync::Arc, time::Duration};
use uuid::Uuid;

const SLOTS: usize = 65_536;
const CLINICS: usize = 4_096;

/// What the caches of a process share: the clock, the names, the numbers by which they forget, the bars, and the tier that
/// other processes share with it, if there is one. A purge by subject, tag or clinic reaches every cache of the node,
/// whatever its type. Cheap to clone; takes about 1 MiB.
///
/// [`new`](Self::new) is a node alone: right for a program that runs as a single process. Several processes need a shared
/// tier, or they do not hear of each other's purges: see [`builder`](Self::builder).
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
pub struct CacheNode(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub(super) versions: Versions,
    pub(super) namer: Namer,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) hears: Hears,
    pub(super) bars: Bars,
    pub(super) joined: Option<Joined>,
    pub(super) cipher: Option<CacheCipher>,
    pub(super) report: NodeReport,
}

/// What a key is called, and what it depends on beside its tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) scope: ScopeMark,
    pub(crate) key: Mark,
    pub(crate) subject: Option<Mark>,
}

impl CacheNode {
    /// A node with the system's clock, alone.
    #[must_use]
    pub fn new() -> Self {
        NodeBuilder::new().alone()
    }

    /// Describes a node.
    pub fn builder() -> NodeBuilder {
        NodeBuilder::new()
    }

    /// A node by whose clock lives end, alone.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        NodeBuilder::new().clock(clock).alone()
    }

    /// A node whose marks are known beforehand, for tests.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn with_namer(clock: Arc<dyn Clock>, namer: Namer) -> Self {
        NodeBuilder::new().clock(clock).namer(namer).alone()
    }

    pub(super) fn assemble(
        clock: Arc<dyn Clock>,
        namer: Namer,
        joined: Option<Joined>,
        cipher: Option<CacheCipher>,
    ) -> Self {
        let hears = if joined.is_some() { Hears::nothing() } else { Hears::always() };
        #[allow(clippy::default_constructed_unit_structs, reason = "it is one where nothing is counted")]
        let report = NodeReport::default();
        if joined.is_some() {
            report.deaf_since(clock.monotonic());
        }
        Self(Arc::new(Shared {
            versions: Versions::new(SLOTS, CLINICS),
            namer,
            clock,
            hears,
            bars: Bars::new(),
            joined,
            cipher,
            report,
        }))
    }

    /// What a subject is called: for [`bar`](Self::bar).
    #[must_use]
    pub fn subject_mark(&self, clinic: ClinicId, subject: Uuid) -> Mark {
        self.0.namer.subject(clinic, subject)
    }

    /// What a key is called: for [`bar`](Self::bar).
    #[must_use]
    pub fn key_mark<K: CachedAs>(&self, key: &K) -> Mark {
        self.0.namer.key(key)
    }

    /// What a tag is called: for [`bar`](Self::bar).
    #[must_use]
    pub fn tag_mark(&self, clinic: ClinicId, tag: &str) -> Mark {
        self.0.namer.tag(clinic, tag)
    }

    /// Whether both are handles of one node.
    #[cfg(feature = "axum")]
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether it shares a tier with other processes.
    #[must_use]
    pub fn is_joined(&self) -> bool {
        self.0.joined.is_some()
    }

    /// Whether it hears the others now, and so trusts its memory. A node alone always does; one that shares a tier only
    /// while its [`Coherence`](crate::Coherence) runs and the tier answers.
    #[must_use]
    pub fn is_hearing(&self) -> bool {
        self.hears(self.now())
    }

    /// The circuits round the shared tier, for health pages: `cache-shared` for what callers ask of it, `cache-bus` for
    /// what keeps the node hearing. None for a node alone.
    #[must_use]
    pub fn circuits(&self) -> Vec<CircuitBreaker> {
        self.0.joined.iter().flat_map(|joined| joined.guard.circuits()).collect()
    }

    /// How many purges wait for the shared tier to answer.
    #[must_use]
    pub fn queue_len(&self) -> usize {
        self.0.joined.as_ref().map_or(0, |joined| joined.debt.len())
    }

    /// Whether what the memory holds may be served now. Asked before the versions are: see [`Hears`].
    pub(crate) fn hears(&self, now: Duration) -> bool {
        self.0.hears.covers(super::nanos(now))
    }

    /// The shared tier, while it may be read and filled. To be asked after the fence of the load was taken, since what is
    /// purged later is told by that.
    ///
    /// What was read from it, or refused by it when it was to be filled ([`Filled::Stale`](crate::Filled),
    /// [`Filled::Barred`](crate::Filled)), must not stay in memory either: somebody else purged or bars it.
    pub(crate) fn shared(&self) -> Option<&Guard> {
        let joined = self.0.joined.as_ref()?;
        joined.is_open(super::nanos(self.now())).then_some(&joined.guard)
    }

    /// By which values are sealed for the shared tier.
    pub(crate) fn cipher(&self) -> Option<&CacheCipher> {
        self.0.cipher.as_ref()
    }

    /// Whether something about one of these marks is being written, and nothing about it may be kept. To be asked before the
    /// fence is compared for the last time.
    pub(crate) fn is_barred(&self, marks: &[Mark]) -> bool {
        self.0.bars.hold(marks, super::nanos(self.now()), |lapse| self.lapsed(lapse))
    }

    pub(crate) fn names<K: CachedAs>(&self, key: &K) -> Names {
        let (namer, clinic) = (&self.0.namer, key.clinic());
        Names {
            scope: namer.scope(clinic),
            key: namer.key(key),
            subject: key.subject().map(|subject| namer.subject(clinic, subject)),
        }
    }

    /// A fence for a load of this key that begins now.
    pub(crate) fn fence<K: CachedAs>(&self, key: &K) -> Fence {
        self.fence_of(&self.names(key))
    }

    /// As [`fence`](Self::fence), for a key whose names are known.
    pub(crate) fn fence_of(&self, names: &Names) -> Fence {
        let own = Self::slot(names.key);
        let subject = names.subject.map_or(own, Self::slot);
        self.0.versions.fence(clinic_slot(names.scope), own, subject)
    }

    /// Where a mark counts: for what came out of the shared tier, which knows no other names.
    pub(crate) const fn slot(mark: Mark) -> u16 {
        let [first, second, ..] = mark.0;
        u16::from_le_bytes([first, second])
    }

    pub(crate) fn versions(&self) -> &Versions {
        &self.0.versions
    }

    pub(crate) fn now(&self) -> Duration {
        self.0.clock.monotonic()
    }

    #[cfg(feature = "statistics")]
    pub(crate) fn report(&self) -> (&NodeReport, Duration) {
        (&self.0.report, self.0.hears.until())
    }

    pub(super) fn scope(&self, clinic: ClinicId) -> ScopeMark {
        self.0.namer.scope(clinic)
    }

    /// Forgets in this process. The number is that of the last purge.
    pub(super) fn forget_here(&self, owed: &Owed) -> u64 {
        let versions = &self.0.versions;
        match owed {
            Owed::Marks { verb: Verb::Purge, marks, .. } => {
                let numbers = marks.iter().map(|mark| versions.purge(Forget::Mark(Self::slot(*mark))));
                numbers.max().unwrap_or_else(|| versions.last())
            }
            Owed::Marks { verb: Verb::Expire, marks, .. } => {
                marks.iter().for_each(|mark| versions.expire(Self::slot(*mark)));
                versions.last()
            }
            // Nobody expires a clinic here; who hears of it may forget more than he must.
            Owed::Clinic { scope, .. } => {
                self.forget_keys(|clinic| self.scope(clinic) == *scope);
                versions.purge(Forget::Clinic(clinic_slot(*scope)))
            }
            Owed::Everything => {
                self.forget_keys(|_| true);
                versions.purge(Forget::Everything)
            }
        }
    }

    /// The wrapped key of a clinic may have been destroyed: what is still good is loaded again when it is needed.
    fn forget_keys(&self, is_meant: impl Fn(ClinicId) -> bool) {
        if let Some(cipher) = &self.0.cipher {
            cipher.forget_where(is_meant);
        }
    }

    /// A bar ran out, and with it went what the writer would have purged.
    pub(super) fn lapsed(&self, lapse: Lapse) {
        let owed = match lapse {
            Lapse::Mark(scope, mark) => Owed::Marks { scope, verb: Verb::Purge, marks: vec![mark] },
            Lapse::Everything => Owed::Everything,
        };
        self.owe(&owed);
        self.forget_here(&owed);
    }

    pub(super) fn owe(&self, owed: &Owed) {
        if let Some(joined) = &self.0.joined {
            self.0.report.queue(joined.owe(owed));
        }
    }

    /// Walks all that it holds, and says what does not add up. For tests, while nobody else uses it.
    ///
    /// # Errors
    /// What is wrong, in words.
    #[cfg(feature = "testing")]
    pub fn validate(&self) -> Result<(), String> {
        self.0.versions.validate()?;
        self.0.bars.validate()?;
        self.0.joined.as_ref().map_or(Ok(()), Joined::validate)
    }
}

const fn clinic_slot(scope: ScopeMark) -> u16 {
    CacheNode::slot(Mark(scope.0))
}

impl Default for CacheNode {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CacheNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheNode")
            .field("clock", &self.0.clock)
            .field("is_joined", &self.is_joined())
            .finish_non_exhaustive()
    }
}
