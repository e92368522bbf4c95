//! The exact part of a retry budget: two numbers, each changed by one compare-and-swap.

use crate::{
    clock::Moment,
    sync::atomic::{AtomicU64, Ordering},
};

/// One token, in the unit everything here counts in. A millionth holds 0.6 and 0.15 without a remainder.
pub(crate) const TOKEN: u64 = 1_000_000;

const SECOND_NANOS: u64 = 1_000_000_000;

/// Where a token came from, so that an unused one goes back to the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    Balance,
    Floor,
}

/// What was deposited by calls, and beside it a few tokens that come with time.
#[derive(Debug)]
pub(crate) struct Tokens {
    /// Never above `balance_max`.
    balance: AtomicU64,
    balance_max: u64,
    deposit: u64,
    /// The moment at which the floor is untouched again (GCRA's theoretical arrival time).
    full_at: AtomicU64,
    /// Nanoseconds until the floor grows by a token; zero when there is none.
    floor_step: u64,
    /// How far `full_at` may lie ahead for a token to be left.
    floor_room: u64,
}

impl Tokens {
    /// `deposit` and `balance_max` in millionths of a token, the floor in tokens a second.
    pub(crate) fn new(deposit: u64, balance_max: u64, floor_per_second: u32) -> Self {
        let per_second = u64::from(floor_per_second);
        let floor_step = SECOND_NANOS.checked_div(per_second).map_or(0, |step| step.max(1));
        Self {
            balance: AtomicU64::new(0),
            balance_max,
            deposit,
            full_at: AtomicU64::new(0),
            floor_step,
            floor_room: floor_step * per_second.saturating_sub(1),
        }
    }

    /// A call is made: its share is added.
    pub(crate) fn deposit(&self) {
        self.add(self.deposit);
    }

    /// Takes a token: one that was deposited, else one of the floor's.
    pub(crate) fn take(&self, now: Moment) -> Option<Taken> {
        let from_balance = self
            .balance
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |balance| balance.checked_sub(TOKEN));
        if from_balance.is_ok() {
            return Some(Taken::Balance);
        }
        self.take_floor(now).then_some(Taken::Floor)
    }

    /// Puts back a token that was not used.
    pub(crate) fn give_back(&self, taken: Taken) {
        match taken {
            Taken::Balance => self.add(TOKEN),
            Taken::Floor => {
                let earlier = |full_at: u64| Some(full_at.saturating_sub(self.floor_step));
                // The closure always answers, so the update cannot fail. What lies before now is full, not fuller.
                let _ = self.full_at.fetch_update(Ordering::AcqRel, Ordering::Acquire, earlier);
            }
        }
    }

    /// What was deposited and not taken, in millionths of a token.
    pub(crate) fn balance(&self) -> u64 {
        self.balance.load(Ordering::Acquire)
    }

    fn add(&self, amount: u64) {
        let added = |balance: u64| {
            let sum = balance.saturating_add(amount).min(self.balance_max);
            (sum != balance).then_some(sum)
        };
        // Fails only when the balance is full: nothing is to be written then.
        let _ = self.balance.fetch_update(Ordering::AcqRel, Ordering::Acquire, added);
    }

    fn take_floor(&self, now: Moment) -> bool {
        if self.floor_step == 0 {
            return false;
        }
        let now = now.as_nanos();
        let latest = now.saturating_add(self.floor_room);
        let taken =
            |full_at: u64| (full_at <= latest).then(|| full_at.max(now).saturating_add(self.floor_step));
        self.full_at.fetch_update(Ordering::AcqRel, Ordering::Acquire, taken).is_ok()
    }
}
