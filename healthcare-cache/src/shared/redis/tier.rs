use super::{build::RedisSharedBuilder, known::Known, listen::Sources, luck::Luck, script::Scripts, value};
use crate::{
    Mark, ScopeMark,
    shared::{
        error::SharedError,
        limits::{self, SharedLimits},
        tier::{Listener, SharedTier},
        types::{
            Fetched, Filled, Forget, Lease, LeaseToken, Leased, NewEntry, Seen, SharedBar, Sought, Verb,
            Verdict,
        },
    },
};
use async_trait::async_trait;
use healthcare_resilience::{RedisInput, RedisLink, RedisScript};
use redis::FromRedisValue;
use std::{sync::Arc, time::Duration};

/// The shared tier in Redis, Valkey or Dragonfly, alone or as a cluster: over the host's own connection or pool.
///
/// Each clinic lies in one slot, and each call about it is one script: one round trip (two when the server has
/// forgotten the script). Looks are plain commands in one round trip, which cost the server much less; when those cannot say that
/// a value is current, the script is asked as well, and at once while that happens often. Names are hashes, values are kept as they
/// are given: seal them.
///
/// In a cluster give it a connection of the whole cluster. Its user needs, with the prefix `cache`, the keys `~cache:*`, the
/// channel `&cache:bus`, and `+eval +evalsha +del +get +getex +hdel +hget +hmget +hset +mget +pexpire +pttl +set +time +unlink
/// +zadd +zcard +zcount +zmscore +zrange +zrangebyscore +zremrangebyscore +zrevrangebyscore +zscore +publish +subscribe`; what is missing is
/// told as [`SharedError::Refused`]. Memory may be bounded by any policy: what is evicted makes more forgotten, never less.
///
/// ```no_run
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// use healthcare_cache::RedisShared;
///
/// let client = redis::Client::open("redis://127.0.0.1/")?;
/// // One that finds its way back when the server was restarted, as a pool does.
/// let connection = client.get_connection_manager().await?;
/// let tier = RedisShared::builder().connection(connection).listener(client).prefix("clinic-server").build()?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct RedisShared(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) link: RedisLink,
    sources: Sources,
    pub(super) scripts: Scripts,
    prefix: String,
    pub(super) limits: SharedLimits,
    pub(super) known: Known,
    pub(super) luck: Luck,
}

/// What every script about a clinic answers first: its epoch, number and generation.
type Answer<T> = (String, u64, u64, T);

impl RedisShared {
    /// Begins a description.
    pub fn builder() -> RedisSharedBuilder {
        RedisSharedBuilder::new()
    }
}

impl Inner {
    pub(super) fn new(link: RedisLink, sources: Sources, prefix: String, limits: SharedLimits) -> Self {
        Self {
            link,
            sources,
            scripts: Scripts::new(),
            prefix,
            limits,
            known: Known::default(),
            luck: Luck::new(),
        }
    }

    pub(super) fn name(&self, scope: ScopeMark, rest: &str) -> String {
        let scope = u128::from_be_bytes(scope.0);
        format!("{}:{{{scope:032x}}}:{rest}", self.prefix)
    }

    pub(super) fn value_name(&self, scope: ScopeMark, key: Mark) -> String {
        self.name(scope, &format!("v:{:032x}", u128::from_be_bytes(key.0)))
    }

    pub(super) fn lease_name(&self, scope: ScopeMark, key: Mark) -> String {
        self.name(scope, &format!("l:{:032x}", u128::from_be_bytes(key.0)))
    }

    /// Where notices are told.
    fn channel(&self) -> String {
        format!("{}:bus", self.prefix)
    }

    /// The keys and arguments that all scripts about a clinic begin with.
    pub(super) fn question(&self, scope: ScopeMark) -> RedisInput {
        let (epoch, number) = self.known.of(scope);
        RedisInput::new()
            .key(self.name(scope, "s"))
            .key(self.name(scope, "m"))
            .arg(format!("{:016x}", fastrand::u64(..)))
            .arg(format!("{epoch:016x}"))
            .arg(number)
            .arg(self.known.generation())
            .arg(self.limits.markers_ms())
    }

    pub(super) async fn run<T: FromRedisValue>(
        &self,
        code: &RedisScript,
        question: &RedisInput,
    ) -> Result<T, SharedError> {
        let value = code.run(&self.link, question).await.map_err(SharedError::from)?;
        redis::from_redis_value(value).map_err(|_| SharedError::Garbled)
    }

    pub(super) fn learn(
        &self,
        scope: ScopeMark,
        epoch: &str,
        number: u64,
        generation: u64,
    ) -> Result<Seen, SharedError> {
        let epoch = u64::from_str_radix(epoch, 16).map_err(|_| SharedError::Garbled)?;
        self.known.learn(scope, epoch, number);
        self.known.hear(generation);
        Ok(Seen { epoch, number, generation })
    }

    async fn seen(
        &self,
        scope: ScopeMark,
        code: &RedisScript,
        question: &RedisInput,
    ) -> Result<Seen, SharedError> {
        let (epoch, number, generation): (String, u64, u64) = self.run(code, question).await?;
        self.learn(scope, &epoch, number, generation)
    }

    async fn verdict(
        &self,
        scope: ScopeMark,
        code: &RedisScript,
        question: &RedisInput,
    ) -> Result<Verdict, SharedError> {
        let (epoch, number, generation, verdict): Answer<u8> = self.run(code, question).await?;
        self.learn(scope, &epoch, number, generation)?;
        verdict_of(verdict)
    }
}

pub(super) fn verdict_of(number: u8) -> Result<Verdict, SharedError> {
    match number {
        0 => Ok(Verdict::Current),
        1 => Ok(Verdict::Over),
        2 => Ok(Verdict::Stale),
        3 => Ok(Verdict::Barred),
        _ => Err(SharedError::Garbled),
    }
}

#[async_trait]
impl SharedTier for RedisShared {
    async fn fetch_many(&self, scope: ScopeMark, sought: &[Sought<'_>]) -> Result<Vec<Fetched>, SharedError> {
        self.0.look_for_all(scope, sought).await
    }

    async fn fetch_or_lease(
        &self,
        scope: ScopeMark,
        sought: Sought<'_>,
        lease: Lease,
    ) -> Result<Leased, SharedError> {
        self.0.look_or_lease(scope, sought, lease).await
    }

    async fn release(&self, scope: ScopeMark, key: Mark, token: LeaseToken) -> Result<(), SharedError> {
        let question = self.0.question(scope).key(self.0.lease_name(scope, key)).arg(hexadecimal(token.0));
        self.0.seen(scope, &self.0.scripts.release, &question).await.map(|_| ())
    }

    async fn fill(&self, scope: ScopeMark, entry: NewEntry<'_>) -> Result<Filled, SharedError> {
        limits::entry_marks(entry.marks.len())?;
        let life = match self.0.limits.takes(&entry) {
            Ok(life) => life,
            Err(refused) => {
                if let Some(token) = entry.lease {
                    self.release(scope, entry.key, token).await?;
                }
                return Ok(refused);
            }
        };
        let mut question = self
            .0
            .question(scope)
            .key(self.0.value_name(scope, entry.key))
            .arg(format!("{:016x}", entry.seen.epoch))
            .arg(entry.seen.number)
            .arg(life)
            .arg(value::encode(&entry))
            .arg(entry.lease.map(|token| hexadecimal(token.0)).unwrap_or_default())
            .arg(&entry.key.0);
        if entry.lease.is_some() {
            question = question.key(self.0.lease_name(scope, entry.key));
        }
        for mark in entry.marks {
            question = question.arg(&mark.0);
        }
        Ok(match self.0.verdict(scope, &self.0.scripts.fill, &question).await? {
            Verdict::Current => Filled::Stored,
            Verdict::Barred => Filled::Barred,
            Verdict::Over | Verdict::Stale => Filled::Stale,
        })
    }

    async fn check(&self, scope: ScopeMark, marks: &[Mark], seen: Seen) -> Result<Verdict, SharedError> {
        limits::named(marks.len())?;
        if self.0.is_plainly_current(scope, marks, seen).await? {
            return Ok(Verdict::Current);
        }
        let mut question = self.0.question(scope).arg(format!("{:016x}", seen.epoch)).arg(seen.number);
        for mark in marks {
            question = question.arg(&mark.0);
        }
        self.0.verdict(scope, &self.0.scripts.check, &question).await
    }

    async fn forget(&self, scope: ScopeMark, forget: Forget<'_>, notice: &[u8]) -> Result<Seen, SharedError> {
        limits::named(forget.marks.len() + forget.keys.len())?;
        limits::notice(notice)?;
        let mut question = self.0.asked_to_forget(scope, forget.verb, "marks", notice);
        for &mark in forget.marks.iter().chain(forget.keys) {
            question = question.arg(&mark.0);
        }
        if forget.verb == Verb::Purge {
            for &key in forget.keys {
                question = question.key(self.0.value_name(scope, key));
            }
        }
        self.0.seen(scope, &self.0.scripts.forget, &question).await
    }

    async fn forget_clinic(&self, scope: ScopeMark, verb: Verb, notice: &[u8]) -> Result<Seen, SharedError> {
        limits::notice(notice)?;
        let question = self.0.asked_to_forget(scope, verb, "clinic", notice);
        self.0.seen(scope, &self.0.scripts.forget, &question).await
    }

    async fn purge_all(&self, notice: &[u8]) -> Result<u64, SharedError> {
        limits::notice(notice)?;
        self.0.ask_generation("next", notice).await
    }

    async fn generation(&self) -> Result<u64, SharedError> {
        self.0.ask_generation("look", &[]).await
    }

    fn hear(&self, generation: u64) {
        self.0.known.hear(generation);
    }

    async fn bar(
        &self,
        scope: ScopeMark,
        marks: &[Mark],
        longest: Duration,
        notice: &[u8],
    ) -> Result<SharedBar, SharedError> {
        limits::entry_marks(marks.len())?;
        limits::notice(notice)?;
        let token = fastrand::u128(..).to_be_bytes();
        let mut question = self
            .0
            .question(scope)
            .arg(hexadecimal(token))
            .arg(self.0.limits.bar_ms(longest)?)
            .arg(u64::from(self.0.limits.bars_kept))
            .arg(self.0.channel())
            .arg(notice);
        for mark in marks {
            question = question.arg(&mark.0);
        }
        self.0.seen(scope, &self.0.scripts.bar, &question).await?;
        Ok(SharedBar::new(scope, marks.to_vec(), token))
    }

    async fn lift(&self, bar: &SharedBar, notice: &[u8]) -> Result<Seen, SharedError> {
        limits::entry_marks(bar.marks.len())?;
        limits::notice(notice)?;
        let mut question = self
            .0
            .question(bar.scope)
            .arg(hexadecimal(bar.token))
            .arg(u64::from(self.0.limits.marks_kept))
            .arg(self.0.channel())
            .arg(notice);
        for mark in &bar.marks {
            question = question.arg(&mark.0);
        }
        self.0.seen(bar.scope, &self.0.scripts.lift, &question).await
    }

    async fn say(&self, notice: &[u8]) -> Result<(), SharedError> {
        limits::notice(notice)?;
        let mut command = redis::cmd("PUBLISH");
        command.arg(self.0.channel()).arg(notice);
        self.0.link.send(&command).await?;
        Ok(())
    }

    async fn listen(&self) -> Result<Box<dyn Listener>, SharedError> {
        Ok(Box::new(self.0.sources.listen(&self.0.channel()).await?))
    }
}

impl Inner {
    fn asked_to_forget(&self, scope: ScopeMark, verb: Verb, what: &str, notice: &[u8]) -> RedisInput {
        let verb = match verb {
            Verb::Purge => "purge",
            Verb::Expire => "expire",
        };
        self.question(scope)
            .arg(verb)
            .arg(u64::from(self.limits.marks_kept))
            .arg(what)
            .arg(self.channel())
            .arg(notice)
    }

    async fn ask_generation(&self, what: &str, notice: &[u8]) -> Result<u64, SharedError> {
        let question = RedisInput::new()
            .key(format!("{}:g", self.prefix))
            .arg(self.known.generation())
            .arg(what)
            .arg(self.channel())
            .arg(notice);
        let generation = self.run(&self.scripts.generation, &question).await?;
        Ok(self.known.hear(generation))
    }
}

pub(super) fn hexadecimal(token: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(token))
}
