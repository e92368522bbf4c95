use std::sync::atomic::{AtomicU32, Ordering};

/// How often plain looks were enough lately. When mostly not, scripts are asked at once: one round trip for everything.
#[derive(Debug)]
pub(super) struct Luck(AtomicU32);

const ALWAYS: u32 = 1 << 16;
/// One look's part of the estimate.
const PART: u32 = 32;

impl Luck {
    pub(super) fn new() -> Self {
        Self(AtomicU32::new(ALWAYS))
    }

    /// Whether some three in four of the last few dozen were.
    pub(super) fn is_good(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= ALWAYS / 4 * 3
    }

    /// Whether a plain look was enough, or would have been. Of two at the same moment one may be lost: it is an estimate.
    pub(super) fn was(&self, is_enough: bool) {
        let last = self.0.load(Ordering::Relaxed);
        let part = if is_enough { ALWAYS.div_ceil(PART) } else { 0 };
        self.0.store((last - last / PART + part).min(ALWAYS), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_turns_with_what_happens_and_back() {
        let luck = Luck::new();
        let turns = |is_enough: bool| {
            let before = luck.is_good();
            (1..1_000).find(|_| {
                luck.was(is_enough);
                luck.is_good() != before
            })
        };
        assert_eq!(turns(false), Some(10));
        (0..1_000).for_each(|_| luck.was(false));
        assert_eq!(turns(true), Some(44));
        (0..10_000).for_each(|_| luck.was(true));
        assert_eq!(luck.0.load(Ordering::Relaxed), ALWAYS);
    }

    #[test]
    fn two_of_three_are_not_enough_and_nine_of_ten_are() {
        for (every, is_good) in [(3, false), (10, true)] {
            let luck = Luck::new();
            (0..1_000).for_each(|look| luck.was(look % every != 0));
            assert_eq!(luck.is_good(), is_good, "{every}");
        }
    }
}
