use super::{CacheNode, Coherence, guard::Guard, joined::Joined};
use crate::{Namer, SharedTier};
use healthcare_core::{CacheCipher, Clock, SystemClock};
use std::{fmt, sync::Arc, time::Duration};

const BOUND: Duration = Duration::from_secs(3);
const BOUND_MIN: Duration = Duration::from_millis(100);
const BOUND_MAX: Duration = Duration::from_secs(3_600);
const TIME_OUT: Duration = Duration::from_millis(250);
/// Calls that fit into a bound: two in each beat.
const CALLS: u32 = 6;
const QUEUE: usize = 10_000;
const QUEUE_MAX: usize = 1_000_000;

/// The node cannot be built as described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NodeConfigError {
    /// A shared tier, and no secret that names things alike on all nodes.
    #[error("nodes that share a tier need the same secret: give them .secret(vault.secret(\"cache-names\"))")]
    NoSecret,
    /// The bound is too short or too long.
    #[error("the bound must be between 100 milliseconds and an hour")]
    Bound,
    /// A call may take longer than the beats allow.
    #[error("a call of the shared tier must end within a sixth of the bound, {max:?}, and take some time")]
    TimeOut {
        /// The longest.
        max: Duration,
    },
    /// The queue holds nothing, or too much.
    #[error("the queue must hold between 1 and 1,000,000 purges")]
    Queue,
}

/// Describes a [`CacheNode`].
///
/// ```
/// use healthcare_cache::{CacheNode, MemoryServer};
///
/// // In production a `RedisShared`, and the secret out of the vault: `vault.secret("cache-names")`.
/// let (node, coherence) =
///     CacheNode::builder().shared(MemoryServer::new().node()).secret(&[7; 32]).build()?;
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let hearing = tokio::spawn(coherence.run());
/// assert!(node.is_joined());
/// // At the shutdown.
/// hearing.abort();
/// # });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "call build()"]
pub struct NodeBuilder {
    clock: Arc<dyn Clock>,
    namer: Option<Namer>,
    shared: Option<Arc<dyn SharedTier>>,
    cipher: Option<CacheCipher>,
    bound: Duration,
    time_out: Option<Duration>,
    queue_max: usize,
}

impl NodeBuilder {
    pub(super) fn new() -> Self {
        Self {
            clock: Arc::new(SystemClock::default()),
            namer: None,
            shared: None,
            cipher: None,
            bound: BOUND,
            time_out: None,
            queue_max: QUEUE,
        }
    }

    /// By which lives end; the system's when never called.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The tier that this node shares with others. Without one, the node is right for a single process only.
    pub fn shared(mut self, tier: impl SharedTier + 'static) -> Self {
        self.shared = Some(Arc::new(tier));
        self
    }

    /// By which names are hashed, the same on all nodes: `vault.secret("cache-names")`. Nodes with different secrets do not find
    /// each other's values, and do not hear each other's purges.
    pub fn secret(mut self, secret: &[u8; 32]) -> Self {
        self.namer = Some(Namer::with_secret(secret));
        self
    }

    /// By which values are sealed before they go into the shared tier. Without it no cache of the node puts anything there.
    pub fn cipher(mut self, cipher: CacheCipher) -> Self {
        self.cipher = Some(cipher);
        self
    }

    /// The longest that another node's purge takes to be heard; three seconds when never called. A node that hears nothing for
    /// so long bypasses its memory. It beats three times as often: shorter costs more round trips.
    ///
    /// Where messages overtake each other, as between the nodes of a Redis Cluster, the time by which they do comes on top.
    pub const fn bound(mut self, bound: Duration) -> Self {
        self.bound = bound;
        self
    }

    /// The longest that one call of the shared tier takes, at most a sixth of the bound; when never called, 250 milliseconds
    /// or that sixth, whichever is less.
    pub const fn time_out(mut self, limit: Duration) -> Self {
        self.time_out = Some(limit);
        self
    }

    /// How many purges, and of how many clinics, wait while the shared tier does not answer; 10,000 when never called. When there are
    /// more, the clinic is purged as a whole, and then everything is.
    pub const fn queue_max(mut self, purges: usize) -> Self {
        self.queue_max = purges;
        self
    }

    #[cfg(feature = "testing")]
    pub(super) fn namer(mut self, namer: Namer) -> Self {
        self.namer = Some(namer);
        self
    }

    /// The node, and what keeps it coherent with the others: run that.
    ///
    /// # Errors
    /// [`NodeConfigError`] when it makes no sense.
    pub fn build(mut self) -> Result<(CacheNode, Coherence), NodeConfigError> {
        if self.bound < BOUND_MIN || self.bound > BOUND_MAX {
            return Err(NodeConfigError::Bound);
        }
        let max = self.bound / CALLS;
        let limit = self.time_out.unwrap_or_else(|| TIME_OUT.min(max));
        if limit.is_zero() || limit > max {
            return Err(NodeConfigError::TimeOut { max });
        }
        if self.queue_max == 0 || self.queue_max > QUEUE_MAX {
            return Err(NodeConfigError::Queue);
        }
        let joined = match self.shared.take() {
            Some(_) if self.namer.is_none() => return Err(NodeConfigError::NoSecret),
            Some(tier) => {
                // Its numbers are all ours but the time-out, which was looked at.
                let guard = Guard::new(tier, limit).map_err(|_| NodeConfigError::TimeOut { max })?;
                Some(Joined::new(guard, self.bound, self.queue_max))
            }
            None => None,
        };
        let node = self.assemble(joined);
        Ok((node.clone(), Coherence(node)))
    }

    /// The node, without anything it could share.
    pub(super) fn alone(self) -> CacheNode {
        self.assemble(None)
    }

    fn assemble(self, joined: Option<Joined>) -> CacheNode {
        CacheNode::assemble(self.clock, self.namer.unwrap_or_else(Namer::random), joined, self.cipher)
    }
}

impl fmt::Debug for NodeBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeBuilder")
            .field("shared", &self.shared)
            .field("cipher", &self.cipher)
            .field("bound", &self.bound)
            .finish_non_exhaustive()
    }
}
