use super::{CacheNode, Reach, nanos, queue::Owed};
use crate::{Mark, ScopeMark, SharedBar, SharedError, SharedLimits, Verb};
use healthcare_core::ClinicId;
use std::time::Duration;

/// Nothing was barred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NodeBarError {
    /// More marks than one bar takes.
    #[error(
        "one bar takes at most {max} marks, and {given} were given: purge the clinic after the write instead"
    )]
    TooMany {
        /// How many were given.
        given: usize,
        /// How many are taken.
        max: usize,
    },
    /// A bar must be between a millisecond and an hour, and within the shared tier's own limit.
    #[error("a bar of this length is not taken: longer than a commit can take, and within the tier's limit")]
    Length,
}

/// Keeps the caches of a node, and the tier it shares with others, from keeping anything about some marks while a write about
/// them is under way. Dropped without [`lift`](Self::lift) it stays until it runs out, and purges then.
#[derive(Debug)]
#[must_use = "a bar that is not lifted stays until it runs out"]
pub struct NodeBar {
    node: CacheNode,
    scope: ScopeMark,
    marks: Vec<Mark>,
    /// `None` when there was no room for one more: everything is barred then.
    token: Option<u64>,
    shared: Vec<SharedBar>,
    is_shared: bool,
}

impl CacheNode {
    /// The most marks that one bar takes.
    pub const BAR_MARKS_MAX: usize = 1_000;
    const BAR_MIN: Duration = Duration::from_millis(1);
    const BAR_MAX: Duration = Duration::from_secs(3_600);

    /// Forgets what depends on these marks, and keeps nothing that does until the bar is lifted or `longest` has passed:
    /// for a write that is about to be committed. `longest` must be longer than a commit can take.
    ///
    /// When the shared tier does not answer, the bar holds here alone, and the write may go on all the same: see
    /// [`NodeBar::is_shared`]. Several hundred marks take several round trips, sixteen in each.
    ///
    /// ```
    /// use healthcare_cache::{CacheNode, Reach};
    /// use healthcare_core::ClinicId;
    /// use std::time::Duration;
    /// use uuid::Uuid;
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let (node, clinic, patient) = (CacheNode::new(), ClinicId::random(), Uuid::now_v7());
    /// let bar = node.bar(clinic, [node.subject_mark(clinic, patient)], Duration::from_secs(120)).await?;
    /// // The commit; when its outcome is not known, the bar is dropped and runs out.
    /// assert_eq!(bar.lift().await, Reach::Everyone);
    /// # Ok::<(), healthcare_cache::NodeBarError>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`NodeBarError`]: nothing was barred, and the write must not go on.
    pub async fn bar(
        &self,
        clinic: ClinicId,
        marks: impl IntoIterator<Item = Mark>,
        longest: Duration,
    ) -> Result<NodeBar, NodeBarError> {
        let (scope, mut marks): (_, Vec<Mark>) = (self.scope(clinic), marks.into_iter().collect());
        marks.sort_unstable();
        marks.dedup();
        if marks.len() > Self::BAR_MARKS_MAX {
            return Err(NodeBarError::TooMany { given: marks.len(), max: Self::BAR_MARKS_MAX });
        }
        if longest < Self::BAR_MIN || longest > Self::BAR_MAX {
            return Err(NodeBarError::Length);
        }
        let now = self.now();
        let until = nanos(now.saturating_add(longest));
        // Here first, and then forgotten: what is read from the shared tier before it is barred there is not kept.
        let token = self.0.bars.add(scope, &marks, nanos(now), until, |lapse| self.lapsed(lapse));
        let mut bar =
            NodeBar { node: self.clone(), scope, marks, token, shared: Vec::new(), is_shared: true };
        self.forget_here(&bar.owed());
        match bar.share(longest).await {
            Ok(()) => {}
            Err(SharedError::BarLength) => {
                bar.remove();
                return Err(NodeBarError::Length);
            }
            Err(_) => bar.is_shared = false,
        }
        Ok(bar)
    }
}

impl NodeBar {
    /// Whether the shared tier bars it too; always so for a node without one. When it does not, other nodes may go on serving
    /// what they have and filling the shared tier, until [`lift`](Self::lift) has reached them or, while the shared tier does not answer,
    /// until the purge is delivered: from this node's queue, or from the outbox by whichever node reaches the tier.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Ends it and purges its marks, here and everywhere: when it has returned, no read of this node that begins afterwards
    /// sees what was there before. When its future is dropped half way, it is complete here and repeated for the others.
    pub async fn lift(mut self) -> Reach {
        let mut lifting = Lifting { bar: &mut self, is_told: false };
        lifting.is_told = lifting.tell().await;
        if lifting.is_told { Reach::Everyone } else { Reach::Queued }
    }

    async fn share(&mut self, longest: Duration) -> Result<(), SharedError> {
        let Some(joined) = &self.node.0.joined else { return Ok(()) };
        for marks in self.marks.chunks(SharedLimits::MARKS_PER_ENTRY) {
            let bar = joined
                .guard
                .call(async {
                    let number = joined.number()?;
                    let notice = joined.forget_notice(&number, self.scope, Verb::Purge, marks);
                    joined.guard.tier().bar(self.scope, marks, longest, &notice).await
                })
                .await?;
            self.shared.push(bar);
        }
        Ok(())
    }

    fn owed(&self) -> Owed {
        Owed::Marks { scope: self.scope, verb: Verb::Purge, marks: self.marks.clone() }
    }

    fn remove(&self) {
        if let Some(token) = self.token {
            self.node.0.bars.remove(&self.marks, token);
        }
    }
}

/// A bar that is being lifted, which is never left half done.
struct Lifting<'a> {
    bar: &'a mut NodeBar,
    is_told: bool,
}

impl Lifting<'_> {
    /// Whether the shared tier has forgotten all of it, and bars nothing any more.
    async fn tell(&mut self) -> bool {
        let Some(joined) = &self.bar.node.0.joined else { return true };
        let mut is_told = self.bar.is_shared;
        for shared in &self.bar.shared {
            let lifted = joined
                .guard
                .call(async {
                    let number = joined.number()?;
                    let notice = joined.forget_notice(&number, shared.scope(), Verb::Purge, shared.marks());
                    joined.guard.tier().lift(shared, &notice).await
                })
                .await;
            is_told &= lifted.is_ok();
        }
        // What could not be barred, or cannot be unbarred, is at least forgotten.
        is_told || self.bar.marks.is_empty() || joined.tell(&self.bar.owed(), false).await.is_ok()
    }
}

impl Drop for Lifting<'_> {
    fn drop(&mut self) {
        let (node, owed) = (&self.bar.node, self.bar.owed());
        if !self.is_told {
            node.owe(&owed);
        }
        node.forget_here(&owed);
        // Last: what was loaded under the bar has a fence from before the purge.
        self.bar.remove();
    }
}
