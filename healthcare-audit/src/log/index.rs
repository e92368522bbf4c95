//! Where the latest entries of each clinic stand, so that the newest can be shown without reading the log.

use std::collections::{HashMap, VecDeque};
use uuid::Uuid;

/// Places remembered for one clinic.
const PER_CLINIC: usize = 256;
/// Clinics remembered at once.
const CLINICS: usize = 4_096;

/// Where an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// First sequence of its segment.
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    pub(crate) len: usize,
    pub(crate) sequence: u64,
}

#[derive(Debug, Default)]
struct Latest {
    places: VecDeque<Place>,
    /// Every entry of the clinic from this sequence on is in `places`.
    since: u64,
}

/// The index of one log.
#[derive(Debug, Default)]
pub(crate) struct Index {
    clinics: HashMap<Uuid, Latest>,
    /// Every entry from this sequence on was offered.
    since: u64,
    /// First sequence of each segment, ascending.
    pub(crate) segments: Vec<u64>,
    /// Durable length of the last segment, bytes.
    pub(crate) durable: u64,
}

impl Index {
    pub(crate) fn starting_at(sequence: u64) -> Self {
        Self { since: sequence, ..Self::default() }
    }

    pub(crate) fn insert(&mut self, clinic: Uuid, place: Place) {
        if self.clinics.len() >= CLINICS && !self.clinics.contains_key(&clinic) {
            self.clinics.clear();
            self.since = place.sequence;
        }
        let since = self.since;
        let latest = self.clinics.entry(clinic).or_insert_with(|| Latest { places: VecDeque::new(), since });
        latest.places.push_back(place);
        if latest.places.len() > PER_CLINIC {
            latest.places.pop_front();
            latest.since = latest.places.front().map_or(place.sequence, |oldest| oldest.sequence);
        }
    }

    /// The places of a clinic before a sequence, newest first, and the sequence below which the index knows nothing of it.
    pub(crate) fn newest(&self, clinic: Uuid, before: u64) -> (Vec<Place>, u64) {
        match self.clinics.get(&clinic) {
            None => (Vec::new(), self.since.min(before)),
            Some(latest) => {
                let places =
                    latest.places.iter().rev().filter(|place| place.sequence < before).copied().collect();
                (places, latest.since.min(before))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(sequence: u64) -> Place {
        Place { segment: 1, offset: sequence, len: 1, sequence }
    }

    #[test]
    fn a_clinic_keeps_its_newest_and_says_from_where() {
        let (clinic, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut index = Index::starting_at(10);
        for sequence in 10..1_000 {
            index.insert(clinic, place(sequence));
        }
        let (places, since) = index.newest(clinic, u64::MAX);
        assert_eq!((places.len(), places[0].sequence, since), (PER_CLINIC, 999, 1_000 - 256));
        assert_eq!(index.newest(clinic, 990).0[0].sequence, 989);
        assert_eq!(index.newest(other, u64::MAX), (Vec::new(), 10));
    }

    #[test]
    fn too_many_clinics_start_the_index_afresh() {
        let mut index = Index::starting_at(1);
        for n in 1..=u64::try_from(CLINICS).unwrap() + 1 {
            index.insert(Uuid::from_u128(u128::from(n)), place(n));
        }
        assert_eq!(index.clinics.len(), 1);
        let last = u64::try_from(CLINICS).unwrap() + 1;
        assert_eq!(index.newest(Uuid::from_u128(1), u64::MAX), (Vec::new(), last));
    }
}
