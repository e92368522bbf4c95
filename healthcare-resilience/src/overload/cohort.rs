use crate::Moment;
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

/// How long a key stays in its place among the others.
const TERM: Duration = Duration::from_secs(60 * 60);

/// Where `key` stands among all keys in this hour, 0 up to but not including 1.
///
/// The same key stands at the same place in every call, so that some are served wholly rather than all of them in part;
/// and at another place in the next hour, so that it is not always the same who go without. The hours are counted by the
/// clock of this process, so each instance of a service has its own, and sheds other keys than its neighbours.
pub(super) fn place<K: Hash + ?Sized>(key: &K, now: Moment) -> f64 {
    // Its keys are fixed: who may choose a key, and knows when the process began, could find one that is served.
    let mut hasher = DefaultHasher::new();
    (now.as_nanos() / crate::clock::nanos(TERM)).hash(&mut hasher);
    key.hash(&mut hasher);
    (hasher.finish() >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_its_place_for_an_hour() {
        let at = |seconds: u64| Moment::START.after(Duration::from_secs(seconds));
        assert_eq!(place("clinic-7", at(0)).to_bits(), place("clinic-7", at(3_599)).to_bits());
        assert_ne!(place("clinic-7", at(0)).to_bits(), place("clinic-7", at(3_600)).to_bits());
    }

    #[test]
    fn keys_spread_evenly() {
        let places: Vec<_> = (0..10_000_u32).map(|key| place(&key, Moment::START)).collect();
        assert!(places.iter().all(|place| (0.0..1.0).contains(place)));
        for tenth in 0_u32..10 {
            let range = f64::from(tenth) / 10.0..f64::from(tenth + 1) / 10.0;
            let count = places.iter().filter(|place| range.contains(place)).count();
            assert!((900..1_100).contains(&count), "{count} in tenth {tenth}");
        }
    }
}
