use super::{key::RowName, rows_tag};
use crate::{CacheNode, Mark};
use async_trait::async_trait;
use healthcare_core::{AccessError, Change, Committed, Guard, Record, Write, Writer};
use std::{collections::BTreeSet, fmt, time::Duration};

/// Longer than a commit takes on any database that is set up with a statement time-out.
const LONGEST_COMMIT: Duration = Duration::from_secs(120);

/// A [`Writer`] that makes the caches of a node, and of those it is joined with, forget what its changes are about: the person,
/// the row that is changed, and what is tagged with the [`rows_tag`] of a kind that is written. (Rows that are attached to a
/// change are new: only the person and the tag are known of them.)
///
/// - Before the commit begins it bars all of that, here and in the shared tier: what was known is forgotten, and nothing is
///   remembered while the commit is under way.
/// - When the outcome is known, the bar is lifted before the call returns: no read of this node that begins afterwards sees
///   what was there before.
/// - When it is not ([`AccessError::CommitUnknown`], or this future was dropped), the bar stays for the longest time a commit
///   can take, and then purges: whatever comes of the commit, nothing from before it is served after that.
/// - When the shared tier does not answer, the write goes on: the purge waits in this node's queue, and the
///   [`PurgingSink`](super::PurgingSink) behind the outbox repeats it from whichever node reaches the tier.
#[derive(Clone)]
pub struct PurgingWriter<W> {
    inner: W,
    node: CacheNode,
    longest_commit: Duration,
}

impl<W> PurgingWriter<W> {
    /// `inner`, whose changes the caches of this node and of those it is joined with are to forget.
    pub fn new(inner: W, node: &CacheNode) -> Self {
        Self { inner, node: node.clone(), longest_commit: LONGEST_COMMIT }
    }

    /// The longest time after which a commit that was sent can still take effect: beyond the database's statement and
    /// transaction time-outs, and within [`SharedLimits::bar_max`](crate::SharedLimits::bar_max). Two minutes when never called.
    #[must_use]
    pub const fn longest_commit(mut self, longest: Duration) -> Self {
        self.longest_commit = longest;
        self
    }

    async fn barred<T: Record>(
        &self,
        change: Change<T>,
        commit: impl AsyncFnOnce(Change<T>) -> Result<Committed, AccessError>,
    ) -> Result<Committed, AccessError> {
        let marks = marks(&self.node, &change);
        let bar = self.node.bar(change.clinic(), marks, self.longest_commit).await;
        // A bar that is not taken at all is wrong from the beginning: such a write was never safe.
        let bar = bar.map_err(|error| AccessError::Unavailable(error.into()))?;
        let result = commit(change).await;
        if !matches!(result, Err(AccessError::CommitUnknown)) {
            bar.lift().await;
        }
        result
    }
}

fn marks<T: Record>(node: &CacheNode, change: &Change<T>) -> BTreeSet<Mark> {
    let clinic = change.clinic();
    let mut marks = BTreeSet::new();
    let mut kinds = BTreeSet::new();
    marks.extend(change.subject().map(|subject| node.subject_mark(clinic, subject)));
    for row in change.touched() {
        if row.how != Write::InsertAbsent {
            marks.insert(node.key_mark(&RowName { clinic, kind: row.kind.into(), id: row.id }));
        }
        kinds.insert(row.kind);
    }
    marks.extend(kinds.into_iter().map(|kind| node.tag_mark(clinic, &rows_tag(kind))));
    marks
}

#[async_trait]
impl<T: Record, W: Writer<T>> Writer<T> for PurgingWriter<W> {
    async fn commit(&self, change: Change<T>) -> Result<Committed, AccessError> {
        self.barred(change, async |change| self.inner.commit(change).await).await
    }

    async fn commit_guarded(&self, change: Change<T>, guard: &dyn Guard) -> Result<Committed, AccessError> {
        self.barred(change, async |change| self.inner.commit_guarded(change, guard).await).await
    }
}

impl<W: fmt::Debug> fmt::Debug for PurgingWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PurgingWriter")
            .field("inner", &self.inner)
            .field("longest_commit", &self.longest_commit)
            .finish_non_exhaustive()
    }
}
