use std::future::Future;
use tokio_util::sync::CancellationToken;

/// Tells work that it should end. Cheap to clone; clones are told together.
///
/// Comes in two steps: *stopping* (take nothing new, finish what you hold) and *cut off* (the deadline has
/// passed). A [`child`](Self::child) hears its parent and can also be stopped alone.
#[derive(Debug, Clone)]
pub struct Token {
    stop: CancellationToken,
    cut: CancellationToken,
}

impl Token {
    pub(crate) fn root() -> Self {
        Self { stop: CancellationToken::new(), cut: CancellationToken::new() }
    }

    pub(crate) fn cut(&self) {
        self.cut.cancel();
    }

    /// A token that is stopped when this one is, and that can be stopped without stopping this one.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { stop: self.stop.child_token(), cut: self.cut.child_token() }
    }

    /// Stops this token, its clones and its children.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Whether to take nothing new.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Whether the deadline has passed.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        self.cut.is_cancelled()
    }

    /// Resolves when it is time to take nothing new. Owned, so that servers and tasks can keep it.
    pub fn until_stopping(&self) -> impl Future<Output = ()> + Send + 'static {
        self.stop.clone().cancelled_owned()
    }

    /// Resolves when the deadline has passed.
    pub fn until_cut_off(&self) -> impl Future<Output = ()> + Send + 'static {
        self.cut.clone().cancelled_owned()
    }
}
