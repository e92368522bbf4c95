//! Bars are told when they run out, and before anybody finds them gone.

use crate::bars::{Bars, Lapse};
use healthcare_cache::{Mark, ScopeMark};

const CLINIC: ScopeMark = ScopeMark([9; 16]);

fn mark(mark: u16) -> Mark {
    Mark([mark.to_be_bytes(); 8].concat().try_into().unwrap())
}

fn add(bars: &Bars, marks: &[Mark], now: u64, until: u64) -> Option<u64> {
    let token = bars.add(CLINIC, marks, now, until, |lapse| panic!("{lapse:?}"));
    bars.validate().unwrap();
    token
}

fn is_held(bars: &Bars, marks: &[Mark], now: u64) -> bool {
    let is_held = bars.hold(marks, now, |lapse| panic!("{lapse:?}"));
    bars.validate().unwrap();
    is_held
}

fn lapses(look: impl FnOnce(&mut dyn FnMut(Lapse))) -> Vec<Lapse> {
    let mut told = Vec::new();
    look(&mut |lapse| told.push(lapse));
    told
}

#[test]
fn bars_on_one_mark_add_up() {
    let bars = Bars::new();
    assert!(!is_held(&bars, &[mark(1)], 0));
    let one = add(&bars, &[mark(1), mark(2)], 0, 100).unwrap();
    let other = add(&bars, &[mark(2), mark(3)], 0, 100).unwrap();
    for held in 1..=3 {
        assert!(is_held(&bars, &[mark(7), mark(held)], 99));
    }
    bars.remove(&[mark(1), mark(2)], one);
    assert!(!is_held(&bars, &[mark(1), mark(7)], 99) && is_held(&bars, &[mark(2)], 99));
    bars.remove(&[mark(1), mark(2)], one);
    assert!(is_held(&bars, &[mark(2)], 99), "lifted twice");
    bars.remove(&[mark(2), mark(3)], other);
    assert!(!is_held(&bars, &[mark(2), mark(3)], 99));
}

#[test]
fn one_that_runs_out_is_told_once_to_whoever_finds_it_or_to_the_sweep() {
    let bars = Bars::new();
    add(&bars, &[mark(1), mark(2)], 0, 100).unwrap();
    let longer = add(&bars, &[mark(2)], 0, 200).unwrap();
    let told = lapses(|told| assert!(!bars.hold(&[mark(1)], 100, told)));
    assert_eq!(told, [Lapse::Mark(CLINIC, mark(1))]);
    let told = lapses(|told| assert!(bars.hold(&[mark(1), mark(2)], 100, told), "another is held"));
    assert_eq!(told, [Lapse::Mark(CLINIC, mark(2))]);
    assert!(is_held(&bars, &[mark(2)], 199));
    assert_eq!(lapses(|told| bars.lapse(199, told)), []);
    assert_eq!(lapses(|told| bars.lapse(200, told)), [Lapse::Mark(CLINIC, mark(2))]);
    bars.remove(&[mark(2)], longer);
    assert!(!is_held(&bars, &[mark(2)], 200));
}

#[test]
fn without_room_everything_is_barred() {
    let bars = Bars::new();
    let many: Vec<Mark> = (0..16_383).map(mark).collect();
    let token = add(&bars, &many, 0, 500).unwrap();
    assert_eq!(add(&bars, &[mark(20_000), mark(20_001)], 0, 100), None);
    assert!(is_held(&bars, &[mark(30_000)], 99) && is_held(&bars, &[], 99));
    assert_eq!(lapses(|told| assert!(!bars.hold(&[mark(30_000)], 100, told))), [Lapse::Everything]);
    bars.remove(&many, token);
    // What ran out makes room, and is told.
    add(&bars, &many, 100, 500).unwrap();
    let told = lapses(|told| assert!(bars.add(CLINIC, &many, 500, 900, told).is_some()));
    assert_eq!(told.len(), many.len());
    bars.validate().unwrap();
}
