use crate::notice::{Beat, Notice, Sender, Word};
use healthcare_cache::{Mark, ScopeMark, Verb};
use proptest::prelude::*;

const FROM: Sender = Sender(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10);

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Nodes of two releases run side by side: the bytes of a version never change.
#[test]
fn the_bytes_of_version_1_are_these() {
    let scope = ScopeMark([0xc1; 16]);
    let head = "01 0102030405060708090a0b0c0d0e0f10";
    let (clinic, one, two) = ("c1".repeat(16), "aa".repeat(16), "bb".repeat(16));
    let cases = [
        (
            Word::Forget {
                number: 7,
                scope,
                verb: Verb::Purge,
                marks: vec![Mark([0xaa; 16]), Mark([0xbb; 16])],
            },
            format!("{head} 01 0000000000000007 {clinic} 00 {one} {two}"),
        ),
        (
            Word::Clinic { number: 258, scope, verb: Verb::Expire },
            format!("{head} 02 0000000000000102 {clinic} 01"),
        ),
        (
            Word::Everything { number: 3, generation: 5 },
            format!("{head} 03 0000000000000003 0000000000000005"),
        ),
        (
            Word::Beat(Beat { complete: 9, generation: 2, sent: 1_000_000_007 }),
            format!("{head} 04 0000000000000009 0000000000000002 000000003b9aca07"),
        ),
        (Word::Goodbye { said: 9 }, format!("{head} 05 0000000000000009")),
    ];
    for (word, hex) in cases {
        let notice = Notice { from: FROM, word };
        assert_eq!(notice.encode(), bytes(&hex), "{notice:?}");
        assert_eq!(Notice::decode(&bytes(&hex)), Some(notice));
    }
    assert_eq!(Notice::everything(FROM, 3), bytes(&format!("{head} 03 0000000000000003")));
}

#[test]
fn what_is_no_notice_is_told() {
    let beat = Notice { from: FROM, word: Word::Beat(Beat { complete: 0, generation: 0, sent: 0 }) };
    let good = beat.encode();
    assert_eq!(Notice::decode(&good), Some(beat));
    for length in 0..good.len() {
        assert_eq!(Notice::decode(&good[..length]), None, "{length} bytes");
    }
    let spoilt = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        Notice::decode(&bytes)
    };
    assert_eq!(spoilt(0, 2), None, "another version");
    assert_eq!(spoilt(17, 9), None, "another kind");
    let longer: Vec<u8> = good.iter().copied().chain([0]).collect();
    assert_eq!(Notice::decode(&longer), None);
    let forget = |number, verb: u8, marks: usize| {
        let scope = ScopeMark([1; 16]);
        let word = Word::Forget { number, scope, verb: Verb::Purge, marks: vec![Mark([2; 16]); marks] };
        let mut bytes = Notice { from: FROM, word }.encode();
        bytes[42] = verb;
        Notice::decode(&bytes)
    };
    assert!(forget(1, 0, 1_000).is_some());
    assert_eq!(forget(0, 0, 1), None, "without a number");
    assert_eq!(forget(1, 2, 1), None, "another verb");
    assert_eq!(forget(1, 0, 0), None, "of nothing");
    assert_eq!(forget(1, 0, 1_001), None, "more than one call may name");
}

fn word() -> impl Strategy<Value = Word> {
    let verb = || prop_oneof![Just(Verb::Purge), Just(Verb::Expire)];
    let mark = any::<[u8; 16]>().prop_map(Mark);
    prop_oneof![
        (1_u64.., any::<[u8; 16]>(), verb(), prop::collection::vec(mark, 1..9)).prop_map(
            |(number, scope, verb, marks)| { Word::Forget { number, scope: ScopeMark(scope), verb, marks } }
        ),
        (1_u64.., any::<[u8; 16]>(), verb()).prop_map(|(number, scope, verb)| Word::Clinic {
            number,
            scope: ScopeMark(scope),
            verb
        }),
        (1_u64.., any::<u64>()).prop_map(|(number, generation)| Word::Everything { number, generation }),
        any::<[u64; 3]>()
            .prop_map(|[complete, generation, sent]| { Word::Beat(Beat { complete, generation, sent }) }),
        any::<u64>().prop_map(|said| Word::Goodbye { said }),
    ]
}

proptest! {
    #[test]
    fn what_is_said_is_heard(from: u128, word in word()) {
        let notice = Notice { from: Sender(from), word };
        prop_assert_eq!(Notice::decode(&notice.encode()), Some(notice));
    }

    /// No two forms of one notice, and nothing that panics.
    #[test]
    fn any_bytes_are_one_notice_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200), word in word()) {
        if let Some(notice) = Notice::decode(&bytes) {
            prop_assert_eq!(&notice.encode(), &bytes);
        }
        let mut near = Notice { from: FROM, word }.encode();
        for (at, byte) in bytes.iter().enumerate().take(2) {
            let at = (usize::from(*byte) + at * 7) % near.len();
            near[at] ^= byte | 1;
        }
        if let Some(notice) = Notice::decode(&near) {
            prop_assert_eq!(notice.encode(), near);
        }
    }
}
