//! Whether this node has heard all that was said. Told what comes and what the time is; does nothing itself.
//!
//! Publishing is at most once: a message may be lost, doubled or late. Nothing here trusts one to come. Every sender numbers
//! what it says and repeats in its beats up to where it has come; what is missing then, and a sender that falls silent, is a
//! doubt, and a doubt is answered by forgetting everything, which costs one increment.
//!
//! The node hears its own beats as well, and that is its clock: when beat *k* has come, so has all that was said before it
//! was sent, or it is missing by its number. What another sender says counts as said when the newest own beat that was heard
//! before it was sent. So [`Hearing::until`], which is the bound after the oldest of these moments, does not depend on when
//! a message lay waiting to be read.
//!
//! A sender that stops in order says so last, and up to which number it has come: when all of that was heard, it is given up
//! without a doubt.
//!
//! What this cannot see is a sender of which nothing comes while all others are heard: one that is not known yet, or was given
//! up as silent, is followed again from the first word of it that comes. On one server that does not happen, for a link that loses
//! ends. Between the nodes of a cluster it takes a broken bus.

use super::notice::{Beat, Notice, Sender, Word};
use std::collections::{BTreeSet, HashMap};

/// More nodes than these are more than it follows: every newcomer is then a doubt.
const SENDERS_MAX: usize = 1_024;
/// More numbers of one sender than these are not kept while an earlier one is missing.
const ABOVE_MAX: usize = 4_096;

/// Why everything is to be forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Doubt {
    /// The link was lost, and is there again.
    Relinked,
    /// A sender said something that did not come.
    Missing,
    /// A sender is no longer heard; its last words may be lost.
    Silent,
    /// Something came that is no notice.
    Garbled,
    /// More was said, or by more, than is kept track of.
    Crowded,
    /// Everything was forgotten, somewhere.
    Generation,
}

/// What a message asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Effect {
    /// To be forgotten here.
    pub(crate) word: Option<Word>,
    /// Everything is to be forgotten here.
    pub(crate) doubt: Option<Doubt>,
    /// The tier is to go by this generation, before anything is forgotten here.
    pub(crate) generation: Option<u64>,
}

impl Effect {
    const fn doubt(doubt: Doubt) -> Self {
        Self { word: None, doubt: Some(doubt), generation: None }
    }
}

/// All times are nanoseconds by this node's clock, except where they are said to be the sender's.
#[derive(Debug)]
pub(crate) struct Hearing {
    me: Sender,
    bound: u64,
    /// When the newest own beat was sent, whether or not it came.
    said: u64,
    /// When the newest own beat that came was sent.
    own: Option<u64>,
    /// When the link was last asked for: what comes over it was said later.
    linked: u64,
    generation: u64,
    senders: HashMap<Sender, Heard>,
}

/// How far one sender was heard.
#[derive(Debug, Default)]
struct Heard {
    /// All up to this number came, or a doubt made up for it.
    through: u64,
    /// What came beyond.
    above: BTreeSet<u64>,
    /// When its newest beat was sent, by its own clock.
    sent: Option<u64>,
    /// Its newest beat was said after this.
    since: u64,
}

impl Hearing {
    pub(crate) fn new(me: Sender, bound: u64) -> Self {
        Self { me, bound, said: 0, own: None, linked: 0, generation: 0, senders: HashMap::new() }
    }

    /// Until when the node can say that whatever was purged longer ago than the bound has reached it.
    pub(crate) fn until(&self) -> u64 {
        let Some(own) = self.own else { return 0 };
        let others = self.senders.iter().filter(|(sender, _)| **sender != self.me);
        others.map(|(_, heard)| heard.since).fold(own, u64::min).saturating_add(self.bound)
    }

    /// The time that the next own beat carries: that of now, and later than the last.
    pub(crate) fn stamp(&mut self, now: u64) -> u64 {
        self.said = now.max(self.said.saturating_add(1));
        self.said
    }

    /// When the link is to be given up, because no own beat came over it for the bound.
    pub(crate) fn patience(&self) -> u64 {
        self.linked.max(self.own.unwrap_or(0)).saturating_add(self.bound)
    }

    /// The link is there, and was asked for at `asked`. What was said between the links did not come.
    pub(crate) fn link(&mut self, asked: u64) -> Effect {
        self.linked = self.linked.max(asked);
        Effect::doubt(Doubt::Relinked)
    }

    /// A message came.
    pub(crate) fn hear(&mut self, bytes: &[u8]) -> Effect {
        let Some(Notice { from, word }) = Notice::decode(bytes) else {
            return Effect::doubt(Doubt::Garbled);
        };
        if let Word::Goodbye { said } = word {
            return self.part(from, said);
        }
        let crowded = self.make_room(from);
        let since = self.own.unwrap_or(0).max(self.linked);
        let heard = self.senders.entry(from).or_insert_with(|| Heard { since, ..Heard::default() });
        let mut effect = match word {
            Word::Beat(beat) if from == self.me && beat.sent > self.said => Effect::doubt(Doubt::Garbled),
            Word::Beat(beat) => {
                let doubt = heard.beat(&beat, since);
                if from == self.me {
                    self.own = self.own.max(Some(beat.sent));
                }
                Effect { word: None, doubt, generation: Some(beat.generation) }
            }
            Word::Forget { number, .. } | Word::Clinic { number, .. } => {
                let doubt = heard.number(number);
                // What this node says, it has done itself.
                Effect { word: (from != self.me).then_some(word), doubt, generation: None }
            }
            Word::Everything { number, generation } => {
                let doubt = heard.number(number);
                Effect { word: None, doubt, generation: Some(generation) }
            }
            // Above.
            Word::Goodbye { .. } => Effect::default(),
        };
        effect.generation = effect.generation.filter(|generation| self.know(*generation));
        effect.doubt = effect.doubt.or(effect.generation.map(|_| Doubt::Generation));
        effect.doubt = effect.doubt.or(crowded);
        effect
    }

    /// The tier goes by this generation; whether that is news.
    pub(crate) fn know(&mut self, generation: u64) -> bool {
        let is_news = generation > self.generation;
        self.generation = self.generation.max(generation);
        is_news
    }

    /// Who has not been heard for the bound is given up.
    pub(crate) fn tick(&mut self, now: u64) -> Effect {
        let (me, bound, before) = (self.me, self.bound, self.senders.len());
        self.senders.retain(|sender, heard| *sender == me || heard.since.saturating_add(bound) > now);
        if self.senders.len() < before { Effect::doubt(Doubt::Silent) } else { Effect::default() }
    }

    /// A sender stops. If all that it ever said was heard, its silence is no doubt; what comes of it later is a stranger's.
    fn part(&mut self, from: Sender, said: u64) -> Effect {
        let through = self.senders.remove(&from).map_or(0, |heard| heard.through);
        if from != self.me && through < said { Effect::doubt(Doubt::Missing) } else { Effect::default() }
    }

    fn make_room(&mut self, from: Sender) -> Option<Doubt> {
        if self.senders.len() < SENDERS_MAX || self.senders.contains_key(&from) {
            return None;
        }
        // Whoever goes on speaking is known again with the next beat, which is then found to be a doubt.
        self.senders.clear();
        Some(Doubt::Crowded)
    }

    /// Whether what this sender says is followed.
    #[cfg(feature = "testing")]
    #[allow(dead_code, reason = "a test of this file asks")]
    pub(crate) fn follows(&self, sender: Sender) -> bool {
        self.senders.contains_key(&sender)
    }

    /// Says what does not add up.
    #[cfg(feature = "testing")]
    pub(crate) fn validate(&self) -> Result<(), String> {
        let newest = self.own.unwrap_or(0).max(self.linked);
        for heard in self.senders.values() {
            if heard.above.first().is_some_and(|first| *first <= heard.through.saturating_add(1)) {
                return Err(format!("{} is not above {}", heard.above.len(), heard.through));
            }
            if heard.above.len() > ABOVE_MAX || heard.since > newest {
                return Err("a sender is kept track of beyond the limit, or from the future".to_owned());
            }
        }
        if self.senders.len() > SENDERS_MAX { Err("too many senders".to_owned()) } else { Ok(()) }
    }
}

impl Heard {
    fn number(&mut self, number: u64) -> Option<Doubt> {
        if number <= self.through {
            return None;
        }
        if self.above.len() >= ABOVE_MAX {
            // `through` stays: the next beat finds the others missing, those too that were said after this.
            self.above.clear();
            return Some(Doubt::Crowded);
        }
        self.above.insert(number);
        self.close_up();
        None
    }

    fn beat(&mut self, beat: &Beat, since: u64) -> Option<Doubt> {
        // One that is late or doubled says nothing new, and must not make a sender seem alive.
        if self.sent >= Some(beat.sent) {
            return None;
        }
        self.sent = Some(beat.sent);
        self.since = since;
        if beat.complete <= self.through {
            return None;
        }
        self.through = beat.complete;
        self.above = self.above.split_off(&beat.complete.saturating_add(1));
        self.close_up();
        Some(Doubt::Missing)
    }

    fn close_up(&mut self) {
        while self.above.first().is_some_and(|first| *first == self.through.saturating_add(1)) {
            self.above.pop_first();
            self.through += 1;
        }
    }
}
