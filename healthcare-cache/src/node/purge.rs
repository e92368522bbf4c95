use super::{CacheNode, Reach, joined::Told, queue::Owed};
use crate::{CachedAs, Mark, ScopeMark, Seen, SharedLimits, Verb};
use healthcare_core::ClinicId;
use uuid::Uuid;

/// A value was forgotten, for one that takes its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Renewed {
    /// The number of the purge here: the fence of the new value in memory.
    pub(crate) number: u64,
    /// The fence of the new value in the shared tier, if that has forgotten the old one.
    pub(crate) seen: Option<Seen>,
    pub(crate) reach: Reach,
}

/// When a purge has returned, no read of this node that begins afterwards sees what was purged, whatever became of the shared
/// tier: [`Reach`] says how far it came. When its future is dropped half way, it is complete here and repeated for the others.
impl CacheNode {
    /// Forgets a value, in every cache of the node that keeps one under such a key. What a load brings that is under way now
    /// is not kept.
    pub async fn purge_key<K: CachedAs>(&self, key: &K) -> Reach {
        self.renew(key).await.reach
    }

    /// Forgets everything about one person, or another subject. What a load brings that is under way now is not kept.
    pub async fn purge_subject(&self, clinic: ClinicId, subject: Uuid) -> Reach {
        let mark = self.0.namer.subject(clinic, subject);
        self.forget_mark(self.scope(clinic), Verb::Purge, mark, false).await.reach
    }

    /// Forgets everything of a clinic that was tagged with this.
    pub async fn purge_tag(&self, clinic: ClinicId, tag: &str) -> Reach {
        let mark = self.0.namer.tag(clinic, tag);
        self.forget_mark(self.scope(clinic), Verb::Purge, mark, false).await.reach
    }

    /// Forgets everything of a clinic that depends on one of these marks, or has it for its key.
    pub async fn purge_marks(&self, clinic: ClinicId, marks: impl IntoIterator<Item = Mark>) -> Reach {
        let (scope, marks): (_, Vec<Mark>) = (self.scope(clinic), marks.into_iter().collect());
        let mut reach = Reach::Everyone;
        for marks in marks.chunks(SharedLimits::NAMED_PER_CALL) {
            let owed = Owed::Marks { scope, verb: Verb::Purge, marks: marks.to_vec() };
            if self.forget(owed, false).await.reach == Reach::Queued {
                reach = Reach::Queued;
            }
        }
        reach
    }

    /// Forgets everything of a clinic, its unwrapped keys among it: who destroys a clinic's key calls this afterwards, and no
    /// node that hears of it opens the clinic's values any more.
    pub async fn purge_clinic(&self, clinic: ClinicId) -> Reach {
        self.forget(Owed::Clinic { scope: self.scope(clinic), verb: Verb::Purge }, false).await.reach
    }

    /// Forgets everything.
    pub async fn purge_all(&self) -> Reach {
        self.forget(Owed::Everything, false).await.reach
    }

    /// Forgets a value, for one that is to take its place.
    pub(crate) async fn renew<K: CachedAs>(&self, key: &K) -> Renewed {
        let mark = self.0.namer.key(key);
        self.forget_mark(self.scope(key.clinic()), Verb::Purge, mark, true).await
    }

    pub(crate) async fn expire_key<K: CachedAs>(&self, key: &K) -> Reach {
        let mark = self.0.namer.key(key);
        self.forget_mark(self.scope(key.clinic()), Verb::Expire, mark, true).await.reach
    }

    pub(crate) async fn expire_tag(&self, clinic: ClinicId, tag: &str) -> Reach {
        let mark = self.0.namer.tag(clinic, tag);
        self.forget_mark(self.scope(clinic), Verb::Expire, mark, false).await.reach
    }

    async fn forget_mark(&self, scope: ScopeMark, verb: Verb, mark: Mark, is_key: bool) -> Renewed {
        self.forget(Owed::Marks { scope, verb, marks: vec![mark] }, is_key).await
    }

    /// The shared tier first: what is read from it once the numbers here have moved is younger than the purge.
    pub(super) async fn forget(&self, owed: Owed, are_keys: bool) -> Renewed {
        let Some(joined) = &self.0.joined else {
            return Renewed { number: self.forget_here(&owed), seen: None, reach: Reach::Everyone };
        };
        let purge = Purge { node: self, owed: &owed, is_settled: false };
        match joined.tell(&owed, are_keys).await {
            Ok(Told::Clinic(seen)) => purge.told(Some(seen)),
            Ok(Told::Generation(generation)) => {
                joined.hearing.lock().know(generation);
                purge.told(None)
            }
            Err(_) => purge.not_told(),
        }
    }
}

/// A purge under way, which is never left half done.
struct Purge<'a> {
    node: &'a CacheNode,
    owed: &'a Owed,
    is_settled: bool,
}

impl Purge<'_> {
    fn told(mut self, seen: Option<Seen>) -> Renewed {
        self.is_settled = true;
        Renewed { number: self.node.forget_here(self.owed), seen, reach: Reach::Everyone }
    }

    fn not_told(mut self) -> Renewed {
        self.is_settled = true;
        Renewed { number: self.settle(), seen: None, reach: Reach::Queued }
    }

    /// What is owed is known before anything here changes: whoever then takes a fence also finds the shared tier closed.
    fn settle(&self) -> u64 {
        self.node.owe(self.owed);
        self.node.forget_here(self.owed)
    }
}

impl Drop for Purge<'_> {
    fn drop(&mut self) {
        if !self.is_settled {
            self.settle();
        }
    }
}
