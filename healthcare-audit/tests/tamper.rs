//! Whatever is done to the files of a small log, the verifier names the entry.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use healthcare_audit::{
    AuditLog, Checkpoint, CheckpointSigner, OpenError,
    testing::{allowed, cipher, clinic, disclosed},
    verify::{Report, Verdict, Verifier, Wrong},
};
use healthcare_core::AuditSink as _;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A log of a few segments, its files, and where each entry stands.
struct Small {
    dir: tempfile::TempDir,
    files: Vec<(PathBuf, Vec<u8>)>,
    entries: Vec<Place>,
    checkpoint: Checkpoint,
    signer: CheckpointSigner,
}

#[derive(Clone)]
struct Place {
    file: usize,
    start: usize,
    end: usize,
    sequence: u64,
}

const HEADER: usize = 112;

/// The layout read a third time, from `docs/format.md`.
fn places(file: usize, bytes: &[u8]) -> Vec<Place> {
    let (mut at, mut places) = (HEADER, Vec::new());
    while at < bytes.len() {
        let len = usize::try_from(u32::from_be_bytes(bytes[at + 8..at + 12].try_into().unwrap())).unwrap();
        let sequence = u64::from_be_bytes(bytes[at + 16..at + 24].try_into().unwrap());
        places.push(Place { file, start: at, end: at + 80 + len + 32, sequence });
        at += 80 + len + 32;
    }
    places
}

fn segments(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "audit"));
    files.sort();
    files.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn small() -> Small {
    let dir = tempfile::tempdir().unwrap();
    let signer = CheckpointSigner::from_seed(&[7; 32]).unwrap();
    let log = AuditLog::builder(dir.path(), cipher()).segment_bytes(1_500).open().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for number in 0..3 {
        runtime.block_on(log.submit(allowed(clinic(number % 2), number))).unwrap();
        runtime.block_on(log.submit(disclosed(clinic(number % 2), number))).unwrap();
    }
    log.close().unwrap();
    let checkpoint = log.checkpoint(&signer);
    drop(log);
    let files = segments(dir.path());
    let entries = files.iter().enumerate().flat_map(|(file, (_, bytes))| places(file, bytes)).collect();
    Small { dir, files, entries, checkpoint, signer }
}

impl Small {
    fn verify(&self) -> Report {
        Verifier::directory(self.dir.path()).run().unwrap()
    }
    /// Verifies a copy in memory, one of whose files was changed.
    fn verify_with(&self, file: usize, change: impl FnOnce(&mut Vec<u8>)) -> Report {
        let mut files: Vec<Vec<u8>> = self.files.iter().map(|(_, bytes)| bytes.clone()).collect();
        change(&mut files[file]);
        let names = self.files.iter().map(|(path, _)| path.file_name().unwrap().to_str().unwrap().to_owned());
        Verifier::segments(names.zip(files.into_iter().map(std::io::Cursor::new))).run().unwrap()
    }
    fn verify_against(&self, checkpoint: &Checkpoint) -> Report {
        Verifier::directory(self.dir.path()).against(checkpoint.clone(), self.signer.key()).run().unwrap()
    }
    fn restore(&self) {
        for (path, _) in segments(self.dir.path()) {
            fs::remove_file(path).unwrap();
        }
        for (path, bytes) in &self.files {
            fs::write(path, bytes).unwrap();
        }
    }
    fn bytes(&self, place: &Place) -> &[u8] {
        &self.files[place.file].1[place.start..place.end]
    }
    /// Puts other bytes where two neighbouring entries of one file stand.
    fn replace(&self, from: &Place, to: &Place, with: &[&[u8]]) {
        let (path, bytes) = &self.files[from.file];
        fs::write(path, [&bytes[..from.start], &with.concat(), &bytes[to.end..]].concat()).unwrap();
    }
}

fn first(report: &Report) -> u64 {
    report.findings.first().unwrap_or_else(|| panic!("nothing was found: {report}")).sequence
}

#[test]
fn an_untouched_log_is_sound_and_agrees_with_its_checkpoint() {
    let small = small();
    assert!(small.files.len() >= 3, "several segments");
    let report = small.verify_against(&small.checkpoint);
    assert_eq!((report.verdict(), report.agrees_with_checkpoint), (Verdict::Sound, true), "{report}");
    assert_eq!((report.events, report.openings, report.entries), (6, 1, 8));
    assert_eq!(report.segments, u64::try_from(small.files.len()).unwrap());
}

#[test]
fn every_flipped_bit_is_found_and_its_entry_is_named() {
    let small = small();
    let mut flips = 0;
    for (number, (path, bytes)) in small.files.iter().enumerate() {
        for at in 0..bytes.len() {
            // A header is named by the first entry that rests on it.
            let place = small.entries.iter().rfind(|place| place.file == number && place.start <= at);
            let first_here = small.entries.iter().find(|place| place.file == number).unwrap();
            let expected = place.unwrap_or(first_here).sequence;
            for bit in 0..8 {
                let report = small.verify_with(number, |bytes| bytes[at] ^= 1 << bit);
                assert_ne!(report.verdict(), Verdict::Sound, "byte {at} bit {bit} of {}", path.display());
                assert_eq!(first(&report), expected, "byte {at} bit {bit} of {}: {report}", path.display());
                assert!(report.findings[0].segment == path.file_name().unwrap().to_str().unwrap());
                flips += 1;
            }
        }
    }
    assert!(flips > 20_000, "{flips} flips");
}

#[test]
fn a_flip_in_one_entry_leaves_the_others_believed() {
    let small = small();
    let place = &small.entries[2];
    let mut changed = small.bytes(place).to_vec();
    changed[100] ^= 1;
    small.replace(place, place, &[&changed]);
    let report = small.verify();
    assert_eq!(report.findings.len(), 1, "{report}");
    assert_eq!((report.findings[0].sequence, report.findings[0].wrong), (3, Wrong::Changed));
    assert_eq!(report.entries, 8, "the rest was read");
}

#[test]
fn swapped_deleted_repeated_and_moved_entries_are_found() {
    let small = small();
    let pairs: Vec<_> = small.entries.windows(2).filter(|pair| pair[0].file == pair[1].file).collect();
    assert!(pairs.len() >= 3);
    for pair in pairs {
        let (one, two) = (&pair[0], &pair[1]);
        small.replace(one, two, &[small.bytes(two), small.bytes(one)]);
        assert_eq!(first(&small.verify()), one.sequence, "swapped");
        small.replace(one, one, &[]);
        let report = small.verify();
        assert_eq!(report.findings[0].wrong, Wrong::OutOfPlace { found: two.sequence }, "{report}");
        assert_eq!(first(&report), one.sequence, "deleted");
        small.replace(one, one, &[small.bytes(one), small.bytes(one)]);
        assert_eq!(first(&small.verify()), two.sequence, "repeated");
        small.restore();
    }
    // One entry's sealed body under another's header.
    let (one, two) = (&small.entries[1], &small.entries[5]);
    let (from, to) = (small.bytes(one), small.bytes(two));
    let moved = [&to[..80], &from[80..]].concat();
    small.replace(two, two, &[&moved]);
    assert_eq!(first(&small.verify()), two.sequence, "body of another entry");
}

#[test]
fn a_missing_or_foreign_segment_is_found() {
    let (small, other) = (small(), self::small());
    for number in 0..small.files.len() - 1 {
        let sequence = small.entries.iter().find(|place| place.file == number + 1).unwrap().sequence;
        fs::remove_file(&small.files[number].0).unwrap();
        assert_eq!(first(&small.verify()), sequence, "segment {number} removed");
        assert!(matches!(reopen(&small), Err(OpenError::BrokenChain { .. })));
        small.restore();
    }
    let alien = other.files[1].0.file_name().unwrap();
    fs::copy(&other.files[1].0, small.dir.path().join(alien)).unwrap();
    assert_eq!(small.verify().findings[0].wrong, Wrong::Link);
    assert!(matches!(reopen(&small), Err(OpenError::BrokenChain { .. })));
}

fn reopen(small: &Small) -> Result<AuditLog, OpenError> {
    AuditLog::builder(small.dir.path(), cipher()).open()
}

fn reopen_expecting(small: &Small) -> Result<AuditLog, OpenError> {
    AuditLog::builder(small.dir.path(), cipher()).expect(small.checkpoint.clone(), small.signer.key()).open()
}

#[test]
fn every_truncation_disagrees_with_the_checkpoint() {
    let small = small();
    for keep in (0..small.entries.len()).rev() {
        let place = &small.entries[keep];
        for (path, _) in &small.files[place.file + 1..] {
            fs::remove_file(path).unwrap();
        }
        let (path, bytes) = &small.files[place.file];
        // At a boundary the chain is whole: only the checkpoint can tell. Within an entry the cut shows by itself.
        for cut in [place.start, place.start + 1, place.start + 79, place.start + 100, place.end - 1] {
            fs::write(path, &bytes[..cut]).unwrap();
            let report = small.verify_against(&small.checkpoint);
            assert_eq!(report.verdict(), Verdict::Broken, "cut at {cut}: {report}");
            assert_eq!(first(&report), place.sequence, "{report}");
            assert!(!report.agrees_with_checkpoint);
            let alone = small.verify().verdict();
            assert_eq!(alone, if cut == place.start { Verdict::Sound } else { Verdict::Unfinished });
            let expected = small.checkpoint.entries();
            let refused = reopen_expecting(&small).unwrap_err();
            assert!(
                matches!(refused, OpenError::RolledBack { expected: e, found } if e == expected && found == place.sequence - 1),
                "{refused:?}"
            );
        }
        small.restore();
    }
}

#[test]
fn an_older_copy_is_refused_and_a_rewritten_log_is_found() {
    let small = small();
    // The directory as it was, put back after the log went on.
    let log = reopen(&small).unwrap();
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(log.submit(allowed(clinic(1), 50)))
        .unwrap();
    let later = log.checkpoint(&small.signer);
    log.close().unwrap();
    drop(log);
    assert!(small.verify_against(&later).agrees_with_checkpoint);
    small.restore();
    assert_eq!(small.verify_against(&later).findings.last().unwrap().wrong, Wrong::Missing);
    let opened = AuditLog::builder(small.dir.path(), cipher()).expect(later, small.signer.key()).open();
    assert!(matches!(opened, Err(OpenError::RolledBack { .. })));

    // Another log in the place of this one: whole in itself.
    let other = self::small();
    small.restore();
    for (path, bytes) in &other.files {
        fs::write(small.dir.path().join(path.file_name().unwrap()), bytes).unwrap();
    }
    assert_eq!(small.verify().verdict(), Verdict::Sound);
    assert_eq!(small.verify_against(&small.checkpoint).findings[0].wrong, Wrong::OtherLog);
    assert!(matches!(reopen_expecting(&small), Err(OpenError::Forked { .. })));
}

#[test]
fn a_forged_checkpoint_is_not_believed() {
    let small = small();
    let forger = CheckpointSigner::from_seed(&[8; 32]).unwrap();
    let report =
        Verifier::directory(small.dir.path()).against(small.checkpoint.clone(), forger.key()).run().unwrap();
    assert_eq!(report.findings[0].wrong, Wrong::CheckpointSignature);
    let opened =
        AuditLog::builder(small.dir.path(), cipher()).expect(small.checkpoint.clone(), forger.key()).open();
    assert!(matches!(opened, Err(OpenError::Checkpoint(_))));
}

#[test]
fn corruption_in_the_middle_is_refused_by_name_when_the_log_is_opened() {
    let small = small();
    let last = small.files.len() - 1;
    let in_last: Vec<_> = small.entries.iter().filter(|place| place.file == last).collect();
    assert!(in_last.len() >= 2, "the last segment has entries before its last write");
    for place in &in_last[..in_last.len() - 1] {
        for at in [8, 60, 100, place.end - place.start - 1] {
            let mut changed = small.bytes(place).to_vec();
            changed[at] ^= 0x10;
            small.replace(place, place, &[&changed]);
            match reopen(&small) {
                Err(OpenError::Corrupt { segment, sequence }) => {
                    assert_eq!(sequence, place.sequence, "byte {at}");
                    assert_eq!(segment, small.files[last].0.file_name().unwrap().to_str().unwrap());
                }
                other => panic!("byte {at}: {other:?}"),
            }
            small.restore();
        }
    }
}

#[test]
fn verification_since_a_checkpoint_reads_only_what_came_after() {
    let small = small();
    let log = AuditLog::builder(small.dir.path(), cipher()).segment_bytes(1_500).open().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for number in 60..66 {
        runtime.block_on(log.submit(allowed(clinic(1), number))).unwrap();
    }
    log.close().unwrap();
    drop(log);
    let since = |checkpoint: &Checkpoint| {
        let verifier = Verifier::directory(small.dir.path()).against(checkpoint.clone(), small.signer.key());
        verifier.since_checkpoint().run().unwrap()
    };
    let report = since(&small.checkpoint);
    assert_eq!((report.verdict(), report.agrees_with_checkpoint), (Verdict::Sound, true), "{report}");
    assert!(report.from > 1 && report.from <= small.checkpoint.entries(), "{report}");
    let all = small.verify();
    assert!(report.segments < all.segments);
    assert_eq!(report.entries, all.entries);
    // A change after the checkpoint is found.
    let (path, mut bytes) = segments(small.dir.path()).pop().unwrap();
    bytes[HEADER + 90] ^= 1;
    fs::write(path, bytes).unwrap();
    assert_eq!(since(&small.checkpoint).verdict(), Verdict::Broken);
}
