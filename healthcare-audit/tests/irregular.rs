//! Entries that are chained as they should be and hold what no writer writes: whoever can recompute the chain still cannot put anything into the log.
//!
//! The frames are written here, from `docs/format.md`, by neither the writer's nor the verifier's code.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use healthcare_audit::verify::{Report, Verdict, Verifier, Wrong};
use ring::digest::{SHA256, digest};
use std::io::Cursor;

const LOG: [u8; 16] = *b"a log's own id..";

/// One entry; every field can be set.
#[derive(Clone)]
struct Entry {
    marker: [u8; 4],
    kind: u8,
    flags: u8,
    spare: [u8; 2],
    number: u32,
    sequence: u64,
    epoch: u64,
    batch: u64,
    clinic: [u8; 16],
    request: [u8; 16],
    written: i64,
    body: Vec<u8>,
}

fn entry(kind: u8, sequence: u64, body: &[u8]) -> Entry {
    Entry {
        marker: *b"HAE\x01",
        kind,
        flags: 0,
        spare: [0; 2],
        number: 0,
        sequence,
        epoch: 1,
        batch: sequence,
        clinic: [0; 16],
        request: [0; 16],
        written: 1_772_355_600_000_000,
        body: body.to_vec(),
    }
}

fn opened(sequence: u64) -> Entry {
    entry(2, sequence, &[0; 40])
}

fn event(sequence: u64) -> Entry {
    Entry { number: 3, clinic: [7; 16], request: [9; 16], ..entry(1, sequence, b"sealed") }
}

/// A segment of these entries, each chained to the one before.
struct Segment {
    first: u64,
    epoch: u64,
    previous: [u8; 32],
    entries: Vec<Entry>,
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    digest(&SHA256, &parts.concat()).as_ref().try_into().unwrap()
}

impl Segment {
    fn of(entries: Vec<Entry>) -> Self {
        Self { first: 1, epoch: 1, previous: [0; 32], entries }
    }

    /// Its bytes and its last chain value.
    fn write(&self) -> (Vec<u8>, [u8; 32]) {
        let mut bytes = b"HCAUDIT\n\x01\0\0\0\0\0\0\0".to_vec();
        bytes.extend(LOG);
        bytes.extend(self.first.to_be_bytes());
        bytes.extend(self.epoch.to_be_bytes());
        bytes.extend(self.previous);
        let mut link = hash(&[b"healthcare-audit segment v1\n", &bytes]);
        bytes.extend(link);
        for entry in &self.entries {
            let head = entry.head();
            link = hash(&[b"healthcare-audit entry v1\n", &link, &head, &entry.body]);
            bytes.extend([&head[..], &entry.body, &link].concat());
        }
        (bytes, link)
    }
}

impl Entry {
    fn head(&self) -> Vec<u8> {
        let mut head = self.marker.to_vec();
        head.extend([self.kind, self.flags]);
        head.extend(self.spare);
        head.extend(u32::try_from(self.body.len()).unwrap().to_be_bytes());
        head.extend(self.number.to_be_bytes());
        for number in [self.sequence, self.epoch, self.batch] {
            head.extend(number.to_be_bytes());
        }
        head.extend([self.clinic, self.request].concat());
        head.extend(self.written.to_be_bytes());
        assert_eq!(head.len(), 80);
        head
    }
}

fn verify(segments: &[(u64, Vec<u8>)]) -> Report {
    let named =
        segments.iter().map(|(first, bytes)| (format!("{first:020}.audit"), Cursor::new(bytes.clone())));
    Verifier::segments(named.collect::<Vec<_>>()).run().unwrap()
}

/// A log that was opened, one entry, and a regular one after it.
fn between(odd: Entry) -> Report {
    let after = event(odd.sequence + 1);
    verify(&[(1, Segment::of(vec![opened(1), odd, after]).write().0)])
}

#[track_caller]
fn assert_found(report: &Report, sequence: u64, wrong: Wrong, what: &str) {
    let findings: Vec<_> = report.findings.iter().map(|finding| (finding.sequence, finding.wrong)).collect();
    assert_eq!(findings, [(sequence, wrong)], "{what}: {report}");
    assert_eq!(report.verdict(), Verdict::Broken, "{what}");
}

#[test]
fn what_a_writer_writes_is_sound() {
    let cut = [&5_u64.to_be_bytes()[..], &[0xab; 32]].concat();
    for regular in [
        event(2),
        Entry { flags: 1, ..event(2) },
        Entry { number: u32::MAX, clinic: [0xff; 16], request: [0xff; 16], ..event(2) },
        Entry { body: vec![1], ..event(2) },
        Entry { body: vec![1; 1_048_576], ..event(2) },
        Entry { epoch: 2, ..opened(2) },
        Entry { body: cut, epoch: u64::MAX, ..opened(2) },
        entry(3, 2, &9_u64.to_be_bytes()),
        entry(4, 2, b""),
        // In the same write as the entry before.
        Entry { batch: 1, ..event(2) },
    ] {
        let epoch = regular.epoch;
        let after = Entry { epoch, ..event(3) };
        let report = verify(&[(1, Segment::of(vec![opened(1), regular.clone(), after]).write().0)]);
        assert_eq!(report.verdict(), Verdict::Sound, "kind {}: {report}", regular.kind);
        assert_eq!(report.entries, 3);
    }
}

/// Time is data and never order: a clock that was put back, or is nonsense, makes no entry wrong.
#[test]
fn a_clock_that_goes_back_is_no_fault_of_the_log() {
    for written in [i64::MIN, -1, 0, 1, i64::MAX] {
        assert_eq!(between(Entry { written, ..event(2) }).verdict(), Verdict::Sound, "{written}");
    }
}

#[test]
fn a_kind_that_no_version_has_is_irregular() {
    for kind in [0, 5, 6, 0x7f, 0xff] {
        for body in [&b""[..], &[0; 8], &[0; 40], b"sealed"] {
            assert_found(&between(entry(kind, 2, body)), 2, Wrong::Irregular, &format!("kind {kind}"));
        }
    }
}

#[test]
fn flags_and_spare_bytes_that_mean_nothing_are_irregular() {
    for bit in 1..8 {
        for flags in [1 << bit, 1 | 1 << bit] {
            assert_found(&between(Entry { flags, ..event(2) }), 2, Wrong::Irregular, "flags of an event");
        }
    }
    for own in [opened(2), entry(3, 2, &[1; 8]), entry(4, 2, b"")] {
        for bit in 0..8 {
            let odd = Entry { flags: 1 << bit, ..own.clone() };
            assert_found(&between(odd), 2, Wrong::Irregular, &format!("flags of kind {}", own.kind));
        }
    }
    for regular in [event(2), opened(2), entry(3, 2, &[1; 8]), entry(4, 2, b"")] {
        for spare in [[1, 0], [0, 1], [0x80, 0], [0, 0x80]] {
            let odd = Entry { spare, ..regular.clone() };
            assert_found(&between(odd), 2, Wrong::Irregular, &format!("spare of kind {}", regular.kind));
        }
    }
}

#[test]
fn bodies_of_another_length_are_irregular() {
    assert_found(&between(Entry { body: Vec::new(), ..event(2) }), 2, Wrong::Irregular, "an empty event");
    for (kind, right) in [(2, 40), (3, 8), (4, 0)] {
        for length in [0, 1, 7, 8, 9, 39, 40, 41, 80] {
            if length != right {
                let odd = entry(kind, 2, &vec![1; length]);
                assert_found(&between(odd), 2, Wrong::Irregular, &format!("kind {kind} of {length} bytes"));
            }
        }
    }
}

#[test]
fn the_logs_own_entries_are_nobodys() {
    for own in [opened(2), entry(3, 2, &[1; 8]), entry(4, 2, b"")] {
        let named = |change: fn(&mut Entry)| {
            let mut odd = own.clone();
            change(&mut odd);
            between(odd)
        };
        let kind = format!("kind {}", own.kind);
        assert_found(&named(|odd| odd.number = 1), 2, Wrong::Irregular, &kind);
        assert_found(&named(|odd| odd.number = 1 << 31), 2, Wrong::Irregular, &kind);
        for at in [0, 15] {
            let mut clinic = own.clone();
            clinic.clinic[at] = 1;
            assert_found(&between(clinic), 2, Wrong::Irregular, &kind);
            let mut request = own.clone();
            request.request[at] = 1;
            assert_found(&between(request), 2, Wrong::Irregular, &kind);
        }
    }
}

#[test]
fn an_opening_says_what_it_cut_or_that_it_cut_nothing() {
    let nothing_hashed = [&0_u64.to_be_bytes()[..], &[1; 32]].concat();
    assert_found(&between(entry(2, 2, &nothing_hashed)), 2, Wrong::Irregular, "a hash of nothing");
    let not_hashed = [&1_u64.to_be_bytes()[..], &[0; 32]].concat();
    assert_found(&between(entry(2, 2, &not_hashed)), 2, Wrong::Irregular, "bytes without a hash");
    assert_found(&between(entry(3, 2, &[0; 8])), 2, Wrong::Irregular, "a gap of nothing");
}

#[test]
fn an_epoch_never_falls() {
    let entries =
        vec![Entry { epoch: 5, ..opened(1) }, Entry { epoch: 4, ..event(2) }, Entry { epoch: 5, ..event(3) }];
    assert_found(&verify(&[(1, Segment::of(entries).write().0)]), 2, Wrong::Irregular, "within a segment");
    // Nor below the segment's own.
    let low = Segment { epoch: 2, ..Segment::of(vec![opened(1)]) };
    assert_found(&verify(&[(1, low.write().0)]), 1, Wrong::Irregular, "below the header");
    // Nor from one segment to the next.
    let (one, link) = Segment { epoch: 3, ..Segment::of(vec![Entry { epoch: 3, ..opened(1) }]) }.write();
    let next = Segment { first: 2, epoch: 2, previous: link, entries: vec![Entry { epoch: 3, ..event(2) }] };
    assert_found(&verify(&[(1, one), (2, next.write().0)]), 2, Wrong::Link, "in the next header");
}

#[test]
fn an_entry_belongs_to_its_own_write_or_to_the_one_before_it() {
    for batch in [0, 1, 2, 4, u64::MAX] {
        let entries = vec![opened(1), event(2), Entry { batch, ..event(3) }, event(4)];
        let report = verify(&[(1, Segment::of(entries).write().0)]);
        if batch == 2 {
            assert_eq!(report.verdict(), Verdict::Sound, "{report}");
        } else {
            assert_found(&report, 3, Wrong::Irregular, &format!("write {batch}"));
        }
    }
    // A write lies in one segment.
    let (one, link) = Segment::of(vec![opened(1), event(2)]).write();
    let next =
        |batch| Segment { first: 3, epoch: 1, previous: link, entries: vec![Entry { batch, ..event(3) }] };
    assert_eq!(verify(&[(1, one.clone()), (3, next(3).write().0)]).verdict(), Verdict::Sound);
    assert_found(&verify(&[(1, one), (3, next(2).write().0)]), 3, Wrong::Irregular, "of the segment before");
}

#[test]
fn an_entry_of_another_layout_or_beyond_the_limit_is_not_read() {
    for marker in [*b"HAE\x02", *b"HAE\x00", *b"hae\x01"] {
        let report = verify(&[(1, Segment::of(vec![opened(1), Entry { marker, ..event(2) }]).write().0)]);
        assert_found(&report, 2, Wrong::Unreadable, "marker");
    }
    let long = Entry { body: vec![1; 1_048_577], ..event(2) };
    assert_found(
        &verify(&[(1, Segment::of(vec![opened(1), long]).write().0)]),
        2,
        Wrong::Unreadable,
        "length",
    );
}

#[test]
fn a_number_that_is_left_out_is_found_though_the_chain_is_whole() {
    let report = verify(&[(1, Segment::of(vec![opened(1), event(3), event(4)]).write().0)]);
    assert_eq!(
        (report.findings[0].sequence, report.findings[0].wrong),
        (2, Wrong::OutOfPlace { found: 3 }),
        "{report}"
    );
    assert_eq!(report.verdict(), Verdict::Broken);
}

#[test]
fn every_irregular_entry_is_named_and_the_others_are_counted() {
    let entries = vec![
        opened(1),
        Entry { flags: 2, ..event(2) },
        event(3),
        Entry { body: Vec::new(), ..event(4) },
        entry(9, 5, b"?"),
        entry(4, 6, b""),
    ];
    let report = verify(&[(1, Segment::of(entries).write().0)]);
    let found: Vec<_> = report.findings.iter().map(|finding| (finding.sequence, finding.wrong)).collect();
    assert_eq!(found, [2, 4, 5].map(|sequence| (sequence, Wrong::Irregular)));
    assert_eq!((report.entries, report.events, report.openings), (6, 3, 1));
}
