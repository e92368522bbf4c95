//! Bundles into a clinic, beside a running server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;

use clinic_server::{
    fhir::{BundleError, Content, Kind, Limits, Reason, read_bundle},
    import::{Imported, Report, import},
    seed::demo_clinics,
    wiring::{Process, wire},
};
use common::{Client, Site};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

on_both_databases!(the_sample_is_imported_whole, bundles_of_our_own);

async fn import_files(site: &Site, files: &[PathBuf]) -> Report {
    let server = wire(&site.config, Process::Import).await.unwrap();
    let report = import(&server.app, demo_clinics()[0].id, files, &Limits::default()).await.unwrap();
    server.app.audit.close().unwrap();
    server.database.close().await;
    report
}

fn sample() -> Option<Vec<PathBuf>> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let data = std::env::var_os("HEALTHCARE_TEST_DATA").map_or(beside, PathBuf::from).join("synthea-r4");
    let mut files: Vec<_> = fs::read_dir(data).ok()?.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    Some(files)
}

/// What a bundle holds of its one patient, by kind, in the order of the chart.
fn expected(file: &Path) -> Option<(String, BTreeMap<Kind, usize>)> {
    let bundle = read_bundle(fs::File::open(file).unwrap(), &Limits::default()).unwrap();
    let mut counts = BTreeMap::new();
    let mut family = None;
    for entry in &bundle.entries {
        let Content::Resource(link, resource) = &entry.content else { continue };
        *counts.entry(link.kind).or_insert(0) += 1;
        if let clinic_server::fhir::Resource::Patient(patient) = resource {
            family = patient.name[0].family.clone().map(|family| family.into_string());
        }
    }
    Some((family?, counts))
}

const PARTS: [(&str, Kind); 7] = [
    ("encounters", Kind::Encounter),
    ("conditions", Kind::Condition),
    ("observations", Kind::Observation),
    ("medication_requests", Kind::MedicationRequest),
    ("allergies", Kind::AllergyIntolerance),
    ("procedures", Kind::Procedure),
    ("immunizations", Kind::Immunization),
];

async fn the_sample_is_imported_whole(site: Site) {
    let Some(files) = sample() else {
        println!("skipped: no synthea-r4 in HEALTHCARE_TEST_DATA or ../shared/data");
        return;
    };
    let running = site.start().await;
    let report = import_files(&site, &files).await;
    assert_eq!((report.entries, report.bundles, report.stored()), (4164, 22, 3144));
    assert_eq!(
        report.left_out.iter().filter(|((_, why), _)| *why == Reason::Repeat).map(|(_, n)| n).sum::<u64>(),
        74
    );
    assert_eq!(
        report
            .left_out
            .iter()
            .filter(|((_, why), _)| *why == Reason::UnsupportedType)
            .map(|(_, n)| n)
            .sum::<u64>(),
        941
    );
    assert_eq!(
        report
            .left_out
            .iter()
            .filter(|((_, why), _)| *why == Reason::NoParticipant)
            .map(|(_, n)| n)
            .sum::<u64>(),
        5
    );
    assert_eq!(report.appointments, Imported { new: 330, known: 0 });
    let again = import_files(&site, &files).await;
    assert!(again.imported.values().all(|imported| imported.new == 0), "{again}");
    assert_eq!(again.stored(), 3144);

    // The chart answers what the bundle holds.
    let nurse = Client::signed_in(running.address, "nurse@harbour.example").await;
    let mut patients = 0;
    for (family, counts) in files.iter().filter_map(|file| expected(file)) {
        let found =
            nurse.post("/api/v1/patients/search", &json!({"family": family})).await.expect(200).json();
        let mut matching = 0;
        for patient in found["items"].as_array().unwrap() {
            let path = format!("/api/v1/patients/{}/record", patient["id"].as_str().unwrap());
            let record = nurse.get(&path).await.expect(200).json();
            let answered = |part: &str| record[part].as_array().unwrap().len();
            let same =
                PARTS.iter().all(|(part, kind)| answered(part) == counts.get(kind).copied().unwrap_or(0));
            matching += usize::from(same && answered("appointments") == answered("encounters"));
        }
        // Two of the sample share a family name.
        assert!(matching >= 1, "a chart differs from its bundle: {counts:?}");
        patients += 1;
    }
    assert_eq!(patients, 20);
    running.stop().await;
}

fn write(folder: &Path, name: &str, entries: &[Value]) -> PathBuf {
    let path = folder.join(name);
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
    fs::write(&path, bundle.to_string()).unwrap();
    path
}

fn entry(resource: Value) -> Value {
    json!({"resource": resource, "request": {"method": "POST"}})
}

async fn bundles_of_our_own(site: Site) {
    let running = site.start().await;
    let patient = |id: &str, family: &str| {
        entry(json!({"resourceType": "Patient", "id": id, "name": [{"family": family, "given": ["Ida"]}]}))
    };
    let allergy = |id: &str, patient: &str| {
        entry(json!({
            "resourceType": "AllergyIntolerance", "id": id, "criticality": "high", "patient": {"reference": format!("Patient/{patient}")},
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": "91936005"}], "text": "Penicillin"}, "recordedDate": "2011-05",
            "clinicalStatus": {"coding": [{"code": "active"}]},
        }))
    };
    let weight = entry(json!({
        "resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "Weight"}, "subject": {"reference": "Patient/p1"},
        "valueQuantity": {"value": 71.25, "unit": "kg"}, "encounter": {"reference": "Encounter/none"},
    }));
    let folder = site.dir.path().to_owned();
    let good = write(
        &folder,
        "Ida_Allergikerin.json",
        &[allergy("a1", "p1"), patient("p1", "Allergikerin"), weight, allergy("a9", "nobody")],
    );
    let broken = entry(json!({"resourceType": "Patient", "id": "p2", "birthDate": "long ago"}));
    let bad = write(&folder, "Bad.json", &[patient("p3", "Halbfertig"), broken]);
    let later = write(&folder, "Later.json", &[allergy("a2", "p1")]);
    let copy = write(&folder, "Copy.json", &[patient("p1", "Anders")]);

    let report = import_files(&site, &[good.clone(), bad, later.clone(), copy]).await;
    assert_eq!(report.imported[&Kind::AllergyIntolerance], Imported { new: 2, known: 0 });
    assert_eq!(report.imported[&Kind::Patient], Imported { new: 1, known: 0 }, "the first copy wins");
    let reasons: Vec<_> = report.left_out.iter().map(|((name, why), n)| (name.as_str(), *why, *n)).collect();
    assert_eq!(reasons, [("AllergyIntolerance", Reason::NoPatient, 1), ("Patient", Reason::Repeat, 1)]);
    let [(2, _, BundleError::Entry { position: 2, .. })] = report.failed.as_slice() else {
        panic!("{report}")
    };
    let printed = report.to_string();
    for secret in ["Allergikerin", "Halbfertig", "Bad.json", "long ago"] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }

    let nurse = Client::signed_in(running.address, "nurse@harbour.example").await;
    let find = async |family: &str| {
        let found =
            nurse.post("/api/v1/patients/search", &json!({"family": family})).await.expect(200).json();
        found["items"].as_array().unwrap().clone()
    };
    assert_eq!(find("halbfertig").await.len(), 0, "a malformed bundle fails as a whole");
    assert_eq!(find("anders").await.len(), 0);
    let id = find("allergikerin").await[0]["id"].as_str().unwrap().to_owned();
    let record = nurse.get(&format!("/api/v1/patients/{id}/record")).await.expect(200).json();
    assert_eq!(record["allergies"].as_array().unwrap().len(), 2);
    assert_eq!(record["allergies"][0]["criticality"], "high");
    assert_eq!(record["observations"][0]["value"]["quantity"]["value"], "71.25");
    assert_eq!(record["observations"][0].get("encounter_id"), None);

    let again = import_files(&site, &[later, good]).await;
    assert!(again.imported.values().all(|imported| imported.new == 0), "{again}");
    // The other clinic knows nothing of it.
    let hill = Client::signed_in(running.address, "nurse@hill.example").await;
    hill.get(&format!("/api/v1/patients/{id}")).await.expect(404);
    // An import is an access like any other, and what it wrote reaches the server's log through the outbox.
    let auditor = Client::signed_in(running.address, "auditor@harbour.example").await;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let entries =
            auditor.get(&format!("/api/v1/audit?patient_id={id}")).await.expect(200).json().to_string();
        if entries.contains("job import") && entries.contains("written: 1 patient") {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "the outcome did not arrive: {entries}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    running.stop().await;
}
