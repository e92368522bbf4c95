use super::state::BreakerState;
use crate::clock::Moment;

/// The state of a circuit as one number, so that one load tells all there is to know before a call.
///
/// Three bits name the state. The rest is the generation, which no two states of one breaker's life share, or, while
/// open, the moment at which that ends. A permit carries the word it was given under: it is of today when the words are
/// equal, and stale when they are not. While open no permits are given, so that the moment need not be unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) u64);

const BITS: u32 = 3;
const CLOSED: u64 = 0;
const DISABLED: u64 = 1;
const METRICS_ONLY: u64 = 2;
const HALF_OPEN: u64 = 3;
const OPEN: u64 = 4;
const FORCED_OPEN: u64 = 5;
const MASK: u64 = (1 << BITS) - 1;
/// The end of an open time is kept in units of eight nanoseconds, which leaves three bits free. It is rounded up.
const UNIT: u64 = 1 << BITS;

impl Word {
    pub(crate) const fn new(state: BreakerState, generation: u64) -> Self {
        let state = match state {
            BreakerState::Closed => CLOSED,
            BreakerState::Disabled => DISABLED,
            BreakerState::MetricsOnly => METRICS_ONLY,
            BreakerState::HalfOpen => HALF_OPEN,
            BreakerState::Open => OPEN,
            BreakerState::ForcedOpen => FORCED_OPEN,
        };
        Self((generation << BITS) | state)
    }

    pub(crate) const fn open_until(until: Moment) -> Self {
        let units = until.as_nanos().div_ceil(UNIT);
        // The last moment of all would need one bit more.
        Self::new(BreakerState::Open, if units > u64::MAX >> BITS { u64::MAX >> BITS } else { units })
    }

    pub(crate) const fn state(self) -> BreakerState {
        match self.0 & MASK {
            CLOSED => BreakerState::Closed,
            DISABLED => BreakerState::Disabled,
            METRICS_ONLY => BreakerState::MetricsOnly,
            HALF_OPEN => BreakerState::HalfOpen,
            OPEN => BreakerState::Open,
            _ => BreakerState::ForcedOpen,
        }
    }

    /// Whether calls go through without a question.
    pub(crate) const fn is_admitting(self) -> bool {
        self.0 & MASK <= METRICS_ONLY
    }

    pub(crate) const fn is_disabled(self) -> bool {
        self.0 & MASK == DISABLED
    }

    pub(crate) const fn is_half_open(self) -> bool {
        self.0 & MASK == HALF_OPEN
    }

    /// When an open time ends.
    pub(crate) const fn until(self) -> Moment {
        Moment::from_nanos(self.0 & !MASK)
    }
}
