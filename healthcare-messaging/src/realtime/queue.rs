//! What waits for one client, within a limit of bytes.

use super::close::Close;
use crate::sync::Mutex;
use std::{
    collections::VecDeque,
    sync::Arc,
    task::{Context, Poll, Waker},
};

/// What a client's task has to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Next {
    /// Send this message.
    Send(Arc<str>),
    /// Ask anew what the client may do: something has changed.
    Recheck,
    /// Send a close frame, and end.
    Close(Close),
}

/// Filled by whoever publishes, emptied by the client's task. Never waits: a client that does not keep up is closed.
#[derive(Debug)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    waiting: VecDeque<Arc<str>>,
    bytes: usize,
    bytes_max: usize,
    recheck: bool,
    /// Counts the changes that call for a recheck: a decision from before one is not good after it.
    changes: u64,
    closed: Option<Close>,
    waker: Option<Waker>,
}

impl Queue {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            inner: Mutex::new(Inner {
                waiting: VecDeque::new(),
                bytes: 0,
                bytes_max,
                recheck: false,
                changes: 0,
                closed: None,
                waker: None,
            }),
        }
    }

    /// Adds messages, all of them or none. When they are more than may wait, what waits is thrown away and the client is closed:
    /// it is told so, and never goes on with a hole.
    pub(super) fn push<'t>(&self, texts: impl IntoIterator<Item = &'t Arc<str>>) -> bool {
        let mut inner = self.inner.lock();
        if inner.closed.is_some() {
            return false;
        }
        for text in texts {
            inner.bytes = inner.bytes.saturating_add(text.len());
            inner.waiting.push_back(Arc::clone(text));
        }
        let fits = inner.bytes <= inner.bytes_max;
        if !fits {
            inner.end(Close::TooSlow);
        }
        let waker = inner.waker.take();
        drop(inner);
        wake(waker);
        fits
    }

    /// Whether so much may still be added while half of the place stays free.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        let inner = self.inner.lock();
        inner.bytes.saturating_add(bytes) <= inner.bytes_max / 2
    }

    /// Ends the client. What waits is thrown away: who may not stay gets nothing more. The first reason stays.
    pub(super) fn close(&self, why: Close) -> bool {
        let mut inner = self.inner.lock();
        if inner.closed.is_some() {
            return false;
        }
        inner.end(why);
        let waker = inner.waker.take();
        drop(inner);
        wake(waker);
        true
    }

    /// Has the client's rights asked for anew.
    pub(super) fn recheck(&self) {
        let mut inner = self.inner.lock();
        inner.recheck = true;
        inner.changes = inner.changes.wrapping_add(1);
        let waker = inner.waker.take();
        drop(inner);
        wake(waker);
    }

    pub(super) fn changes(&self) -> u64 {
        self.inner.lock().changes
    }

    pub(super) fn closed(&self) -> Option<Close> {
        self.inner.lock().closed
    }

    /// The next thing to do. Of what is due, the end comes first, then the recheck: no message overtakes either.
    pub(super) fn poll_next(&self, context: &mut Context<'_>) -> Poll<Next> {
        let mut inner = self.inner.lock();
        if let Some(why) = inner.closed {
            return Poll::Ready(Next::Close(why));
        }
        if std::mem::take(&mut inner.recheck) {
            return Poll::Ready(Next::Recheck);
        }
        if let Some(text) = inner.waiting.pop_front() {
            inner.bytes = inner.bytes.saturating_sub(text.len());
            return Poll::Ready(Next::Send(text));
        }
        inner.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Inner {
    fn end(&mut self, why: Close) {
        self.closed = Some(why);
        self.waiting = VecDeque::new();
        self.bytes = 0;
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
