//! Fingerprints of the latest events, so that an event delivered twice is stored once.

use std::collections::{HashSet, VecDeque};

/// How many of the latest events are remembered: 3 MiB or so.
const REMEMBERED: usize = 65_536;

/// The latest fingerprints, oldest forgotten first.
#[derive(Debug, Default)]
pub(crate) struct Fingerprints {
    known: HashSet<[u8; 16]>,
    order: VecDeque<[u8; 16]>,
}

impl Fingerprints {
    pub(crate) fn contains(&self, fingerprint: &[u8; 16]) -> bool {
        self.known.contains(fingerprint)
    }

    pub(crate) fn insert(&mut self, fingerprint: [u8; 16]) {
        if !self.known.insert(fingerprint) {
            return;
        }
        self.order.push_back(fingerprint);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_first() {
        let mut fingerprints = Fingerprints::default();
        for n in 0..=u128::try_from(REMEMBERED).unwrap() {
            fingerprints.insert(n.to_be_bytes());
        }
        assert!(!fingerprints.contains(&0_u128.to_be_bytes()));
        assert!(fingerprints.contains(&1_u128.to_be_bytes()));
        assert_eq!(fingerprints.known.len(), REMEMBERED);
    }
}
