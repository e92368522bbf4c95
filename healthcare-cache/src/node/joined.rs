use super::{
    debt::Debt,
    guard::Guard,
    hearing::{Doubt, Effect, Hearing},
    nanos,
    notice::{Beat, Notice, Sender, Word},
    numbers::Numbers,
    queue::Owed,
};
use crate::{
    Forget, Mark, ScopeMark, Seen, SharedError, Verb,
    report::Bump,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};
use std::time::Duration;
use tokio::sync::Notify;
use uuid::Uuid;

/// What a node has beside its memory: the tier that it shares with others, what it tells them and how well it hears them.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(super) guard: Guard,
    pub(super) bound: Duration,
    pub(super) debt: Debt,
    pub(super) hearing: Mutex<Hearing>,
    /// Set when something is owed.
    pub(super) owes: Notify,
    /// Set when the link is there, so that a beat goes out at once.
    pub(super) beats: Notify,
    me: Sender,
    numbers: Mutex<Numbers>,
    /// Until when the generation is known well enough to read the shared tier.
    known_until: AtomicU64,
}

/// What the shared tier answered to a purge.
#[derive(Debug, Clone, Copy)]
pub(super) enum Told {
    Clinic(Seen),
    Generation(u64),
}

impl Joined {
    pub(super) fn new(guard: Guard, bound: Duration, queue_max: usize) -> Self {
        // Random enough that no two starts are taken for one.
        let me = Sender(Uuid::now_v7().as_u128());
        Self {
            guard,
            bound,
            debt: Debt::new(queue_max),
            hearing: Mutex::new(Hearing::new(me, nanos(bound))),
            owes: Notify::new(),
            beats: Notify::new(),
            me,
            numbers: Mutex::new(Numbers::default()),
            known_until: AtomicU64::new(0),
        }
    }

    /// Whether the shared tier may be read and filled: it was told all that was purged here, and has told lately whether
    /// everything was purged elsewhere.
    pub(super) fn is_open(&self, now: u64) -> bool {
        self.debt.is_clear() && now < self.known_until.load(Ordering::Acquire)
    }

    /// Tells the tier, and all who listen. `are_keys` when the marks name single values.
    pub(super) async fn tell(&self, owed: &Owed, are_keys: bool) -> Result<Told, SharedError> {
        let tier = self.guard.tier();
        self.guard
            .call(async {
                let number = self.number()?;
                match owed {
                    Owed::Marks { scope, verb, marks } => {
                        let notice = self.forget_notice(&number, *scope, *verb, marks);
                        let (marks, keys): (&[Mark], &[Mark]) =
                            if are_keys { (&[], marks) } else { (marks, &[]) };
                        let forget = Forget { marks, keys, verb: *verb };
                        tier.forget(*scope, forget, &notice).await.map(Told::Clinic)
                    }
                    Owed::Clinic { scope, verb } => {
                        let word = Word::Clinic { number: number.number, scope: *scope, verb: *verb };
                        let notice = Notice { from: self.me, word }.encode();
                        tier.forget_clinic(*scope, *verb, &notice).await.map(Told::Clinic)
                    }
                    Owed::Everything => {
                        let notice = Notice::everything(self.me, number.number);
                        tier.purge_all(&notice).await.map(Told::Generation)
                    }
                }
            })
            .await
    }

    pub(super) fn forget_notice(
        &self,
        number: &Number<'_>,
        scope: ScopeMark,
        verb: Verb,
        marks: &[Mark],
    ) -> Vec<u8> {
        let word = Word::Forget { number: number.number, scope, verb, marks: marks.to_vec() };
        Notice { from: self.me, word }.encode()
    }

    /// The number of one notice, which is through when this is dropped, whatever became of it.
    pub(super) fn number(&self) -> Result<Number<'_>, SharedError> {
        let mut numbers = self.numbers.lock();
        let Some(number) = numbers.begin() else {
            let max = Numbers::OPEN_MAX;
            return Err(SharedError::TooMany { what: "purges under way", given: max + 1, max });
        };
        Ok(Number { joined: self, number })
    }

    pub(super) fn owe(&self, owed: &Owed) -> usize {
        let length = self.debt.owe(owed);
        self.owes.notify_one();
        length
    }

    /// The next beat, sent now.
    pub(super) fn beat(&self, now: u64, generation: u64) -> Vec<u8> {
        let complete = self.numbers.lock().complete();
        let sent = self.hearing.lock().stamp(now);
        Notice { from: self.me, word: Word::Beat(Beat { complete, generation, sent }) }.encode()
    }

    /// The last word, when nothing is owed and nothing on its way.
    pub(super) fn goodbye(&self) -> Option<Vec<u8>> {
        let said = self.numbers.lock().all().filter(|_| self.debt.is_clear())?;
        Some(Notice { from: self.me, word: Word::Goodbye { said } }.encode())
    }

    /// The tier was asked for its generation at `begun`, and goes by this one.
    pub(super) fn ask_again_after(&self, begun: u64) {
        self.known_until.fetch_max(begun.saturating_add(nanos(self.bound)), Ordering::AcqRel);
    }

    /// Lets the tier go by what was heard, before anything is forgotten for it.
    pub(super) fn pass_on(&self, effect: &Effect) {
        if let Some(generation) = effect.generation {
            self.guard.tier().hear(generation);
        }
    }

    /// Says what does not add up.
    #[cfg(feature = "testing")]
    pub(super) fn validate(&self) -> Result<(), String> {
        self.hearing.lock().validate()?;
        self.debt.validate()
    }
}

/// One number on its way.
#[derive(Debug)]
pub(super) struct Number<'a> {
    joined: &'a Joined,
    number: u64,
}

impl Drop for Number<'_> {
    fn drop(&mut self) {
        self.joined.numbers.lock().end(self.number);
    }
}

impl From<Doubt> for Bump {
    fn from(doubt: Doubt) -> Self {
        match doubt {
            Doubt::Relinked => Self::Reconnect,
            Doubt::Missing => Self::Gap,
            Doubt::Silent => Self::Silence,
            Doubt::Garbled => Self::Undecodable,
            Doubt::Crowded => Self::Overflow,
            Doubt::Generation => Self::Generation,
        }
    }
}
