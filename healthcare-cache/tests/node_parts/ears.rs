//! Message by message.

use crate::{
    hearing::{Doubt, Effect, Hearing},
    notice::{Beat, Notice, Sender, Word},
};
use healthcare_cache::{Mark, ScopeMark, Verb};

const ME: Sender = Sender(1);
const OTHER: Sender = Sender(2);
const BOUND: u64 = 300;

fn say(from: Sender, word: Word) -> Vec<u8> {
    Notice { from, word }.encode()
}

fn forget(number: u64) -> Word {
    Word::Forget { number, scope: ScopeMark([1; 16]), verb: Verb::Purge, marks: vec![Mark([2; 16])] }
}

fn beat(complete: u64, sent: u64) -> Word {
    Word::Beat(Beat { complete, generation: 0, sent })
}

/// Linked at 1,000, and heard its own first beat, sent then.
fn hearing() -> Hearing {
    let mut hearing = Hearing::new(ME, BOUND);
    assert_eq!(hearing.until(), 0);
    assert_eq!(hearing.link(1_000).doubt, Some(Doubt::Relinked));
    assert_eq!(hearing.until(), 0, "it has not heard itself");
    own(&mut hearing, 1_000);
    assert_eq!(hearing.until(), 1_300);
    hearing
}

fn own(hearing: &mut Hearing, now: u64) {
    let sent = hearing.stamp(now);
    assert_eq!(hearing.hear(&say(ME, beat(0, sent))).doubt, None);
}

fn doubt(hearing: &mut Hearing, from: Sender, word: Word) -> Option<Doubt> {
    let effect = hearing.hear(&say(from, word));
    hearing.validate().unwrap();
    effect.doubt
}

#[test]
fn what_comes_in_whatever_order_is_no_doubt() {
    let mut hearing = hearing();
    for number in [2, 1, 3, 3, 1] {
        let effect = hearing.hear(&say(OTHER, forget(number)));
        assert_eq!(effect, Effect { word: Some(forget(number)), doubt: None, generation: None });
    }
    assert_eq!(doubt(&mut hearing, OTHER, beat(3, 7)), None);
    // What was said since then may lie on either side of the beat.
    assert_eq!(doubt(&mut hearing, OTHER, forget(5)), None);
    assert_eq!(doubt(&mut hearing, OTHER, beat(3, 8)), None);
    assert_eq!(doubt(&mut hearing, OTHER, forget(4)), None);
    assert_eq!(doubt(&mut hearing, OTHER, beat(5, 9)), None);
}

#[test]
fn what_is_missing_is_a_doubt_once() {
    let mut hearing = hearing();
    assert_eq!(doubt(&mut hearing, OTHER, beat(0, 1)), None);
    assert_eq!(doubt(&mut hearing, OTHER, forget(2)), None);
    assert_eq!(doubt(&mut hearing, OTHER, forget(4)), None);
    assert_eq!(doubt(&mut hearing, OTHER, beat(2, 2)), Some(Doubt::Missing), "the first");
    assert_eq!(doubt(&mut hearing, OTHER, beat(2, 3)), None);
    assert_eq!(doubt(&mut hearing, OTHER, beat(4, 4)), Some(Doubt::Missing), "the third");
    assert_eq!(doubt(&mut hearing, OTHER, forget(5)), None);
    assert_eq!(doubt(&mut hearing, OTHER, beat(5, 5)), None);
    // The last of all, before any other.
    assert_eq!(doubt(&mut hearing, OTHER, beat(6, 6)), Some(Doubt::Missing));
    // It comes late: it is forgotten all the same, and nothing is missing.
    let late = hearing.hear(&say(OTHER, forget(6)));
    assert_eq!((late.word, late.doubt), (Some(forget(6)), None));
}

#[test]
fn a_stranger_with_a_past_is_a_doubt_and_one_without_is_none() {
    let mut hearing = hearing();
    assert_eq!(doubt(&mut hearing, OTHER, beat(0, 1)), None);
    assert_eq!(doubt(&mut hearing, Sender(3), beat(1, 1)), Some(Doubt::Missing));
    assert_eq!(doubt(&mut hearing, Sender(4), forget(1)), None);
    assert_eq!(doubt(&mut hearing, Sender(4), beat(1, 1)), None);
}

#[test]
fn a_sender_that_falls_silent_is_given_up() {
    let mut hearing = hearing();
    doubt(&mut hearing, OTHER, beat(0, 1));
    // As old as the own beat that came before it.
    assert_eq!(hearing.tick(1_299), Effect::default());
    own(&mut hearing, 1_200);
    assert_eq!(hearing.until(), 1_300, "the other is as old as before");
    assert_eq!(hearing.tick(1_300).doubt, Some(Doubt::Silent));
    assert_eq!((hearing.tick(1_300), hearing.until()), (Effect::default(), 1_500));
    // A beat that is doubled or late is no sign of life.
    doubt(&mut hearing, OTHER, beat(0, 5));
    own(&mut hearing, 1_400);
    doubt(&mut hearing, OTHER, beat(0, 5));
    doubt(&mut hearing, OTHER, beat(0, 4));
    assert_eq!(hearing.until(), 1_500);
    doubt(&mut hearing, OTHER, beat(0, 6));
    assert_eq!(hearing.until(), 1_700);
}

#[test]
fn who_says_goodbye_is_given_up_without_a_doubt() {
    let mut hearing = hearing();
    doubt(&mut hearing, OTHER, beat(0, 1));
    doubt(&mut hearing, OTHER, forget(1));
    own(&mut hearing, 1_200);
    assert_eq!(hearing.until(), 1_300);
    assert_eq!(hearing.hear(&say(OTHER, Word::Goodbye { said: 1 })), Effect::default());
    assert!(!hearing.follows(OTHER));
    assert_eq!((hearing.until(), hearing.tick(1_499)), (1_500, Effect::default()), "nobody waits for it");
    // Nothing was heard of these, and they said nothing.
    assert_eq!(hearing.hear(&say(Sender(3), Word::Goodbye { said: 0 })), Effect::default());
    // Its own, as it comes back: it stays deaf by other means.
    assert_eq!(hearing.hear(&say(ME, Word::Goodbye { said: 7 })), Effect::default());
    hearing.validate().unwrap();
}

#[test]
fn a_goodbye_counts_only_when_all_was_heard() {
    let gone = |heard: &[u64], said| {
        let mut hearing = hearing();
        doubt(&mut hearing, OTHER, beat(0, 1));
        for number in heard {
            doubt(&mut hearing, OTHER, forget(*number));
        }
        doubt(&mut hearing, OTHER, Word::Goodbye { said })
    };
    assert_eq!(gone(&[1, 3, 2], 3), None);
    assert_eq!(gone(&[1, 2], 3), Some(Doubt::Missing), "the last");
    assert_eq!(gone(&[1, 3], 3), Some(Doubt::Missing), "one before");
    assert_eq!(gone(&[], 1), Some(Doubt::Missing));
    let mut hearing = hearing();
    assert_eq!(doubt(&mut hearing, OTHER, Word::Goodbye { said: 2 }), Some(Doubt::Missing), "a stranger");
    // What comes after it is a stranger's, and its silence counts again.
    doubt(&mut hearing, OTHER, Word::Goodbye { said: 2 });
    assert_eq!(doubt(&mut hearing, OTHER, forget(3)), None);
    assert_eq!(doubt(&mut hearing, OTHER, beat(3, 9)), Some(Doubt::Missing));
    assert_eq!(hearing.tick(1_300).doubt, Some(Doubt::Silent));
}

#[test]
fn what_is_no_notice_is_a_doubt() {
    let mut hearing = hearing();
    assert_eq!(hearing.hear(b"hello").doubt, Some(Doubt::Garbled));
    assert_eq!(hearing.hear(&[]).doubt, Some(Doubt::Garbled));
    // An own beat that was never sent.
    assert_eq!(doubt(&mut hearing, ME, beat(0, 5_000)), Some(Doubt::Garbled));
    assert_eq!(hearing.until(), 1_300);
}

#[test]
fn what_it_says_itself_it_has_done() {
    let mut hearing = hearing();
    assert_eq!(hearing.hear(&say(ME, forget(1))), Effect::default());
    // But what of it did not come shows that the link loses.
    let sent = hearing.stamp(1_050);
    assert_eq!(doubt(&mut hearing, ME, beat(1, sent)), None);
    let sent = hearing.stamp(1_100);
    assert_eq!(doubt(&mut hearing, ME, beat(2, sent)), Some(Doubt::Missing));
}

#[test]
fn a_new_generation_is_told_once() {
    let mut hearing = hearing();
    let everything = |number, generation| Word::Everything { number, generation };
    let news =
        |generation| Effect { word: None, doubt: Some(Doubt::Generation), generation: Some(generation) };
    assert_eq!(hearing.hear(&say(OTHER, everything(1, 4))), news(4));
    let old = Word::Beat(Beat { complete: 1, generation: 4, sent: 1 });
    assert_eq!(hearing.hear(&say(OTHER, old)), Effect::default());
    let new = Word::Beat(Beat { complete: 1, generation: 5, sent: 2 });
    assert_eq!(hearing.hear(&say(OTHER, new)), news(5));
    assert!(!hearing.know(5) && hearing.know(6));
    assert_eq!(hearing.hear(&say(OTHER, everything(2, 6))), Effect::default());
}

#[test]
fn what_it_keeps_track_of_is_bounded() {
    let mut hearing = hearing();
    for number in 2..=4_097 {
        assert_eq!(doubt(&mut hearing, OTHER, forget(number)), None);
    }
    assert_eq!(doubt(&mut hearing, OTHER, forget(4_098)), Some(Doubt::Crowded));
    // The first was said after that, and lost.
    assert_eq!(doubt(&mut hearing, OTHER, beat(4_098, 1)), Some(Doubt::Missing));
    for sender in 3..=1_024 {
        assert_eq!(doubt(&mut hearing, Sender(sender), beat(0, 1)), None, "{sender}");
    }
    assert_eq!(doubt(&mut hearing, Sender(1_025), beat(0, 1)), Some(Doubt::Crowded));
    assert_eq!(doubt(&mut hearing, Sender(1_025), beat(0, 2)), None);
    assert_eq!(doubt(&mut hearing, OTHER, beat(4_098, 2)), Some(Doubt::Missing), "it was given up, too");
}

#[test]
fn a_link_that_brings_no_own_beat_is_given_up_after_the_bound() {
    let mut hearing = hearing();
    assert_eq!(hearing.patience(), 1_300);
    doubt(&mut hearing, OTHER, beat(0, 1));
    assert_eq!(hearing.patience(), 1_300, "others are no sign of it");
    own(&mut hearing, 1_100);
    assert_eq!(hearing.patience(), 1_400);
    hearing.link(2_000);
    assert_eq!((hearing.patience(), hearing.until()), (2_300, 1_300));
}
