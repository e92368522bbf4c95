//! Where a clinic stands and what was forgotten of it, as plain commands tell it.

use crate::{
    Mark,
    shared::{error::SharedError, types::Seen},
};
use redis::{Cmd, Value, from_redis_value};
use std::collections::HashMap;

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
    /// The number by which a mark was last forgotten, and one above all numbers while it is barred.
    marks: HashMap<Mark, u64>,
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

/// Asks for the clinic's numbers: what the scripts keep in one field for it.
pub(super) fn numbers(name: &str) -> Cmd {
    let mut command = redis::cmd("HGET");
    command.arg(name).arg("p");
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
        let Some((epoch_now, [number, generation, floor, barred, bars])) = held(numbers)? else {
            return Ok(None);
        };
        if witness.is_none() || epoch_now != epoch || barred > 0 {
            return Ok(None);
        }
        let forgotten = scores.as_chunks::<2>().0.iter().map(last);
        Ok(Some(Self {
            now: Seen { epoch, number, generation },
            floor,
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
            Some(forgotten) => *forgotten <= number,
            None => is_last,
        })
    }
}

/// The later of a mark's purge and expiry.
fn last(scores: &[Option<f64>; 2]) -> u64 {
    // Whole numbers below 2^53: exact.
    scores.iter().flatten().copied().fold(0.0, f64::max) as u64
}

/// Its epoch and number, its generation, what all that began before is not current, until when all is barred, and when the first bar
/// ends. None when there are none.
fn held(numbers: Value) -> Result<Option<(u64, [u64; 5])>, SharedError> {
    let Value::BulkString(numbers) = numbers else {
        return if numbers == Value::Nil { Ok(None) } else { Err(SharedError::Garbled) };
    };
    let mut words = std::str::from_utf8(&numbers).map_err(|_| SharedError::Garbled)?.split(' ');
    let epoch =
        words.next().and_then(|word| u64::from_str_radix(word, 16).ok()).ok_or(SharedError::Garbled)?;
    let mut held = [0; 5];
    for held in &mut held {
        *held = words.next().and_then(|word| word.parse().ok()).ok_or(SharedError::Garbled)?;
    }
    if words.next().is_some() { Err(SharedError::Garbled) } else { Ok(Some((epoch, held))) }
}
