use super::{Mark, Tally};
use crate::clock::Moment;
use std::{num::NonZeroU64, time::Duration};

/// How finely the past is divided. More make the edge sharper and the window larger, 12 bytes each.
pub(crate) const SLICES: usize = 32;

/// The calls of the last while, added up by slice of time.
///
/// A call is counted for at least 31/32 of the length and never for longer than the length: it goes when the slice it
/// fell into has been left behind by the whole length. Clocks may do as they like. One that stands still counts into
/// its slice; one that is set back by less than the length counts into the newest slice until it has caught up; one
/// that is set back by more starts the window anew, since nobody can say then how old the calls are.
#[derive(Debug)]
pub(crate) struct TimeWindow {
    slices: [Slice; SLICES],
    slice_nanos: NonZeroU64,
    /// Which slice since the clock's start is the newest.
    head: u64,
    sum: Tally,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slice {
    calls: u32,
    failed: u32,
    slow: u32,
}

impl TimeWindow {
    /// The last `length`, at least 32 nanoseconds.
    pub(crate) fn new(length: Duration) -> Self {
        let slice = (u64::try_from(length.as_nanos()).unwrap_or(u64::MAX) / SLICES as u64).max(1);
        Self {
            slices: [Slice::default(); SLICES],
            slice_nanos: NonZeroU64::new(slice).unwrap_or(NonZeroU64::MIN),
            head: 0,
            sum: Tally::default(),
        }
    }

    pub(crate) fn push(&mut self, mark: Mark, now: Moment) -> Tally {
        self.roll(now);
        if let Some(slice) = self.slices.get_mut(place(self.head))
            // A slice that is full counts no more, so that the sums can never differ.
            && slice.calls < u32::MAX
        {
            slice.calls += 1;
            slice.failed += u32::from(mark.is_failed);
            slice.slow += u32::from(mark.is_slow);
            self.sum.add(mark);
        }
        self.sum
    }

    pub(crate) fn tally(&mut self, now: Moment) -> Tally {
        self.roll(now);
        self.sum
    }

    pub(crate) fn clear(&mut self) {
        self.slices = [Slice::default(); SLICES];
        self.sum = Tally::default();
    }

    fn roll(&mut self, now: Moment) {
        let at = now.as_nanos() / self.slice_nanos;
        let length = SLICES as u64;
        if at.abs_diff(self.head) >= length {
            self.clear();
            self.head = at;
        }
        while self.head < at {
            self.head += 1;
            if let Some(slice) = self.slices.get_mut(place(self.head)) {
                self.sum.calls -= u64::from(slice.calls);
                self.sum.failed -= u64::from(slice.failed);
                self.sum.slow -= u64::from(slice.slow);
                *slice = Slice::default();
            }
        }
    }
}

const fn place(slice: u64) -> usize {
    (slice % SLICES as u64) as usize
}
