use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A number that moves, and what was last told of it.
///
/// Telling runs others' code, so it is done without the lock under which the number moves. Were each thread to tell of
/// its own move, an older number could be told last. So one tells for all, and those who find it at that leave: it looks
/// again when it is done. Numbers in between may be left out.
#[derive(Debug)]
pub(crate) struct Moving {
    now: AtomicU64,
    told: AtomicU64,
    is_telling: AtomicBool,
}

impl Moving {
    pub(crate) fn new(number: u64) -> Self {
        Self { now: AtomicU64::new(number), told: AtomicU64::new(number), is_telling: AtomicBool::new(false) }
    }

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.now.load(Ordering::Acquire)
    }

    /// Moves it. Returns where it was.
    pub(crate) fn swap(&self, number: u64) -> u64 {
        self.now.swap(number, Ordering::AcqRel)
    }

    /// Calls `tell` with what was told last and what the number is now, in order, unless another thread is at it.
    pub(crate) fn tell(&self, tell: impl Fn(u64, u64)) {
        loop {
            if self.is_telling.swap(true, Ordering::AcqRel) {
                return;
            }
            let telling = Telling(&self.is_telling);
            let now = self.get();
            tell(self.told.swap(now, Ordering::AcqRel), now);
            drop(telling);
            if self.get() == now {
                return;
            }
        }
    }
}

/// Given back in a panic too: then the next move is told.
struct Telling<'a>(&'a AtomicBool);

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        // A swap and no store: it reads what those who left wrote, and with that sees the moves they left untold.
        self.0.swap(false, Ordering::AcqRel);
    }
}
