//! The brake on sign-ins: guessing gets slow, and nobody can lock somebody else out with it.
//!
//! Three counts, each forgotten after a day without a failure:
//! - **account and source together**: a few free failures, then waits that double up to a quarter of an hour;
//! - **source**: the same with a larger allowance, because a whole clinic may share one address;
//! - **account**: after many failures from anywhere, attempts from sources that never signed in to it must queue, one every
//!   half minute between them. A source the owner has used before is exempt: an attacker elsewhere cannot lock them out.
//!
//! An attempt is charged when it is admitted, not when it fails: a thousand at the same moment are a thousand failures.
//! Memory is bounded; a count is dropped only to make room for ones touched later, each of which cost a password hash.

use crate::bounded::Bounded;
use healthcare_core::Clock;
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How much the throttle permits.
#[derive(Debug, Clone, Copy)]
pub struct ThrottleConfig {
    /// Failures of one account from one source before waits begin. Default 5.
    pub free_failures: u32,
    /// Failures from one source, whatever the account, before waits begin. Default 50.
    pub source_failures: u32,
    /// Failures of one account, whatever the source, before strangers must queue. Default 20.
    pub account_failures: u32,
    /// The first wait; each one after it is twice as long. Default 2 seconds.
    pub first_wait: Duration,
    /// The longest wait. Default 15 minutes: at most 100 guesses a day.
    pub longest_wait: Duration,
    /// How far apart strangers are spaced. Default 30 seconds.
    pub stranger_pace: Duration,
    /// After this long without an attempt a count starts over. Default 24 hours.
    pub forget_after: Duration,
    /// The most entries of each of the three tables. Default 100,000.
    pub entries: usize,
}

impl Default for ThrottleConfig {
    fn default() -> Self {
        Self {
            free_failures: 5,
            source_failures: 50,
            account_failures: 20,
            first_wait: Duration::from_secs(2),
            longest_wait: Duration::from_secs(900),
            stranger_pace: Duration::from_secs(30),
            forget_after: Duration::from_secs(86_400),
            entries: 100_000,
        }
    }
}

/// Wait before the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many failed sign-ins: wait {} seconds", .retry_after.as_secs())]
pub struct Throttled {
    /// How long, rounded up to a whole second; for `Retry-After`.
    pub retry_after: Duration,
}

/// An account as the throttle knows it: a keyed hash of what was typed, so that it works alike for accounts that do not exist.
pub type AccountKey = [u8; 32];

/// The throttle. Clones share the counts.
#[derive(Clone)]
pub struct Throttle(Arc<Inner>);

struct Inner {
    config: ThrottleConfig,
    clock: Arc<dyn Clock>,
    tables: Mutex<Tables>,
}

struct Tables {
    pairs: Bounded<(AccountKey, IpAddr), Count>,
    sources: Bounded<IpAddr, Count>,
    accounts: Bounded<AccountKey, Count>,
}

#[derive(Clone, Copy, Default)]
struct Count {
    failures: u32,
    /// No attempt before this instant of the monotonic clock.
    next: Duration,
    touched: Duration,
    /// Somebody has signed in to the account from this source.
    known: bool,
}

impl fmt::Debug for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle").field("config", &self.0.config).finish_non_exhaustive()
    }
}

/// An admitted attempt, charged as a failure until it says otherwise.
#[derive(Debug)]
#[must_use = "an attempt that is dropped counts as a failure"]
pub struct Attempt {
    throttle: Throttle,
    account: AccountKey,
    source: IpAddr,
}

impl Throttle {
    /// A throttle with this configuration.
    #[must_use]
    pub fn new(config: ThrottleConfig, clock: Arc<dyn Clock>) -> Self {
        let tables = Tables {
            pairs: Bounded::new(config.entries),
            sources: Bounded::new(config.entries),
            accounts: Bounded::new(config.entries),
        };
        Self(Arc::new(Inner { config, clock, tables: Mutex::new(tables) }))
    }

    /// Lets an attempt begin, or says how long to wait. IPv6 sources count by their /64, a source that is not known as one.
    ///
    /// # Errors
    /// [`Throttled`]; an attempt that was not admitted counts for nothing.
    pub fn admit(&self, account: AccountKey, source: Option<IpAddr>) -> Result<Attempt, Throttled> {
        let (config, now, source) = (&self.0.config, self.0.clock.monotonic(), network(source));
        let mut tables = self.0.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let mut pair = current(&mut tables.pairs, &(account, source), config, now);
        let mut from = current(&mut tables.sources, &source, config, now);
        let mut all = current(&mut tables.accounts, &account, config, now);
        let mut next = pair.next.max(from.next);
        if !pair.known {
            next = next.max(all.next);
        }
        if next > now {
            return Err(Throttled { retry_after: whole_seconds(next.saturating_sub(now)) });
        }
        pair.charge(config, config.free_failures, now);
        from.charge(config, config.source_failures, now);
        all.failures = all.failures.saturating_add(1);
        all.touched = now;
        if !pair.known && all.failures >= config.account_failures {
            all.next = now.saturating_add(config.stranger_pace);
        }
        tables.pairs.insert((account, source), pair);
        tables.sources.insert(source, from);
        tables.accounts.insert(account, all);
        drop(tables);
        Ok(Attempt { throttle: self.clone(), account, source })
    }

    /// How many entries are held, of all three tables.
    #[must_use]
    pub fn entries(&self) -> usize {
        let tables = self.0.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables.pairs.len().saturating_add(tables.sources.len()).saturating_add(tables.accounts.len())
    }
}

impl Attempt {
    /// The password was right: the account's counts start over, and the source is known to it from now on.
    pub fn succeeded(self) {
        let mut tables = self.throttle.0.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let touched = self.throttle.0.clock.monotonic();
        tables.pairs.insert((self.account, self.source), Count { known: true, touched, ..Count::default() });
        tables.accounts.remove(&self.account);
        // Not the source's: one good account must not buy guesses at the others.
        refund(tables.sources.get_mut(&self.source), self.throttle.0.config.source_failures);
    }

    /// No password was compared (too busy, storage failed): the attempt is not held against anybody.
    pub fn withdrawn(self) {
        let config = &self.throttle.0.config;
        let mut tables = self.throttle.0.tables.lock().unwrap_or_else(PoisonError::into_inner);
        refund(tables.pairs.get_mut(&(self.account, self.source)), config.free_failures);
        refund(tables.sources.get_mut(&self.source), config.source_failures);
        refund(tables.accounts.get_mut(&self.account), config.account_failures);
    }
}

impl Count {
    fn charge(&mut self, config: &ThrottleConfig, free: u32, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        self.touched = now;
        if let Some(over) = self.failures.checked_sub(free) {
            let factor = 1_u32.checked_shl(over).unwrap_or(u32::MAX);
            let wait = config.first_wait.saturating_mul(factor).min(config.longest_wait);
            self.next = now.saturating_add(wait);
        }
    }
}

fn refund(count: Option<&mut Count>, free: u32) {
    if let Some(count) = count {
        count.failures = count.failures.saturating_sub(1);
        if count.failures < free {
            count.next = Duration::ZERO;
        }
    }
}

fn current<K: Eq + std::hash::Hash + Clone>(
    table: &mut Bounded<K, Count>,
    key: &K,
    config: &ThrottleConfig,
    now: Duration,
) -> Count {
    let count = table.get_mut(key).copied().unwrap_or_default();
    let idle = now.saturating_sub(count.touched) >= config.forget_after;
    if idle { Count { known: count.known, ..Count::default() } } else { count }
}

/// One entry for everything a single customer of a provider can send from.
fn network(source: Option<IpAddr>) -> IpAddr {
    match source.map(|ip| ip.to_canonical()) {
        None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Some(IpAddr::V6(ip)) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
        Some(ip) => ip,
    }
}

fn whole_seconds(wait: Duration) -> Duration {
    Duration::from_secs(wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)))
}
