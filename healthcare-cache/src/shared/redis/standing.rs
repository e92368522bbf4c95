//! Where a clinic stands and what was forgotten of it, as plain commands tell it.

use crate::{
    Mark,
    shared::{error::SharedError, types::Seen},
};
use redis::{Cmd, Value, from_redis_value};
use std::collections::HashMap;

/// The score from which on a mark is barred: the scripts' `BAR`.
const BAR: f64 = 4_503_599_627_370_496.0;
/// The scripts' names for the epoch; the number, the generation and the floor; what was forgotten of the whole clinic; until when
/// all is barred, and when the first bar ends.
const FIELDS: [&str; 8] = ["e", "n", "g", "f", "c", "o", "a", "w"];

/// What [`scores`] and, sent after them, [`numbers`] were answered with.
///
/// What is forgotten between the two is at worst not seen in the scores, as if they had been asked for at the moment before, and the
/// numbers only ever forbid more. The other way round, marks could be dropped after a floor was read that does not know of it.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) now: Seen,
    /// What began before this number is not current, whatever it depends on.
    floor: u64,
    has_bars: bool,
    /// The number by which a mark was last forgotten. None while it is barred.
    marks: HashMap<Mark, Option<u64>>,
}

/// Asks whether the clinic's marks are those of this epoch, and when some were forgotten.
pub(super) fn scores(name: &str, epoch: u64, marks: &[Mark]) -> Cmd {
    let mut command = redis::cmd("ZMSCORE");
    command.arg(name).arg(format!("e{epoch:016x}"));
    for Mark(purged) in marks {
        let expired: Vec<u8> = [b'x'].iter().chain(purged).copied().collect();
        command.arg(purged).arg(expired);
    }
    command
}

/// Asks for the clinic's numbers.
pub(super) fn numbers(name: &str) -> Cmd {
    let mut command = redis::cmd("HMGET");
    command.arg(name);
    for field in FIELDS {
        command.arg(field);
    }
    command
}

impl Standing {
    /// Of the epoch and the marks that were asked about. None when only a script can tell: the clinic is of another epoch, has lost
    /// one of its halves, or is barred as a whole.
    ///
    /// # Errors
    /// [`SharedError::Garbled`] when these are no such answers.
    pub(super) fn read(
        epoch: u64,
        marks: &[Mark],
        scores: Value,
        numbers: Value,
    ) -> Result<Option<Self>, SharedError> {
        let scores: Vec<Option<f64>> = from_redis_value(scores).map_err(|_| SharedError::Garbled)?;
        let Some((witness, scores)) = scores.split_first().filter(|(_, rest)| rest.len() == marks.len() * 2)
        else {
            return Err(SharedError::Garbled);
        };
        let (epoch_now, [number, generation, floor, purged, expired, barred, bars]) = held(numbers)?;
        if witness.is_none() || epoch_now != format!("{epoch:016x}") || barred > 0 {
            return Ok(None);
        }
        let forgotten = scores.as_chunks::<2>().0.iter().map(last);
        Ok(Some(Self {
            now: Seen { epoch, number, generation },
            floor: floor.max(purged).max(expired),
            has_bars: bars > 0,
            marks: marks.iter().copied().zip(forgotten).collect(),
        }))
    }

    /// Whether a value with this fence that depends on these marks is certainly current.
    pub(super) fn has_current(&self, epoch: u64, number: u64, marks: impl IntoIterator<Item = Mark>) -> bool {
        if epoch != self.now.epoch || number > self.now.number || number < self.floor {
            return false;
        }
        // Then nothing has a higher number, also what was not asked about.
        let is_last = number == self.now.number && !self.has_bars;
        marks.into_iter().all(|mark| match self.marks.get(&mark) {
            Some(Some(forgotten)) => *forgotten <= number,
            Some(None) => false,
            None => is_last,
        })
    }
}

/// The later of a mark's purge and expiry.
fn last(scores: &[Option<f64>; 2]) -> Option<u64> {
    let last = scores.iter().flatten().copied().fold(0.0, f64::max);
    // Whole, and exact below 2^52.
    (last < BAR).then_some(last as u64)
}

fn held(numbers: Value) -> Result<(String, [u64; 7]), SharedError> {
    let fields: Vec<Option<String>> = from_redis_value(numbers).map_err(|_| SharedError::Garbled)?;
    let Some((epoch, counts)) = fields.split_first().filter(|_| fields.len() == FIELDS.len()) else {
        return Err(SharedError::Garbled);
    };
    let mut held = [0; 7];
    for (held, count) in held.iter_mut().zip(counts) {
        *held = count.as_deref().unwrap_or("0").parse().map_err(|_| SharedError::Garbled)?;
    }
    Ok((epoch.clone().unwrap_or_default(), held))
}
