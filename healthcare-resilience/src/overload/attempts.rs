use crate::Moment;
use std::time::Duration;

const SLICES: usize = 10;

/// What a window of time saw, in ten slices of it: constant memory, whatever the traffic.
#[derive(Debug)]
pub(super) struct Attempts {
    slice: u64,
    slices: [Slice; SLICES],
    newest: u64,
    total: Slice,
}

/// Counts of one slice, or of all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Slice {
    /// Calls that were wanted, counted when they were: sent or refused here.
    pub(super) wanted: u64,
    /// Calls that the callee accepted.
    pub(super) accepted: u64,
    /// Calls that came back, accepted or not.
    pub(super) ended: u64,
}

impl Attempts {
    pub(super) fn new(window: Duration) -> Self {
        let slice = (crate::clock::nanos(window) / SLICES as u64).max(1);
        Self { slice, slices: [Slice::default(); SLICES], newest: 0, total: Slice::default() }
    }

    /// The sums of the window that ends `now`.
    pub(super) fn total(&mut self, now: Moment) -> Slice {
        self.roll(now);
        self.total
    }

    /// One more call is wanted. Returns the slice it is counted in.
    pub(super) fn want(&mut self, now: Moment) -> u64 {
        self.roll(now);
        let newest = self.newest;
        self.change(newest, |slice| slice.wanted += 1);
        newest
    }

    /// A call came back.
    pub(super) fn end(&mut self, now: Moment, is_accepted: bool) {
        self.roll(now);
        self.change(self.newest, |slice| {
            slice.ended += 1;
            slice.accepted += u64::from(is_accepted);
        });
    }

    /// A call that was counted in `number` was not made after all, or nobody knows how it ended.
    pub(super) fn forget(&mut self, now: Moment, number: u64) {
        self.roll(now);
        // One that lies ahead was counted before the clock was set back.
        if self.newest.checked_sub(number).is_some_and(|age| age < SLICES as u64) {
            self.change(number, |slice| slice.wanted = slice.wanted.saturating_sub(1));
        }
    }

    /// Empties the slices that are older than the window. A clock that is set back by less than the window changes
    /// nothing; one that is set back by more starts the window anew, since nobody can say then how old the calls are.
    fn roll(&mut self, now: Moment) {
        let number = now.as_nanos() / self.slice;
        if number.abs_diff(self.newest) >= SLICES as u64 {
            (self.slices, self.total) = ([Slice::default(); SLICES], Slice::default());
            self.newest = number;
        }
        while self.newest < number {
            self.newest += 1;
            self.change(self.newest, |slice| *slice = Slice::default());
        }
    }

    /// Changes one slice, and the total with it.
    fn change(&mut self, number: u64, change: impl FnOnce(&mut Slice)) {
        let Some(slice) = self.slices.get_mut((number % SLICES as u64) as usize) else { return };
        let before = *slice;
        change(slice);
        let total = &mut self.total;
        total.wanted = total.wanted - before.wanted + slice.wanted;
        total.accepted = total.accepted - before.accepted + slice.accepted;
        total.ended = total.ended - before.ended + slice.ended;
    }
}
