use crate::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};
use std::{collections::VecDeque, task::Waker};

/// Set while somebody waits.
const LINE: usize = 1;
/// One call under way.
const CALL: usize = 2;

/// Who is in, and who waits for a place, in order of arrival.
///
/// Without a line a place is taken and given back by one compare-and-swap. With a line, whoever leaves hands the place
/// to the first in it, under the lock; the number of calls under way does not change then, so nobody can slip in between.
/// A ticket that is not in the line any more has been handed a place: no further mark is needed.
///
/// Two things hold whenever the lock is free: the bit `LINE` is set exactly when somebody waits, and then every place
/// is taken.
#[derive(Debug)]
pub(crate) struct Places {
    word: AtomicUsize,
    max_calls: usize,
    max_waiting: usize,
    line: Mutex<Line>,
}

#[derive(Debug)]
struct Line {
    next: u64,
    // Ascending by ticket, because tickets are given out in order and only ever removed.
    waiters: VecDeque<(u64, Waker)>,
}

/// What became of somebody who came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Taken,
    Waiting(u64),
    Full,
}

impl Places {
    pub(crate) fn new(max_calls: usize, max_waiting: usize) -> Self {
        let line = Line { next: 0, waiters: VecDeque::new() };
        Self { word: AtomicUsize::new(0), max_calls, max_waiting, line: Mutex::new(line) }
    }

    pub(crate) fn max_calls(&self) -> usize {
        self.max_calls
    }

    pub(crate) fn max_waiting(&self) -> usize {
        self.max_waiting
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.word.load(Ordering::Acquire) / CALL
    }

    pub(crate) fn waiting(&self) -> usize {
        self.line.lock().waiters.len()
    }

    /// Takes a place if one is free. Whoever waits comes first, and as long as somebody does none is free.
    pub(crate) fn try_take(&self) -> bool {
        let mut word = self.word.load(Ordering::Relaxed);
        while word & LINE == 0 && word / CALL < self.max_calls {
            match self.swap(word, word + CALL) {
                Ok(()) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    /// Takes a place, or stands in line with a ticket. `waker` is woken when a place is handed over.
    pub(crate) fn enter(&self, waker: Waker) -> Entry {
        let mut line = self.line.lock();
        let mut word = self.word.load(Ordering::Relaxed);
        // Only the lock's holder changes the bit, but calls come and go beside the lock while it is not set.
        while word & LINE == 0 {
            let has_place = word / CALL < self.max_calls;
            if !has_place && self.max_waiting == 0 {
                return Entry::Full;
            }
            let next = if has_place { word + CALL } else { word | LINE };
            match self.swap(word, next) {
                Ok(()) if has_place => return Entry::Taken,
                Ok(()) => word = next,
                Err(now) => word = now,
            }
        }
        if line.waiters.len() >= self.max_waiting {
            return Entry::Full;
        }
        let ticket = line.next;
        line.next += 1;
        line.waiters.push_back((ticket, waker));
        Entry::Waiting(ticket)
    }

    /// Whether `ticket` has been handed a place; `waker` is the one to wake from now on.
    pub(crate) fn is_handed(&self, ticket: u64, waker: Waker) -> bool {
        let mut line = self.line.lock();
        let Ok(at) = line.find(ticket) else { return true };
        let old = line.waiters.get_mut(at).map(|waiter| std::mem::replace(&mut waiter.1, waker));
        // A waker is somebody else's code: it is dropped without the lock.
        drop(line);
        drop(old);
        false
    }

    /// Leaves the line. False when a place had been handed over: it is the caller's then, to use or to give back.
    pub(crate) fn leave(&self, ticket: u64) -> bool {
        let mut line = self.line.lock();
        let Ok(at) = line.find(ticket) else { return false };
        let old = line.waiters.remove(at);
        self.close_if_empty(&line);
        drop(line);
        drop(old);
        true
    }

    /// Gives a place back, to the first in line if there is a line.
    pub(crate) fn give_back(&self) {
        let mut word = self.word.load(Ordering::Relaxed);
        while word & LINE == 0 {
            match self.swap(word, word - CALL) {
                Ok(()) => return,
                Err(now) => word = now,
            }
        }
        let mut line = self.line.lock();
        let first = line.waiters.pop_front();
        if first.is_some() {
            self.close_if_empty(&line);
        } else {
            // The last one left the line between the look at the bit and the lock.
            self.word.fetch_sub(CALL, Ordering::AcqRel);
        }
        drop(line);
        if let Some((_, waker)) = first {
            waker.wake();
        }
    }

    fn close_if_empty(&self, line: &Line) {
        if line.waiters.is_empty() {
            self.word.fetch_and(!LINE, Ordering::AcqRel);
        }
    }

    fn swap(&self, from: usize, to: usize) -> Result<(), usize> {
        self.word.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).map(drop)
    }
}

impl Line {
    fn find(&self, ticket: u64) -> Result<usize, usize> {
        self.waiters.binary_search_by_key(&ticket, |waiter| waiter.0)
    }
}
