use super::{key::RowName, rows_tag};
use crate::{CacheNode, Mark, Reach};
use healthcare_core::{AuditEvent, AuditSink, Durability, NotDurable, Outcome, Receipt};
use std::fmt;
use tokio::runtime::Handle;

/// The [`AuditSink`] that a relay is given: with the outcome of each commit it makes caches forget what was written.
///
/// The outcome lies in the outbox from the commit on, so it is delivered whatever becomes of the process that wrote it: by a
/// relay of any node, again and again until the event is durable *and* the purge has reached the shared tier. Until then the
/// receipt fails, though the event may be durable already: the log stores it once all the same, and a failed purge does not keep
/// it waiting.
///
/// It also reaches writes that went past every [`PurgingWriter`](super::PurgingWriter), such as those of an import that runs beside
/// the server. It needs a tokio runtime.
pub struct PurgingSink<S> {
    inner: S,
    node: CacheNode,
}

impl<S: AuditSink> PurgingSink<S> {
    /// `inner`, and the node whose caches, with those it is joined with, are to forget what was written.
    pub fn new(inner: S, node: &CacheNode) -> Self {
        Self { inner, node: node.clone() }
    }
}

impl<S: AuditSink> AuditSink for PurgingSink<S> {
    fn submit(&self, event: AuditEvent) -> Receipt {
        let clinic = event.clinic;
        let marks = marks(&self.node, &event);
        let durable = self.inner.submit(event);
        if marks.is_empty() {
            return durable;
        }
        let Ok(handle) = Handle::try_current() else { return Receipt::ready(Err(NotDurable::Failed)) };
        let (acknowledge, receipt) = Receipt::pending();
        let node = self.node.clone();
        handle.spawn(async move {
            // The purge does not wait for the log, nor the log for the purge.
            let reach = node.purge_marks(clinic, marks).await;
            let durable = durable.await;
            acknowledge.answer(match reach {
                Reach::Everyone => durable,
                Reach::Queued => durable.and(Err(NotDurable::Failed)),
            });
        });
        receipt
    }

    fn durability(&self) -> Durability {
        self.inner.durability()
    }
}

/// What a commit's outcome says was written; nothing for any other event.
fn marks(node: &CacheNode, event: &AuditEvent) -> Vec<Mark> {
    let Outcome::Written { subjects, counts, .. } = &event.outcome else { return Vec::new() };
    let clinic = event.clinic;
    let row = event.ask.target.map(|id| RowName { clinic, kind: event.ask.kind.clone(), id });
    let people = subjects.iter().map(|subject| node.subject_mark(clinic, *subject));
    let kinds = counts.iter().map(|count| node.tag_mark(clinic, &rows_tag(&count.kind)));
    people.chain(row.iter().map(|row| node.key_mark(row))).chain(kinds).collect()
}

impl<S: fmt::Debug> fmt::Debug for PurgingSink<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PurgingSink").field("inner", &self.inner).finish_non_exhaustive()
    }
}
