//! What nodes tell each other, and its bytes. Nothing in it is a name or a value: marks are keyed hashes.

use crate::{Mark, ScopeMark, SharedLimits, Verb};

/// The first byte of everything that is said.
const VERSION: u8 = 1;
const FORGET: u8 = 1;
const CLINIC: u8 = 2;
const EVERYTHING: u8 = 3;
const BEAT: u8 = 4;
const GOODBYE: u8 = 5;

/// Who says it: drawn at random by each start of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Sender(pub(crate) u128);

/// What one node tells all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) from: Sender,
    pub(crate) word: Word,
}

/// Each sender numbers what it makes others forget, from 1 on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    Forget {
        number: u64,
        scope: ScopeMark,
        verb: Verb,
        /// Keys, subjects and tags alike.
        marks: Vec<Mark>,
    },
    Clinic {
        number: u64,
        scope: ScopeMark,
        verb: Verb,
    },
    /// The tier adds the generation, which is not known before: what is handed to it ends with the number.
    Everything {
        number: u64,
        generation: u64,
    },
    Beat(Beat),
    /// The last word of a node that stops in order: it said all up to this number, and says no more.
    Goodbye {
        said: u64,
    },
}

/// Said all the time, so that silence means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Beat {
    /// What has this number, or a lower one, has been said, or never will be.
    pub(crate) complete: u64,
    /// How often everything was forgotten, as far as the sender knows.
    pub(crate) generation: u64,
    /// When it was sent, in nanoseconds by the sender's own clock. It grows with every beat.
    pub(crate) sent: u64,
}

impl Notice {
    /// That everything is forgotten, as the tier is given it: it adds the generation.
    pub(crate) fn everything(from: Sender, number: u64) -> Vec<u8> {
        let mut bytes = Self { from, word: Word::Everything { number, generation: 0 } }.encode();
        bytes.truncate(bytes.len().saturating_sub(size_of::<u64>()));
        bytes
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend(self.from.0.to_be_bytes());
        let head = |out: &mut Vec<u8>, kind: u8, number: u64| {
            out.push(kind);
            out.extend(number.to_be_bytes());
        };
        match &self.word {
            Word::Forget { number, scope, verb, marks } => {
                head(&mut out, FORGET, *number);
                out.extend(scope.0);
                out.push(verb_byte(*verb));
                out.extend(marks.iter().flat_map(|mark| mark.0));
            }
            Word::Clinic { number, scope, verb } => {
                head(&mut out, CLINIC, *number);
                out.extend(scope.0);
                out.push(verb_byte(*verb));
            }
            Word::Everything { number, generation } => {
                head(&mut out, EVERYTHING, *number);
                out.extend(generation.to_be_bytes());
            }
            Word::Beat(beat) => {
                head(&mut out, BEAT, beat.complete);
                out.extend(beat.generation.to_be_bytes());
                out.extend(beat.sent.to_be_bytes());
            }
            Word::Goodbye { said } => head(&mut out, GOODBYE, *said),
        }
        out
    }

    /// `None` when it is no notice of this version, to the last byte.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = take(bytes)?;
        let (from, rest) = take(rest)?;
        let (kind, rest) = take(rest)?;
        let (number, rest) = take(rest)?;
        let number = u64::from_be_bytes(number);
        if version != [VERSION] {
            return None;
        }
        let (word, rest) = match kind {
            [FORGET] => {
                let (scope, rest) = take(rest)?;
                let (verb, rest) = take(rest)?;
                let (marks, rest) = marks(rest)?;
                (Word::Forget { number, scope: ScopeMark(scope), verb: verb_of(verb)?, marks }, rest)
            }
            [CLINIC] => {
                let (scope, rest) = take(rest)?;
                let (verb, rest) = take(rest)?;
                (Word::Clinic { number, scope: ScopeMark(scope), verb: verb_of(verb)? }, rest)
            }
            [EVERYTHING] => {
                let (generation, rest) = take(rest)?;
                (Word::Everything { number, generation: u64::from_be_bytes(generation) }, rest)
            }
            [BEAT] => {
                let (generation, rest) = take(rest)?;
                let (sent, rest) = take(rest)?;
                let (generation, sent) = (u64::from_be_bytes(generation), u64::from_be_bytes(sent));
                (Word::Beat(Beat { complete: number, generation, sent }), rest)
            }
            [GOODBYE] => (Word::Goodbye { said: number }, rest),
            _ => return None,
        };
        let is_numbered = number > 0 || matches!(kind, [BEAT | GOODBYE]);
        (rest.is_empty() && is_numbered).then_some(Self { from: Sender(u128::from_be_bytes(from)), word })
    }
}

const fn verb_byte(verb: Verb) -> u8 {
    match verb {
        Verb::Purge => 0,
        Verb::Expire => 1,
    }
}

const fn verb_of(byte: [u8; 1]) -> Option<Verb> {
    match byte {
        [0] => Some(Verb::Purge),
        [1] => Some(Verb::Expire),
        _ => None,
    }
}

fn take<const N: usize>(bytes: &[u8]) -> Option<([u8; N], &[u8])> {
    bytes.split_first_chunk().map(|(taken, rest)| (*taken, rest))
}

/// All that is left, as marks: at least one, and no more than one call may name.
fn marks(bytes: &[u8]) -> Option<(Vec<Mark>, &[u8])> {
    let (marks, rest) = bytes.as_chunks::<16>();
    let is_sound = rest.is_empty() && !marks.is_empty() && marks.len() <= SharedLimits::NAMED_PER_CALL;
    is_sound.then(|| (marks.iter().map(|mark| Mark(*mark)).collect(), rest))
}
