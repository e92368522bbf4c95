use super::{
    bus::{Bus, Ear},
    clinic::Clinic,
    node::MemoryShared,
};
use crate::{
    ScopeMark,
    shared::limits::{SharedLimits, SharedLimitsError},
};
use healthcare_core::{Clock, SystemClock};
use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// What [`MemoryShared`] nodes share, as others share a Redis.
#[derive(Clone)]
pub struct MemoryServer {
    clinics: Arc<Mutex<HashMap<ScopeMark, Clinic>>>,
    generation: Arc<AtomicU64>,
    bus: Bus,
    clock: Arc<dyn Clock>,
    limits: SharedLimits,
}

/// Describes a [`MemoryServer`].
#[derive(Debug)]
#[must_use = "call build()"]
pub struct MemoryServerBuilder {
    clock: Arc<dyn Clock>,
    limits: SharedLimits,
}

impl MemoryServerBuilder {
    /// By which lives and bars end; the system's when never called.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// How much is kept and taken.
    pub const fn limits(mut self, limits: SharedLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The server, empty.
    ///
    /// # Errors
    /// [`SharedLimitsError`] when the limits make no sense.
    pub fn build(self) -> Result<MemoryServer, SharedLimitsError> {
        let limits = self.limits.checked()?;
        Ok(MemoryServer::with(self.clock, limits))
    }
}

/// Shows nothing of what is kept: bytes that somebody forgot to seal must not end up in a log.
impl fmt::Debug for MemoryServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryServer").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Default for MemoryServer {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryServer {
    /// With the default limits and the system's clock, empty.
    #[must_use]
    pub fn new() -> Self {
        let MemoryServerBuilder { clock, limits } = Self::builder();
        Self::with(clock, limits)
    }

    fn with(clock: Arc<dyn Clock>, limits: SharedLimits) -> Self {
        Self { clinics: Arc::default(), generation: Arc::default(), bus: Bus::default(), clock, limits }
    }

    /// Begins a description.
    pub fn builder() -> MemoryServerBuilder {
        MemoryServerBuilder { clock: Arc::new(SystemClock::default()), limits: SharedLimits::default() }
    }

    /// One more node.
    #[must_use]
    pub fn node(&self) -> MemoryShared {
        MemoryShared::new(self.clone())
    }

    /// Tells a notice to all who listen; nothing is told when it is empty.
    pub(super) fn tell(&self, notice: &[u8]) {
        self.bus.tell(notice);
    }

    pub(super) fn listen(&self) -> Ear {
        self.bus.listen()
    }

    pub(super) const fn limits(&self) -> &SharedLimits {
        &self.limits
    }

    /// Runs `with` on a clinic that is up to date, and alone.
    pub(super) fn at<O>(
        &self,
        scope: ScopeMark,
        generation: u64,
        with: impl FnOnce(&mut Clinic, std::time::Duration) -> O,
    ) -> O {
        let now = self.clock.monotonic();
        let mut clinics = self.clinics.lock().unwrap_or_else(PoisonError::into_inner);
        let clinic = clinics.entry(scope).or_insert_with(|| Clinic::new(0));
        clinic.catch_up(now, generation);
        with(clinic, now)
    }

    pub(super) fn next_generation(&self) -> u64 {
        self.generation.fetch_add(1, Ordering::AcqRel) + 1
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Loses the numbers or the marks of a clinic, as a server that evicts does.
    #[cfg(feature = "testing")]
    #[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
    pub fn lose_markers(&self, scope: ScopeMark) {
        self.at(scope, 0, |clinic, _| clinic.lose_markers());
    }

    /// Loses the values of a clinic.
    #[cfg(feature = "testing")]
    #[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
    pub fn lose_values(&self, scope: ScopeMark) {
        self.at(scope, 0, |clinic, _| clinic.lose_values());
    }
}
