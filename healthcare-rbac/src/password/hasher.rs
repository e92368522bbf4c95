//! Hashing with argon2id, off the async threads and never more at once than memory allows.

use super::Password;
use argon2::{Algorithm, Argon2, Block, Params, Version, password_hash::phc};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use ring::rand::{SecureRandom as _, SystemRandom};
use std::{
    fmt,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The cost of one hash. Stored beside each hash, so that it can grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashParams {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes (parallel chains of one hash).
    pub lanes: u32,
}

impl Default for HashParams {
    /// 19 MiB, two passes, one lane: the OWASP password storage cheat sheet's first choice for argon2id. RFC 9106 §4
    /// recommends 64 MiB and three passes where memory allows.
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2, lanes: 1 }
    }
}

/// How a [`PasswordHasher`] works.
#[derive(Debug, Clone, Copy)]
pub struct HasherConfig {
    /// The cost of new hashes.
    pub params: HashParams,
    /// The most hashes running at once: each takes one core and [`HashParams::memory_kib`].
    pub parallel: usize,
    /// The most callers that wait behind them; the next one is told [`PasswordError::Busy`].
    pub queue: usize,
}

impl Default for HasherConfig {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self { params: HashParams::default(), parallel: cores, queue: 64 }
    }
}

/// A [`HasherConfig`] that cannot work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "argon2id: 1 to 16 passes, 1 to 16 lanes, 8 KiB per lane to 1 GiB of memory, 1 to 1024 in parallel, a queue of at most 65536"
)]
pub struct InvalidConfig;

/// A stored hash, in the PHC string form `$argon2id$v=19$m=…,t=…,p=…$salt$hash`.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Box<str>);

impl PasswordHash {
    /// The PHC string, for storing.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PasswordHash {
    type Err = PasswordError;
    fn from_str(text: &str) -> Result<Self, PasswordError> {
        Parsed::read(text).map(|_| Self(text.into()))
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// What came of comparing a password with a stored hash.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The password is right.
    Right,
    /// The password is right, and its hash was made with less cost than is asked now: store this one instead, unless the
    /// stored one has changed meanwhile.
    RightRehashed(PasswordHash),
    /// The password is wrong, or there is no such user.
    Wrong,
}

/// Why a password could not be hashed or compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// Too many are waiting already.
    #[error("too many sign-ins at once: try again in a few seconds")]
    Busy,
    /// The stored hash is not an argon2id PHC string, or asks for more than 1 GiB or 16 passes.
    #[error("the stored password hash cannot be read: set the password again")]
    Unreadable,
    /// Memory for the hash, random bytes or the worker thread could not be had.
    #[error("the password could not be hashed: the machine is out of memory or of random bytes")]
    Failed(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
}

impl PasswordError {
    fn failed(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Failed(Some(cause.into()))
    }
}

/// Hashes and compares passwords. Clones share the limit.
///
/// A hash runs on a blocking thread and holds its place until it is *done*: a caller who goes away does not make room
/// for another, or a flood of cancelled requests would use all memory.
///
/// ```
/// use healthcare_rbac::password::{HashParams, HasherConfig, Password, PasswordHasher, Verdict};
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// # let config = HasherConfig { params: HashParams { memory_kib: 64, passes: 1, lanes: 1 }, ..HasherConfig::default() };
/// let hasher = PasswordHasher::new(config)?;
/// let password = Password::new("a long walk by the river")?;
/// let stored = hasher.hash(&password).await?;
/// assert_eq!(hasher.verify(&password, Some(&stored)).await?, Verdict::Right);
/// // No such user: the same work, the same answer as for a wrong password.
/// assert_eq!(hasher.verify(&password, None).await?, Verdict::Wrong);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct PasswordHasher(Arc<Inner>);

struct Inner {
    params: Params,
    cost: HashParams,
    /// A hash of this cost that no password has: all its bytes are zero.
    nobody: PasswordHash,
    /// Places for those running and those waiting.
    places: Arc<Semaphore>,
    running: Arc<Semaphore>,
    /// The memory of hashes that are done, wiped, for those to come: at most as many as run at once. Given back to an allocator it would
    /// stay with the thread that had it, and each of the runtime's many threads would come to hold some.
    memory: Mutex<Vec<Vec<Block>>>,
}

impl fmt::Debug for PasswordHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHasher").field("cost", &self.0.cost).finish_non_exhaustive()
    }
}

impl PasswordHasher {
    /// A hasher with this configuration.
    ///
    /// # Errors
    /// [`InvalidConfig`] when a cost or a limit is out of range.
    pub fn new(config: HasherConfig) -> Result<Self, InvalidConfig> {
        let cost = config.params;
        if !affordable(cost) || !(1..=1024).contains(&config.parallel) || config.queue > 65_536 {
            return Err(InvalidConfig);
        }
        Ok(Self(Arc::new(Inner {
            params: cost.argon2().map_err(|_| InvalidConfig)?,
            cost,
            nobody: cost.nobody(),
            places: Arc::new(Semaphore::new(config.parallel.saturating_add(config.queue))),
            running: Arc::new(Semaphore::new(config.parallel)),
            memory: Mutex::default(),
        })))
    }

    /// Hashes a password with a new random salt.
    ///
    /// # Errors
    /// [`PasswordError::Busy`] when the queue is full; [`PasswordError::Failed`] without memory or random bytes.
    pub async fn hash(&self, password: &Password) -> Result<PasswordHash, PasswordError> {
        let (inner, password) = (Arc::clone(&self.0), password.clone());
        self.run(move || inner.fresh(&password)).await
    }

    /// Compares a password with the stored hash. `None` stands for an unknown user or one without a password: the same
    /// work is done and the answer is [`Verdict::Wrong`].
    ///
    /// # Errors
    /// As [`PasswordHasher::hash`], and [`PasswordError::Unreadable`] for a stored text that is no argon2id hash.
    pub async fn verify(
        &self,
        password: &Password,
        stored: Option<&PasswordHash>,
    ) -> Result<Verdict, PasswordError> {
        let (inner, password, stored) = (Arc::clone(&self.0), password.clone(), stored.cloned());
        self.run(move || inner.compare(&password, stored.as_ref())).await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let place = Arc::clone(&self.0.places).try_acquire_owned().map_err(|_| PasswordError::Busy)?;
        let turn = Arc::clone(&self.0.running).acquire_owned().await.map_err(PasswordError::failed)?;
        // Both permits travel into the work: dropping this future now frees neither before the hash is done.
        let held: [OwnedSemaphorePermit; 2] = [place, turn];
        let task = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(held);
            result
        });
        task.await.map_err(PasswordError::failed)?
    }
}

impl HashParams {
    fn argon2(self) -> Result<Params, argon2::Error> {
        Params::new(self.memory_kib, self.passes, self.lanes, Some(32))
    }

    /// 16 bytes of salt and 32 of hash, all zero: in base64, as many times `A` as it takes.
    fn nobody(self) -> PasswordHash {
        let Self { memory_kib: m, passes: t, lanes: p } = self;
        let (salt, hash) = ("A".repeat(22), "A".repeat(43));
        PasswordHash(format!("$argon2id$v=19$m={m},t={t},p={p}${salt}${hash}").into())
    }
}

/// Also asked of stored hashes: a row somebody tampered with must not be able to take the machine's memory.
fn affordable(cost: HashParams) -> bool {
    (1..=16).contains(&cost.passes)
        && (1..=16).contains(&cost.lanes)
        && cost.memory_kib >= cost.lanes.saturating_mul(8)
        && cost.memory_kib <= 1024 * 1024
}

struct Parsed {
    cost: HashParams,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Parsed {
    fn read(text: &str) -> Result<Self, PasswordError> {
        let parsed = phc::PasswordHash::new(text).map_err(|_| PasswordError::Unreadable)?;
        let params = Params::try_from(&parsed).map_err(|_| PasswordError::Unreadable)?;
        let cost =
            HashParams { memory_kib: params.m_cost(), passes: params.t_cost(), lanes: params.p_cost() };
        let (Some(salt), Some(hash)) = (&parsed.salt, &parsed.hash) else {
            return Err(PasswordError::Unreadable);
        };
        let known = parsed.algorithm.as_str() == "argon2id" && parsed.version == Some(0x13);
        if !known || !affordable(cost) || hash.as_bytes().len() < 16 {
            return Err(PasswordError::Unreadable);
        }
        Ok(Self { cost, salt: salt.as_ref().to_vec(), hash: hash.as_bytes().to_vec() })
    }
}

impl Inner {
    /// The hash of these lengths and this cost.
    fn derive(
        &self,
        params: Params,
        password: &Password,
        salt: &[u8],
        out: &mut [u8],
    ) -> Result<(), PasswordError> {
        let blocks = params.block_count();
        let kept = self.memory.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut memory =
            kept.filter(|kept| kept.len() == blocks).unwrap_or_else(|| vec![Block::default(); blocks]);
        let hash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let done = hash.hash_password_into_with_memory(password.as_bytes(), salt, out, &mut memory);
        memory.fill(Block::default());
        // What a costlier stored hash took is not kept.
        if blocks == self.params.block_count() {
            self.memory.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
        }
        done.map_err(PasswordError::failed)
    }

    fn fresh(&self, password: &Password) -> Result<PasswordHash, PasswordError> {
        let (mut salt, mut out) = ([0_u8; 16], [0_u8; 32]);
        SystemRandom::new().fill(&mut salt).map_err(|_| PasswordError::Failed(None))?;
        self.derive(self.params.clone(), password, &salt, &mut out)?;
        let HashParams { memory_kib: m, passes: t, lanes: p } = self.cost;
        let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(out));
        Ok(PasswordHash(format!("$argon2id$v=19$m={m},t={t},p={p}${salt}${hash}").into()))
    }

    fn compare(&self, password: &Password, stored: Option<&PasswordHash>) -> Result<Verdict, PasswordError> {
        // For an unknown user the very same steps are taken, on a hash that belongs to nobody.
        let known = stored.is_some();
        let stored = stored.unwrap_or(&self.nobody);
        let parsed = Parsed::read(stored.as_str())?;
        let params = Params::new(
            parsed.cost.memory_kib,
            parsed.cost.passes,
            parsed.cost.lanes,
            Some(parsed.hash.len()),
        )
        .map_err(|_| PasswordError::Unreadable)?;
        let mut out = vec![0_u8; parsed.hash.len()];
        self.derive(params, password, &parsed.salt, &mut out)?;
        if !crate::secret::same(&out, &parsed.hash) || !known {
            return Ok(Verdict::Wrong);
        }
        let weaker = parsed.cost.memory_kib < self.cost.memory_kib || parsed.cost.passes < self.cost.passes;
        if weaker { self.fresh(password).map(Verdict::RightRehashed) } else { Ok(Verdict::Right) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        pin::Pin,
        sync::mpsc::{Sender, channel},
        task::Poll,
    };

    fn hasher(queue: usize) -> PasswordHasher {
        let params = HashParams { memory_kib: 64, passes: 1, lanes: 1 };
        PasswordHasher::new(HasherConfig { params, parallel: 1, queue }).expect("in range")
    }

    /// Work that ends when it is told to.
    fn held(hasher: &PasswordHasher) -> (Sender<()>, impl Future<Output = Result<(), PasswordError>>) {
        let (release, wait) = channel::<()>();
        (release, hasher.run(move || wait.recv().map_err(PasswordError::failed)))
    }

    /// What one poll gives. Never waits, so that a permit freed too early is a failure and not a hang.
    async fn once<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
        std::future::poll_fn(|cx| {
            Poll::Ready(match future.as_mut().poll(cx) {
                Poll::Ready(output) => Some(output),
                Poll::Pending => None,
            })
        })
        .await
    }

    async fn begun<F: Future>(future: Pin<&mut F>) -> bool {
        once(future).await.is_none()
    }

    #[tokio::test]
    async fn a_caller_who_left_holds_its_place_until_the_work_is_done_and_a_full_queue_is_told() {
        let hasher = hasher(1);
        let word = Password::new("a long walk by the river").expect("short enough");
        let (release, work) = held(&hasher);
        let mut work = Box::pin(work);
        assert!(begun(work.as_mut()).await);
        drop(work);
        let mut waiting = Box::pin(hasher.hash(&word));
        assert!(begun(waiting.as_mut()).await, "the work of the one who left still runs");
        assert!(
            matches!(once(Box::pin(hasher.hash(&word)).as_mut()).await, Some(Err(PasswordError::Busy))),
            "no third"
        );
        drop(waiting);
        let mut waiting = Box::pin(hasher.hash(&word));
        assert!(begun(waiting.as_mut()).await, "one who only waited frees its place at once");
        release.send(()).expect("the work waits for it");
        assert!(waiting.await.is_ok(), "and gets its turn");
        assert!(hasher.hash(&word).await.is_ok(), "no permit was lost");
    }

    #[tokio::test]
    async fn an_unknown_user_takes_a_hash_like_anybody_else() {
        let hasher = hasher(0);
        let word = Password::new("a long walk by the river").expect("short enough");
        let (release, work) = held(&hasher);
        let mut work = Box::pin(work);
        assert!(begun(work.as_mut()).await);
        // While the only place is taken there is no answer for an unknown user either: the hash is not skipped.
        assert!(matches!(hasher.verify(&word, None).await, Err(PasswordError::Busy)));
        release.send(()).expect("the work waits for it");
        assert!(work.await.is_ok());
        assert!(matches!(hasher.verify(&word, None).await, Ok(Verdict::Wrong)));
        // And it is nobody's hash that is read and computed: a broken one shows.
        let mut broken = hasher;
        Arc::get_mut(&mut broken.0).expect("the only one").nobody = PasswordHash("broken".into());
        assert!(matches!(broken.verify(&word, None).await, Err(PasswordError::Unreadable)));
    }
}
