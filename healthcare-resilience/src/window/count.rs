use super::{Mark, Tally};

/// Each call takes two bits of a word.
const PER_WORD: u32 = 32;
const FAILED: u64 = 0b01;
const SLOW: u64 = 0b10;

/// The last calls, two bits for each. When it is full, each call takes the place of the oldest.
#[derive(Debug)]
pub(crate) struct CountWindow {
    words: Box<[u64]>,
    size: u32,
    next: u32,
    sum: Tally,
}

impl CountWindow {
    /// Room for the last `size` calls, at least one.
    pub(crate) fn new(size: u32) -> Self {
        let size = size.max(1);
        let words = vec![0; size.div_ceil(PER_WORD) as usize].into_boxed_slice();
        Self { words, size, next: 0, sum: Tally::default() }
    }

    pub(crate) fn push(&mut self, mark: Mark) -> Tally {
        let shift = (self.next % PER_WORD) * 2;
        let Some(word) = self.words.get_mut((self.next / PER_WORD) as usize) else { return self.sum };
        if self.sum.calls == u64::from(self.size) {
            let oldest = *word >> shift;
            self.sum.calls -= 1;
            self.sum.failed -= u64::from(oldest & FAILED != 0);
            self.sum.slow -= u64::from(oldest & SLOW != 0);
        }
        let kept = if mark.is_failed { FAILED } else { 0 } | if mark.is_slow { SLOW } else { 0 };
        *word = (*word & !((FAILED | SLOW) << shift)) | (kept << shift);
        self.sum.add(mark);
        self.next = if self.next + 1 == self.size { 0 } else { self.next + 1 };
        self.sum
    }

    pub(crate) const fn tally(&self) -> Tally {
        self.sum
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.sum == Tally { calls: u64::from(self.size), failed: 0, slow: 0 }
    }

    pub(crate) fn clear(&mut self) {
        // What the words hold is not looked at before it is written again.
        self.next = 0;
        self.sum = Tally::default();
    }
}
