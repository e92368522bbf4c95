use super::*;
use proptest::prelude::*;
use uuid::Uuid;

/// The golden log: made once from `docs/format.md`, never from this code.
const GOLDEN: &str = include_str!("../../docs/golden-v1.hex");

fn golden() -> Vec<u8> {
    let digits: String =
        GOLDEN.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace).collect();
    (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[at * 2..at * 2 + 2], 16).unwrap()).collect()
}

fn head(kind: EntryKind, sequence: u64) -> FrameHead {
    FrameHead {
        kind,
        emergency: false,
        number: 0,
        sequence,
        epoch: 1,
        batch: sequence,
        clinic: Uuid::nil(),
        correlation: Uuid::nil(),
        written: 1_772_355_600_000_000,
    }
}

#[test]
fn the_bytes_are_those_of_the_written_format() {
    let log = Uuid::from_u128(0x018f_6c3e_7b1a_7c3d_9e55_0242_ac12_0002);
    let segment = SegmentHead { log, first: 1, epoch: 1, previous: [0; 32] };
    let mut bytes = segment.encode();
    let (_, body) = opened(&[]);
    let mut hash = encode(&mut bytes, &head(EntryKind::Opened, 1), &body, &segment.hash());
    let event = FrameHead {
        emergency: true,
        number: 7,
        clinic: Uuid::from_u128(0x11),
        correlation: Uuid::from_u128(0x22),
        ..head(EntryKind::Event, 2)
    };
    hash = encode(&mut bytes, &event, b"sealed", &hash);
    let (_, body) = gap(3);
    let third = FrameHead { batch: 2, ..head(EntryKind::Gap, 3) };
    hash = encode(&mut bytes, &third, &body, &hash);
    encode(&mut bytes, &head(EntryKind::Closed, 4), &[], &hash);
    assert_eq!(bytes, golden());
}

fn any_head() -> impl Strategy<Value = FrameHead> {
    let kind = prop_oneof![
        Just(EntryKind::Event),
        Just(EntryKind::Opened),
        Just(EntryKind::Gap),
        Just(EntryKind::Closed)
    ];
    let ids = (any::<u128>(), any::<u128>(), any::<u32>(), any::<bool>());
    let places = (1..u64::MAX, any::<u64>(), any::<u64>(), any::<i64>());
    (kind, ids, places).prop_map(
        |(kind, (clinic, correlation, number, emergency), (sequence, epoch, batch, written))| FrameHead {
            kind,
            emergency,
            number,
            sequence,
            epoch,
            batch: batch.min(sequence),
            clinic: Uuid::from_u128(clinic),
            correlation: Uuid::from_u128(correlation),
            written,
        },
    )
}

proptest! {
    #[test]
    fn what_is_encoded_is_parsed(head in any_head(), body in prop::collection::vec(any::<u8>(), 0..2_000), before: [u8; 32]) {
        let mut bytes = Vec::new();
        let hash = encode(&mut bytes, &head, &body, &before);
        let frame = walk(&bytes, &before, head.sequence, head.epoch).unwrap();
        prop_assert_eq!((frame.head, frame.body, frame.hash, frame.len), (head, body.as_slice(), hash, bytes.len()));
    }

    #[test]
    fn every_changed_byte_is_noticed(head in any_head(), body in prop::collection::vec(any::<u8>(), 0..60), at: prop::sample::Index, change in 1..=255_u8) {
        let mut bytes = Vec::new();
        encode(&mut bytes, &head, &body, &[9; 32]);
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        prop_assert!(walk(&bytes, &[9; 32], head.sequence, head.epoch).is_err());
    }

    #[test]
    fn fields_cannot_be_moved_into_each_other(head in any_head(), body in prop::collection::vec(any::<u8>(), 1..60), cut: prop::sample::Index) {
        // The same bytes cut elsewhere: length is hashed with the rest.
        let cut = cut.index(body.len());
        let (mut whole, mut parts) = (Vec::new(), Vec::new());
        let one = encode(&mut whole, &head, &body, &[0; 32]);
        let two = encode(&mut parts, &head, &body[..cut], &[0; 32]);
        prop_assert_ne!(one, two);
    }

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), marked: bool) {
        let bytes = if marked { [MARKER.as_slice(), &bytes].concat() } else { bytes };
        let _ = parse(&bytes);
        let _ = SegmentHead::parse(&bytes);
    }

    #[test]
    fn a_segment_header_is_parsed(log: u128, first: u64, epoch: u64, previous: [u8; 32], at in 0..SEGMENT_HEADER_LEN, change in 1..=255_u8) {
        let head = SegmentHead { log: Uuid::from_u128(log), first, epoch, previous };
        let mut bytes = head.encode();
        prop_assert_eq!(SegmentHead::parse(&bytes), Some(head));
        prop_assert_eq!(bytes.len(), SEGMENT_HEADER_LEN);
        bytes[at] ^= change;
        prop_assert_eq!(SegmentHead::parse(&bytes), None);
    }
}
