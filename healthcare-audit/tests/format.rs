//! The verifier reads the golden bytes, and no bytes make it fail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use healthcare_audit::verify::{Report, Verdict, Verifier};
use proptest::prelude::*;
use std::io::Cursor;

fn golden() -> Vec<u8> {
    let text = include_str!("../docs/golden-v1.hex");
    let digits: String =
        text.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace).collect();
    (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[at * 2..at * 2 + 2], 16).unwrap()).collect()
}

fn verify(bytes: Vec<u8>) -> Report {
    Verifier::segments([("00000000000000000001.audit".to_owned(), Cursor::new(bytes))]).run().unwrap()
}

#[test]
fn the_golden_log_is_sound() {
    let report = verify(golden());
    assert_eq!(report.verdict(), Verdict::Sound, "{report}");
    assert_eq!((report.entries, report.events, report.openings, report.refused), (4, 1, 1, 3));
    assert_eq!(report.log.unwrap().to_string(), "018f6c3e-7b1a-7c3d-9e55-0242ac120002");
}

#[test]
fn an_empty_directory_is_not_called_sound() {
    let dir = tempfile::tempdir().unwrap();
    let report = Verifier::directory(dir.path()).run().unwrap();
    assert_eq!((report.verdict(), report.log, report.entries), (Verdict::Empty, None, 0));
    assert!(report.to_string().contains("no log"));
    Verifier::directory(dir.path().join("missing")).run().unwrap_err();
}

/// The verifier's sources name none of the writer's modules, so that one mistake cannot be in both.
#[test]
fn the_verifier_shares_no_code_with_the_writer() {
    let own = ["Checkpoint", "CheckpointKey"];
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/verify");
    let mut files = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        files += 1;
        assert!(!text.contains("healthcare_core"), "the verifier needs nothing of core");
        for line in text.lines().map(str::trim).filter(|line| line.starts_with("use crate::")) {
            let names = line.trim_start_matches("use crate::").trim_end_matches(';').trim_matches(['{', '}']);
            for name in names.split(", ") {
                assert!(own.contains(&name), "{line}");
            }
        }
        let paths = text.matches("crate::").count() - text.matches("use crate::").count();
        assert_eq!(paths, 0, "no path into the crate beside the imports");
    }
    assert!(files >= 5);
}

proptest! {
    #[test]
    fn whatever_is_done_to_the_bytes_is_found(at: prop::sample::Index, insert in prop::collection::vec(any::<u8>(), 0..40), drop in 0..200_usize) {
        let bytes = golden();
        let at = at.index(bytes.len());
        let after = &bytes[(at + drop).min(bytes.len())..];
        let changed = [&bytes[..at], &insert, after].concat();
        // Cut at the end of an entry the log is whole in itself; only a checkpoint could tell.
        let prefix = bytes.starts_with(&changed);
        let report = verify(changed.clone());
        prop_assert!(changed == bytes || prefix || report.verdict() != Verdict::Sound, "{}", report);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), golden_first: bool) {
        let bytes = if golden_first { [golden(), bytes].concat() } else { bytes };
        let _ = verify(bytes).to_string();
    }
}
