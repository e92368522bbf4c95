use crate::Moment;
use std::time::Duration;

/// How one call went.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub(super) began: Moment,
    pub(super) ended: Moment,
    /// How many calls were under way when it began or when it ended, itself among them.
    pub(super) in_flight: usize,
    /// It was refused or timed out behind us, so its time says nothing: a refusal is fast.
    pub(super) is_dropped: bool,
}

/// What the calls of a window showed together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Window {
    /// The mean time in nanoseconds of the calls that were not dropped, if there was one.
    pub(super) rtt: Option<f64>,
    /// The most that were under way at once.
    pub(super) in_flight: usize,
    pub(super) is_dropped: bool,
}

/// Gathers samples until a window is full.
#[derive(Debug)]
pub(super) struct Samples {
    length: Duration,
    count_min: u32,
    opened: Option<Moment>,
    count: u32,
    timed: u32,
    rtt_sum: f64,
    in_flight: usize,
    is_dropped: bool,
}

impl Samples {
    pub(super) const fn new(length: Duration, count_min: u32) -> Self {
        Self {
            length,
            count_min,
            opened: None,
            count: 0,
            timed: 0,
            rtt_sum: 0.0,
            in_flight: 0,
            is_dropped: false,
        }
    }

    /// Adds a sample, and closes the window with it once it is long enough and has seen enough.
    pub(super) fn add(&mut self, sample: Sample) -> Option<Window> {
        // One that ended before the window opened came by a clock that was set back.
        let opened = self.opened.filter(|opened| *opened <= sample.ended).unwrap_or(sample.began);
        self.opened = Some(opened);
        self.count = self.count.saturating_add(1);
        self.in_flight = self.in_flight.max(sample.in_flight);
        if sample.is_dropped {
            self.is_dropped = true;
        } else {
            self.timed = self.timed.saturating_add(1);
            self.rtt_sum += sample.ended.since(sample.began).as_nanos() as f64;
        }
        if self.count < self.count_min || sample.ended.since(opened) < self.length {
            return None;
        }
        let window = Window {
            // Zero would be no time to compare with; no call takes none.
            rtt: (self.timed > 0).then(|| (self.rtt_sum / f64::from(self.timed)).max(1.0)),
            in_flight: self.in_flight,
            is_dropped: self.is_dropped,
        };
        *self = Self::new(self.length, self.count_min);
        Some(window)
    }
}
