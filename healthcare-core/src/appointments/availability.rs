//! When there is room: working hours, less what is claimed.

use crate::{Interval, WeeklyHours, Zone};
use jiff::{SignedDuration, Timestamp, ToSpan};

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct AvailabilityQuery<'a> {
    /// The practitioner's hours.
    pub hours: &'a WeeklyHours,
    /// Where their clocks are.
    pub zone: &'a Zone,
    /// How long the appointment takes.
    pub duration: SignedDuration,
    /// From when.
    pub from: Timestamp,
    /// Up to when.
    pub to: Timestamp,
    /// Now: nothing is offered that has begun.
    pub now: Timestamp,
}

/// The range or duration is not one that is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("ask for at most 31 days, `from` before `to`, and 5 minutes to 8 hours")]
pub struct InvalidRange;

/// Free times, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Availability(Vec<Interval>);

impl Availability {
    /// The most days one question may span.
    pub const DAYS_MAX: i64 = 31;
    /// The most times one answer holds.
    pub const SLOTS_MAX: usize = 2000;

    /// The free times: a grid from the start of each window in steps of the duration, without what overlaps `busy`.
    ///
    /// # Errors
    /// [`InvalidRange`] when the range is empty or too long, or the duration out of range.
    pub fn find(query: &AvailabilityQuery<'_>, busy: &[Interval]) -> Result<Self, InvalidRange> {
        let span = query.to.duration_since(query.from);
        let good = span > SignedDuration::ZERO
            && span <= SignedDuration::from_hours(24 * Self::DAYS_MAX + 1)
            && (SignedDuration::from_mins(5)..=SignedDuration::from_hours(8)).contains(&query.duration);
        if !good {
            return Err(InvalidRange);
        }
        let mut slots: Vec<Interval> =
            windows(query).flat_map(|window| grid(window, query.duration)).collect();
        slots.retain(|slot| {
            slot.starts() >= query.from.max(query.now)
                && slot.ends() <= query.to
                && !busy.iter().any(|taken| taken.overlaps(slot))
        });
        slots.sort_by_key(Interval::starts);
        slots.dedup();
        slots.truncate(Self::SLOTS_MAX);
        Ok(Self(slots))
    }

    /// The times.
    #[must_use]
    pub fn slots(&self) -> &[Interval] {
        &self.0
    }

    /// Whether working hours hold all of `interval`.
    #[must_use]
    pub fn works_during(hours: &WeeklyHours, zone: &Zone, interval: &Interval) -> bool {
        days(zone, interval.starts(), interval.ends())
            .flat_map(|day| hours.on(day, zone).collect::<Vec<_>>())
            .any(|window| window.starts() <= interval.starts() && interval.ends() <= window.ends())
    }
}

fn windows(query: &AvailabilityQuery<'_>) -> impl Iterator<Item = Interval> {
    days(query.zone, query.from, query.to).flat_map(|day| query.hours.on(day, query.zone).collect::<Vec<_>>())
}

/// The local days that could hold a part of the range: from the day before, whose last window may go past midnight.
fn days(zone: &Zone, from: Timestamp, to: Timestamp) -> impl Iterator<Item = jiff::civil::Date> {
    let first = from.to_zoned(zone.as_jiff().clone()).date();
    let last = to.to_zoned(zone.as_jiff().clone()).date();
    let first = first.checked_sub(1.day()).unwrap_or(first);
    first.series(1.day()).take_while(move |day| *day <= last)
}

fn grid(window: Interval, step: SignedDuration) -> impl Iterator<Item = Interval> {
    std::iter::successors(Some(window.starts()), move |at| at.checked_add(step).ok())
        .map_while(move |start| Interval::new(start, start.checked_add(step).ok()?).ok())
        .take_while(move |slot| slot.ends() <= window.ends())
}
