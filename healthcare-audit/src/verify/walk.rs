//! Going through the log entry by entry.

use super::{
    layout::{Entry, Link, Next, Segment, is_at_end, last_link},
    report::{Report, Wrong},
    source::{Piece, Source},
};
use crate::{Checkpoint, CheckpointKey};
use std::io::{self, Read};
use uuid::Uuid;

/// What the next entry may be and follow. Two of each after a wrong entry: which of its parts was changed shows only in the
/// entry after it.
struct Walk<'c> {
    report: Report,
    expected: Vec<u64>,
    links: Vec<Link>,
    epoch: u64,
    batch: u64,
    log: Option<[u8; 16]>,
    checkpoint: Option<&'c Checkpoint>,
    until: u64,
}

pub(super) fn run(
    source: Source,
    checkpoint: Option<&(Checkpoint, CheckpointKey)>,
    since: bool,
    until: Option<u64>,
) -> io::Result<Report> {
    let mut pieces = source.pieces()?;
    let trusted = checkpoint
        .filter(|(checkpoint, key)| checkpoint.verify(key).is_ok())
        .map(|(checkpoint, _)| checkpoint);
    let from_start = match trusted {
        Some(checkpoint) if since => skip_before(&mut pieces, checkpoint.entries()),
        _ => true,
    };
    let mut walk = Walk {
        report: Report { from: 1, ..Report::default() },
        expected: if from_start { vec![1] } else { Vec::new() },
        links: if from_start { vec![[0; 32]] } else { Vec::new() },
        epoch: 0,
        batch: 0,
        log: None,
        checkpoint: trusted,
        until: until.unwrap_or(u64::MAX),
    };
    if checkpoint.is_some() && trusted.is_none() {
        walk.report.add("the checkpoint", 0, Wrong::CheckpointSignature);
    }
    let last = pieces.len().saturating_sub(1);
    let mut name = String::from("the log");
    for (number, piece) in pieces.into_iter().enumerate() {
        if walk.report.entries >= walk.until {
            break;
        }
        name.clone_from(&piece.name);
        walk.segment(piece, number == last)?;
    }
    walk.compare_end(&name, until);
    Ok(walk.report)
}

/// Leaves out the segments before the one that holds an entry. Whether nothing was left out.
fn skip_before(pieces: &mut Vec<Piece>, entry: u64) -> bool {
    let holds = pieces.iter().rposition(|piece| piece.first.is_some_and(|first| first <= entry)).unwrap_or(0);
    pieces.drain(..holds);
    holds == 0
}

impl Walk<'_> {
    fn next_expected(&self) -> u64 {
        self.expected.first().copied().unwrap_or(1)
    }

    fn segment(&mut self, piece: Piece, last: bool) -> io::Result<()> {
        let (name, promised) = (piece.name.clone(), piece.first);
        let mut from = piece.open()?;
        self.report.segments += 1;
        let Some(segment) = Segment::read(&mut *from)? else {
            // A crash may leave a segment whose header was not written yet. With anything after it, it was.
            let begun = last && is_at_end(&mut *from)?;
            let wrong = if begun { Wrong::Unfinished } else { Wrong::Header };
            self.report.add(&name, promised.unwrap_or_else(|| self.next_expected()), wrong);
            // Without a header nothing is known of what follows it, but the segment after it can be checked again.
            return self.lose_place(&mut *from);
        };
        self.enter(&segment, &name, promised);
        self.links = vec![segment.link];
        self.expected = vec![segment.first];
        self.batch = 0;
        let mut excused = false;
        while self.report.entries < self.until {
            let expected = self.next_expected();
            match Entry::read(&mut *from)? {
                Next::End => break,
                Next::Entry(entry) => excused = !self.entry(&entry, &name),
                Next::Short => {
                    let wrong = if last { Wrong::Unfinished } else { Wrong::Cut };
                    if !excused {
                        self.report.add(&name, expected, wrong);
                    }
                    break;
                }
                Next::Foreign => {
                    // After a wrong entry it may have been that entry's length that was changed.
                    if !excused {
                        self.report.add(&name, expected, Wrong::Unreadable);
                    }
                    self.lose_place(&mut *from)?;
                    break;
                }
            }
        }
        Ok(())
    }

    /// The rest of the segment cannot be read; the next one says by itself where it begins.
    fn lose_place(&mut self, from: &mut dyn Read) -> io::Result<()> {
        self.links = vec![last_link(from, [0; 32])?];
        self.expected.clear();
        Ok(())
    }

    fn enter(&mut self, segment: &Segment, name: &str, promised: Option<u64>) {
        let of_log = self.log.is_none_or(|log| log == segment.log);
        let in_place = self.expected.is_empty() || self.expected.contains(&segment.first);
        let linked = self.links.is_empty() || self.links.contains(&segment.previous);
        let named = promised.is_none_or(|first| first == segment.first);
        if !(of_log && in_place && linked && named && segment.epoch >= self.epoch) {
            self.report.add(name, promised.unwrap_or(segment.first), Wrong::Link);
        }
        if self.log.is_none() {
            self.log = Some(segment.log);
            self.report.log = Some(Uuid::from_bytes(segment.log));
            self.report.from = segment.first;
            self.report.entries = segment.first.saturating_sub(1);
            if let Some(checkpoint) =
                self.checkpoint.filter(|checkpoint| checkpoint.log().as_bytes() != &segment.log)
            {
                self.report.add(name, checkpoint.entries(), Wrong::OtherLog);
            }
        }
        self.epoch = self.epoch.max(segment.epoch);
    }

    /// Whether the entry is right.
    fn entry(&mut self, entry: &Entry, name: &str) -> bool {
        let (expected, found) = (self.next_expected(), entry.sequence());
        let computed: Vec<Link> = self.links.iter().map(|link| entry.computed(link)).collect();
        let chained = computed.contains(&entry.link);
        let in_place = self.expected.contains(&found);
        if chained && in_place {
            self.accept(entry, name, found);
            return self.report.findings.last().is_none_or(|finding| finding.sequence != found);
        }
        if in_place {
            self.report.add(name, found, Wrong::Changed);
            self.expected = vec![found.saturating_add(1)];
            self.links = [computed, vec![entry.link]].concat();
        } else {
            self.report.add(name, expected, Wrong::OutOfPlace { found });
            if found > expected {
                self.expected = vec![expected.saturating_add(1), found.saturating_add(1)];
                self.links = [computed, vec![entry.link]].concat();
            }
        }
        self.report.entries = self.report.entries.max(expected);
        false
    }

    fn accept(&mut self, entry: &Entry, name: &str, sequence: u64) {
        let batch = entry.batch();
        let regular =
            entry.epoch() >= self.epoch && (batch == sequence || batch == self.batch) && entry.is_canonical();
        if !regular {
            self.report.add(name, sequence, Wrong::Irregular);
        }
        (self.epoch, self.batch) = (self.epoch.max(entry.epoch()), batch);
        self.expected = vec![sequence.saturating_add(1)];
        self.links = vec![entry.link];
        self.report.entries = sequence;
        match entry.kind() {
            1 => self.report.events += 1,
            2 => {
                self.report.openings += 1;
                self.report.dropped_bytes = self.report.dropped_bytes.saturating_add(entry.count());
            }
            3 => self.report.refused = self.report.refused.saturating_add(entry.count()),
            _ => {}
        }
        if let Some(checkpoint) = self.checkpoint.filter(|checkpoint| checkpoint.entries() == sequence) {
            if checkpoint.head() == &entry.link {
                self.report.agrees_with_checkpoint = true;
            } else {
                self.report.add(name, sequence, Wrong::Rewritten);
            }
        }
    }

    fn compare_end(&mut self, name: &str, until: Option<u64>) {
        let promised = self.checkpoint.map_or(0, Checkpoint::entries).max(until.unwrap_or(0));
        let found = self.report.entries;
        if found < promised {
            self.report.add(name, found + 1, Wrong::Missing);
        }
        if self.checkpoint.is_some_and(|checkpoint| checkpoint.entries() == 0) {
            self.report.agrees_with_checkpoint = true;
        }
        self.report.agrees_with_checkpoint &= self.report.findings.is_empty() || self.only_unfinished();
    }

    fn only_unfinished(&self) -> bool {
        self.report.verdict() == super::Verdict::Unfinished
    }
}
