use super::{
    error::RetryConfigError,
    tokens::{TOKEN, Taken, Tokens},
};
use crate::Clock;
use std::{fmt, sync::Arc};

const RATIO_DEFAULT: f64 = 0.2;
const RATIO_MAX: f64 = 10.0;
const FLOOR_DEFAULT: u32 = 10;
const FLOOR_MAX: u32 = 1_000_000;
const BALANCE_DEFAULT: u32 = 100;

/// Bounds retries and hedges to a share of the calls, so that they cannot multiply an outage. Cheap to clone; clones
/// are the same budget, for several retries and hedges together.
///
/// Each call deposits `ratio` of a token when it is sent; each further try takes a whole one, before its wait. So of
/// `n` calls at most `n × ratio` are tried again, plus the floor: a few tokens a second that let a service with little
/// traffic retry at all. The count is exact, in millionths of a token, whatever the number of threads. A token that was
/// taken for a try that was never made comes back.
///
/// A call inside the tries of an outer call with the same budget deposits nothing: it is no new load. That holds
/// within a task; `tokio::spawn` loses sight of it.
///
/// ```
/// use healthcare_resilience::RetryBudget;
/// # fn main() -> Result<(), healthcare_resilience::RetryConfigError> {
/// let budget = RetryBudget::builder("billing").ratio(0.5).floor_per_second(0).build()?;
/// budget.record_call();
/// assert!(budget.try_take().is_none());
/// budget.record_call();
/// let token = budget.try_take();
/// assert!(token.is_some_and(|token| { token.spend(); true }));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RetryBudget {
    shared: Arc<Shared>,
}

struct Shared {
    name: &'static str,
    tokens: Tokens,
    clock: Clock,
}

impl RetryBudget {
    /// A budget of 20 % of the calls and ten a second (what Finagle ships), and no more than 100 saved up.
    pub const fn builder(name: &'static str) -> RetryBudgetBuilder {
        RetryBudgetBuilder {
            name,
            ratio: RATIO_DEFAULT,
            floor_per_second: FLOOR_DEFAULT,
            balance_max: BALANCE_DEFAULT,
            clock: None,
        }
    }

    /// The default budget. Its numbers are valid by themselves.
    pub(crate) fn standard(name: &'static str, clock: Clock) -> Self {
        let deposit = TOKEN / 5;
        Self::of(name, Tokens::new(deposit, u64::from(BALANCE_DEFAULT) * TOKEN, FLOOR_DEFAULT), clock)
    }

    fn of(name: &'static str, tokens: Tokens, clock: Clock) -> Self {
        Self { shared: Arc::new(Shared { name, tokens, clock }) }
    }

    /// The name it was built with.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.shared.name
    }

    /// Whole tokens that were deposited and not taken; the floor's are not among them.
    #[must_use]
    pub fn balance(&self) -> u64 {
        self.shared.tokens.balance() / TOKEN
    }

    /// A call is sent: its share is deposited. Retry and hedge do this themselves.
    pub fn record_call(&self) {
        self.shared.tokens.deposit();
    }

    /// A token for one further try, if there is one. It comes back when it is dropped unspent.
    #[must_use]
    pub fn try_take(&self) -> Option<RetryToken> {
        let taken = self.shared.tokens.take(self.shared.clock.now())?;
        Some(RetryToken { budget: self.clone(), taken: Some(taken) })
    }

    /// Tells budgets apart.
    pub(crate) fn id(&self) -> usize {
        Arc::as_ptr(&self.shared).addr()
    }
}

impl fmt::Debug for RetryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryBudget")
            .field("name", &self.shared.name)
            .field("balance", &self.balance())
            .finish_non_exhaustive()
    }
}

/// The right to one further try. Dropped unspent, it goes back to its [`RetryBudget`].
#[derive(Debug)]
#[must_use = "a token that is dropped unspent goes back to its budget"]
pub struct RetryToken {
    budget: RetryBudget,
    taken: Option<Taken>,
}

impl RetryToken {
    /// The try is made: the token is used up.
    pub fn spend(mut self) {
        self.taken = None;
    }
}

impl Drop for RetryToken {
    fn drop(&mut self) {
        if let Some(taken) = self.taken.take() {
            self.budget.shared.tokens.give_back(taken);
        }
    }
}

/// Describes a [`RetryBudget`].
#[derive(Debug, Clone)]
#[must_use = "a budget begins with build()"]
pub struct RetryBudgetBuilder {
    name: &'static str,
    ratio: f64,
    floor_per_second: u32,
    balance_max: u32,
    clock: Option<Clock>,
}

impl RetryBudgetBuilder {
    /// Further tries per call, from 0 to 10, kept to a millionth. Default 0.2.
    pub const fn ratio(mut self, ratio: f64) -> Self {
        self.ratio = ratio;
        self
    }

    /// Further tries that are granted each second whatever the traffic, at most a second's worth at once, up to a
    /// million. Default 10; zero for none.
    pub const fn floor_per_second(mut self, tries: u32) -> Self {
        self.floor_per_second = tries;
        self
    }

    /// Most tokens that can be saved up in quiet times, at least one. Default 100. It is what a sudden outage may cost
    /// at once.
    pub const fn balance_max(mut self, tokens: u32) -> Self {
        self.balance_max = tokens;
        self
    }

    /// The clock of the floor.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Builds it, empty.
    ///
    /// # Errors
    /// When a number is out of its range, or when nothing would ever be granted.
    pub fn build(self) -> Result<RetryBudget, RetryConfigError> {
        if !(0.0..=RATIO_MAX).contains(&self.ratio) {
            return Err(RetryConfigError::Ratio { max: RATIO_MAX });
        }
        if self.balance_max == 0 {
            return Err(RetryConfigError::NoBalance);
        }
        if self.floor_per_second > FLOOR_MAX {
            return Err(RetryConfigError::Floor { max: FLOOR_MAX });
        }
        // In range, so it neither overflows nor loses more than half a millionth.
        let deposit = (self.ratio * TOKEN as f64).round() as u64;
        if deposit == 0 && self.floor_per_second == 0 {
            return Err(RetryConfigError::NothingGranted);
        }
        let tokens = Tokens::new(deposit, u64::from(self.balance_max) * TOKEN, self.floor_per_second);
        Ok(RetryBudget::of(self.name, tokens, self.clock.unwrap_or_default()))
    }
}
