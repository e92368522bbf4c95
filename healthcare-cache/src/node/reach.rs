/// How far a purge has come when it returns. On this node it is complete in both cases: no read that begins afterwards sees
/// what was purged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reach {
    /// The shared tier has forgotten it too, and the other nodes have been told: they follow within the bound. Without a
    /// shared tier there is nobody else.
    Everyone,
    /// The shared tier did not answer. The purge waits in this node's queue and is repeated until it is answered; until then
    /// this node uses nothing of the shared tier. Whoever cannot wait delivers it from elsewhere as well, as the outbox does.
    Queued,
}
