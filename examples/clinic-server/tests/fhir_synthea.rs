//! The published sample of 20 patients, counted entry by entry.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use clinic_server::fhir::{Content, Kind, Limits, Reason, read_bundle};
use std::{
    collections::{BTreeMap, HashSet},
    fs::{self, File},
    path::PathBuf,
};

fn sample() -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let data = std::env::var_os("HEALTHCARE_TEST_DATA").map_or(beside, PathBuf::from).join("synthea-r4");
    data.is_dir().then_some(data)
}

#[test]
fn every_entry_of_the_sample_is_counted() {
    let Some(folder) = sample() else {
        println!("skipped: no synthea-r4 in HEALTHCARE_TEST_DATA or ../shared/data");
        return;
    };
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let (mut entries, mut repeats, mut unsupported, mut directories) = (0, 0, 0, 0);
    let mut seen = HashSet::new();
    let mut kept: BTreeMap<Kind, usize> = BTreeMap::new();
    let mut left_out: BTreeMap<(&str, Reason), usize> = BTreeMap::new();
    for file in files {
        let bundle = read_bundle(File::open(file).unwrap(), &Limits::default()).unwrap();
        directories += usize::from(bundle.is_directory());
        for entry in bundle.entries {
            entries += 1;
            match entry.content {
                Content::Resource(link, _) if seen.insert(link.clone()) => {
                    *kept.entry(link.kind).or_default() += 1
                }
                Content::Resource(..) | Content::LeftOut(_, Reason::Repeat) => repeats += 1,
                Content::LeftOut(_, Reason::UnsupportedType) => unsupported += 1,
                Content::LeftOut(name, reason) => *left_out.entry((name.as_str(), reason)).or_default() += 1,
            }
        }
    }
    let expected = BTreeMap::from([
        (Kind::Organization, 102),
        (Kind::Practitioner, 102),
        (Kind::Patient, 20),
        (Kind::Encounter, 330),
        (Kind::Condition, 97),
        (Kind::Observation, 2038),
        (Kind::MedicationRequest, 68),
        (Kind::Procedure, 137),
        (Kind::Immunization, 250),
    ]);
    assert_eq!(kept, expected);
    assert_eq!(left_out, BTreeMap::from([(("Encounter", Reason::NoParticipant), 5)]));
    assert_eq!((entries, repeats, unsupported, directories), (4164, 74, 941, 2));
    assert_eq!(kept.values().sum::<usize>() + 5, 3149);
}
