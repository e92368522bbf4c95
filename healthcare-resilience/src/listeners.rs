//! Events, for whoever listens.

use std::sync::OnceLock;
use tokio::sync::broadcast::{Receiver, Sender};

/// Those who listen to one policy. Until somebody did there is no room for events, and telling costs one look.
#[derive(Debug)]
pub(crate) struct Listeners<E>(OnceLock<Sender<E>>);

/// For a slow listener. More, and it loses the oldest.
const EVENTS_KEPT: usize = 32;

impl<E: Clone> Listeners<E> {
    pub(crate) const fn new() -> Self {
        Self(OnceLock::new())
    }

    pub(crate) fn listen(&self) -> Receiver<E> {
        self.0.get_or_init(|| Sender::new(EVENTS_KEPT)).subscribe()
    }

    /// Tells what happened, if anybody listens. To be called without a lock: it wakes others' tasks.
    #[inline]
    pub(crate) fn tell(&self, event: impl FnOnce() -> E) {
        if let Some(sender) = self.0.get()
            && sender.receiver_count() > 0
        {
            // Fails when the last of them has just gone.
            let _ = sender.send(event());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_made_while_nobody_listens() {
        let listeners = Listeners::new();
        let made = std::cell::Cell::new(0);
        let event = || made.replace(made.get() + 1);
        listeners.tell(event);
        drop(listeners.listen());
        listeners.tell(event);
        assert_eq!(made.get(), 0);
        let mut events = listeners.listen();
        listeners.tell(event);
        assert_eq!((made.get(), events.try_recv()), (1, Ok(0)));
    }
}
