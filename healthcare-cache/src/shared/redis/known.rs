use crate::{ScopeMark, SharedLimits};
use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// What this node was told last. A server that now knows less was set back: restored from a copy, or replaced by a
/// replica that lagged.
#[derive(Debug, Default)]
pub(super) struct Known {
    clinics: Mutex<HashMap<ScopeMark, (u64, u64)>>,
    generation: AtomicU64,
}

/// When there are more, all are forgotten: setbacks are then not noticed until the clinic was asked about again.
const CLINICS: usize = 65_536;

impl Known {
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(super) fn hear(&self, generation: u64) -> u64 {
        if generation > SharedLimits::GENERATION_MAX {
            return self.generation();
        }
        self.generation.fetch_max(generation, Ordering::AcqRel).max(generation)
    }

    /// The epoch and the highest number in it.
    pub(super) fn of(&self, scope: ScopeMark) -> (u64, u64) {
        let clinics = self.clinics.lock().unwrap_or_else(PoisonError::into_inner);
        clinics.get(&scope).copied().unwrap_or_default()
    }

    pub(super) fn learn(&self, scope: ScopeMark, epoch: u64, number: u64) {
        let mut clinics = self.clinics.lock().unwrap_or_else(PoisonError::into_inner);
        if clinics.len() >= CLINICS && !clinics.contains_key(&scope) {
            clinics.clear();
        }
        let last = clinics.entry(scope).or_insert((epoch, number));
        *last = if last.0 == epoch { (epoch, last.1.max(number)) } else { (epoch, number) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_answer_of_the_same_epoch_takes_nothing_back() {
        let (known, scope) = (Known::default(), ScopeMark([1; 16]));
        known.learn(scope, 7, 5);
        known.learn(scope, 7, 3);
        assert_eq!(known.of(scope), (7, 5));
        known.learn(scope, 8, 1);
        assert_eq!(known.of(scope), (8, 1));
        known.hear(3);
        assert_eq!((known.hear(2), known.generation()), (3, 3));
    }

    #[test]
    fn it_holds_no_more_clinics_than_its_limit() {
        let known = Known::default();
        for number in 0..CLINICS + 10 {
            known.learn(ScopeMark(u128::try_from(number).unwrap().to_be_bytes()), 1, 1);
        }
        assert_eq!(known.clinics.lock().unwrap().len(), 10);
    }
}
