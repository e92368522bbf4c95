//! FHIR bundles, imported while the server runs.

use super::{client::Client, log, poll, server::Server, site::Site};
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    path::{Path, PathBuf},
};

type Counts = BTreeMap<String, u64>;

fn reference(id: &str) -> Value {
    json!({"reference": format!("urn:uuid:{id}")})
}

fn bundle(resources: Vec<Value>) -> String {
    let entry = |resource: Value| {
        let url = format!("urn:uuid:{}", resource["id"].as_str().unwrap());
        json!({"fullUrl": url, "resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}})
    };
    let entries: Vec<_> = resources.into_iter().map(entry).collect();
    json!({"resourceType": "Bundle", "type": "transaction", "entry": entries}).to_string()
}

fn id(person: u32, kind: u32) -> String {
    format!("{person:08x}-0000-4000-8000-{kind:012x}")
}

/// A practitioner and a place, to be read first although their file comes last.
fn directory() -> String {
    bundle(vec![
        json!({"resourceType": "Practitioner", "id": id(0, 1), "name": [{"family": "Synthetic", "given": ["Busiest"], "prefix": ["Dr."]}]}),
        json!({"resourceType": "Organization", "id": id(0, 2), "name": "Synthetic Hospital"}),
    ])
}

/// One of everything for a person, and a third kind of allergy.
fn person(number: u32) -> Vec<Value> {
    let (patient, visit) = (reference(&id(number, 1)), reference(&id(number, 2)));
    let code = |text: &str| json!({"coding": [{"system": "http://snomed.info/sct", "code": "1", "display": text}], "text": text});
    let active = json!({"coding": [{"code": "active"}]});
    vec![
        json!({"resourceType": "Patient", "id": id(number, 1), "gender": "female", "birthDate": "1970-01-02",
            "name": [{"family": format!("Synthetic{number}"), "given": ["Ada"]}]}),
        json!({"resourceType": "Encounter", "id": id(number, 2), "status": "finished", "class": {"code": "AMB"}, "subject": patient,
            "participant": [{"individual": reference(&id(0, 1))}], "serviceProvider": reference(&id(0, 2)),
            "period": {"start": "2019-05-31T10:00:00-04:00", "end": "2019-05-31T10:30:00-04:00"}}),
        json!({"resourceType": "Condition", "id": id(number, 3), "subject": patient, "encounter": visit, "code": code("Asthma"),
            "clinicalStatus": active, "onsetDateTime": "2019-05-31"}),
        json!({"resourceType": "Observation", "id": id(number, 4), "status": "final", "subject": patient, "encounter": visit,
            "code": code("Weight"), "effectiveDateTime": "2019-05-31T10:05:00-04:00", "valueQuantity": {"value": 71.3, "unit": "kg"}}),
        json!({"resourceType": "MedicationRequest", "id": id(number, 5), "status": "active", "intent": "order", "subject": patient,
            "encounter": visit, "medicationCodeableConcept": code("Salbutamol"), "authoredOn": "2019-05-31"}),
        json!({"resourceType": "AllergyIntolerance", "id": id(number, 6), "patient": patient, "clinicalStatus": active,
            "criticality": "high", "code": code("Penicillin"), "recordedDate": "2001-01-01"}),
        json!({"resourceType": "AllergyIntolerance", "id": id(number, 7), "patient": patient, "clinicalStatus": active,
            "criticality": "low", "code": code("Pollen")}),
        json!({"resourceType": "Procedure", "id": id(number, 8), "status": "completed", "subject": patient, "encounter": visit,
            "code": code("Spirometry"), "performedDateTime": "2019-05-31T10:10:00-04:00"}),
        json!({"resourceType": "Immunization", "id": id(number, 9), "status": "completed", "patient": patient, "encounter": visit,
            "vaccineCode": code("Influenza"), "occurrenceDateTime": "2019-05-31T10:20:00-04:00"}),
        json!({"resourceType": "Claim", "id": id(number, 10), "status": "active"}),
    ]
}

/// What `import` printed: the numbers of the line that begins with this name.
fn line(said: &str, name: &str) -> Vec<u64> {
    let found = said
        .lines()
        .find(|line| line.trim_start().starts_with(name))
        .unwrap_or_else(|| panic!("no {name} in {said}"));
    found.trim_start()[name.len()..].split_whitespace().map_while(|word| word.parse().ok()).collect()
}

fn import(site: &Site, path: &Path, code: i32) -> String {
    let mut process = site.run(&["import", path.to_str().unwrap()]);
    assert_eq!(process.wait().code(), Some(code), "{}{}", process.out.whole(), process.err.whole());
    process.out.whole() + &process.err.whole()
}

fn find(client: &mut Client, family: &str, given: &str, born: &str) -> String {
    let search = json!({"family": family, "given": given, "birth_date": born});
    let found = client.post("/api/v1/patients/search", &search).unwrap().expect(200);
    // Words are compared to eight letters: the search may say more.
    let items: Vec<_> =
        found["items"].as_array().unwrap().iter().filter(|item| item["family"] == family).collect();
    assert_eq!(items.len(), 1, "one patient of this name");
    items[0]["id"].as_str().unwrap().to_owned()
}

/// How many rows of each kind the server shows, by its own count and by counting.
fn record(client: &mut Client, patient: &str) -> Counts {
    let record = client.get(&format!("/api/v1/patients/{patient}/record")).unwrap().expect(200);
    assert_eq!(record["hidden"], json!([]));
    let parts = [
        "appointments",
        "encounters",
        "conditions",
        "observations",
        "medication_requests",
        "allergies",
        "procedures",
        "immunizations",
    ];
    let kinds = [
        "appointment",
        "encounter",
        "condition",
        "observation",
        "medication_request",
        "allergy_intolerance",
        "procedure",
        "immunization",
    ];
    let mut counts = Counts::new();
    for (part, kind) in parts.into_iter().zip(kinds) {
        let shown = record[part].as_array().unwrap().len() as u64;
        assert_eq!(record["counts"][kind].as_u64().unwrap_or(0), shown, "{kind}");
        if shown > 0 {
            counts.insert(kind.to_owned(), shown);
        }
    }
    counts
}

fn all_of_one(server: &Server) {
    let mut nurse = Client::signed_in(server.address, "nurse");
    for number in [1, 2] {
        let patient = find(&mut nurse, &format!("Synthetic{number}"), "Ada", "1970-01-02");
        let expected = [
            ("appointment", 1),
            ("encounter", 1),
            ("condition", 1),
            ("observation", 1),
            ("medication_request", 1),
            ("allergy_intolerance", 2),
            ("procedure", 1),
            ("immunization", 1),
        ];
        assert_eq!(
            record(&mut nurse, &patient),
            expected.map(|(kind, count)| (kind.to_owned(), count)).into()
        );
        let found = nurse.get(&format!("/api/v1/patients/{patient}/record")).unwrap().expect(200);
        let mut allergies: Vec<_> = found["allergies"]
            .as_array()
            .unwrap()
            .iter()
            .map(|allergy| allergy["criticality"].as_str().unwrap().to_owned())
            .collect();
        allergies.sort();
        assert_eq!(allergies, ["high", "low"]);
        // The doctor has become who saw them.
        let mut doctor = Client::signed_in(server.address, "doctor");
        assert_eq!(record(&mut doctor, &patient).values().sum::<u64>(), 9);
    }
}

fn own_bundles(site: &Site) {
    let folder = site.path("bundles");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("1-Ada-Synthetic1.json"), bundle(person(1))).unwrap();
    fs::write(folder.join("2-Ada-Synthetic2.json"), bundle(person(2))).unwrap();
    let mut broken = person(3);
    broken[3]["status"] = json!({"not": "a code"});
    fs::write(folder.join("3-Ada-Synthetic3.json"), bundle(broken)).unwrap();
    fs::write(folder.join("4-directory.json"), directory()).unwrap();

    let server = site.start();
    let before = Client::signed_in(server.address, "nurse").ids("/api/v1/patients").len();
    let said = import(site, &folder, 1);
    assert!(said.contains("file 3: "), "{said}");
    assert!(!said.contains("Synthetic"), "a file's name carries a person's: {said}");
    assert_eq!(line(&said, "AllergyIntolerance"), [4, 0]);
    assert_eq!(line(&said, "Claim"), [2]);
    assert_eq!(
        Client::signed_in(server.address, "nurse").ids("/api/v1/patients").len(),
        before + 2,
        "the broken one left nothing"
    );
    all_of_one(&server);

    let said = import(site, &folder, 1);
    assert_eq!(line(&said, "AllergyIntolerance"), [0, 4], "{said}");
    assert_eq!(line(&said, "Patient"), [0, 2], "{said}");
    all_of_one(&server);

    // Repaired, it is taken, and the rest is left as it is.
    fs::write(folder.join("3-Ada-Synthetic3.json"), bundle(person(3))).unwrap();
    let said = import(site, &folder, 0);
    assert_eq!(line(&said, "Patient"), [1, 2], "{said}");
    assert_eq!(line(&said, "AllergyIntolerance"), [2, 4], "{said}");

    poll("the outbox to drain", || {
        (site.number("SELECT count(*) FROM outbox WHERE delivered_at IS NULL") == 0).then_some(())
    });
    server.stop();
    log::assert_sound(site);
}

#[test]
fn bundles_are_imported_while_the_server_runs() {
    own_bundles(&Site::sqlite());
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
fn bundles_are_imported_while_the_server_runs_on_postgres() {
    own_bundles(&Site::postgres());
}

#[test]
fn a_clinic_that_is_not_there_is_refused() {
    let site = Site::sqlite();
    let folder = site.path("bundles");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("Ada-Synthetic1.json"), bundle(person(1))).unwrap();
    for clinic in ["0196d000-0000-7000-8000-0000000000ff", "nonsense"] {
        let mut process = site.run(&["import", "--clinic", clinic, folder.to_str().unwrap()]);
        assert_ne!(process.wait().code(), Some(0));
        let said = process.err.whole();
        assert!(said.contains("clinic") && !said.contains("Synthetic"), "{said}");
    }
}

// ---- The published sample, counted here by other means than the import's ---------------------------------------------

const KINDS: [(&str, &str); 7] = [
    ("Encounter", "encounter"),
    ("Condition", "condition"),
    ("Observation", "observation"),
    ("MedicationRequest", "medication_request"),
    ("AllergyIntolerance", "allergy_intolerance"),
    ("Procedure", "procedure"),
    ("Immunization", "immunization"),
];

struct Person {
    family: String,
    given: String,
    born: String,
    counts: Counts,
}

fn sample() -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let data = std::env::var_os("HEALTHCARE_TEST_DATA").map_or(beside, PathBuf::from).join("synthea-r4");
    data.is_dir().then_some(data)
}

/// Each bundle holds one person; what it says of them, each resource once.
fn people(folder: &Path) -> Vec<Person> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for file in files {
        let bundle: Value = serde_json::from_reader(GzDecoder::new(File::open(file).unwrap())).unwrap();
        let resources: Vec<&Value> =
            bundle["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]).collect();
        let mut patients = resources.iter().filter(|resource| resource["resourceType"] == "Patient");
        let Some(patient) = patients.next() else { continue };
        let mut counts = Counts::new();
        for resource in &resources {
            let Some((name, kind)) = KINDS.iter().find(|(name, _)| resource["resourceType"] == *name) else {
                continue;
            };
            let alone = *name == "Encounter" && resource["participant"].as_array().is_none_or(Vec::is_empty);
            if !alone && seen.insert((*name, resource["id"].to_string())) {
                *counts.entry((*kind).to_owned()).or_default() += 1;
            }
        }
        // Each visit is a past appointment too.
        if let Some(visits) = counts.get("encounter").copied() {
            counts.insert("appointment".into(), visits);
        }
        let name = &patient["name"][0];
        found.push(Person {
            family: name["family"].as_str().unwrap().into(),
            given: name["given"][0].as_str().unwrap().into(),
            born: patient["birthDate"].as_str().unwrap().into(),
            counts,
        });
    }
    found
}

fn whole_sample(site: &Site) {
    let Some(folder) = sample() else {
        return println!("skipped: no synthea-r4 in HEALTHCARE_TEST_DATA or ../shared/data");
    };
    let server = site.start();
    let said = import(site, &folder, 0);
    assert!(said.contains("4164 entries"), "{said}");
    let imported = [
        ("Organization", 102),
        ("Practitioner", 102),
        ("Patient", 20),
        ("Encounter", 330),
        ("Condition", 97),
        ("Observation", 2038),
        ("MedicationRequest", 68),
        ("Procedure", 137),
        ("Immunization", 250),
    ];
    let (first, rest) = said.split_once("left out").unwrap();
    for (name, count) in imported {
        assert_eq!(line(first, name), [count, 0], "{name} in {said}");
    }
    assert_eq!(imported.iter().map(|(_, count)| count).sum::<u64>() + 5, 3149);
    let left_out: Vec<(&str, u64, &str)> = rest
        .lines()
        .filter_map(|line| {
            let mut words = line.trim().splitn(2, ' ');
            let name = words.next()?;
            let (count, why) = words.next()?.trim_start().split_once(' ')?;
            Some((name, count.parse().ok()?, why.trim()))
        })
        .collect();
    let sum = |part: &str| {
        left_out.iter().filter(|(_, _, why)| why.contains(part)).map(|(_, count, _)| count).sum::<u64>()
    };
    assert_eq!(
        (
            sum("type not imported"),
            sum("participant"),
            left_out.iter().map(|(_, count, _)| count).sum::<u64>()
        ),
        (941, 5, 941 + 5 + 74),
        "{said}"
    );

    let people = people(&folder);
    assert_eq!(people.len(), 20);
    let check = || {
        let mut nurse = Client::signed_in(server.address, "nurse");
        for person in &people {
            let patient = find(&mut nurse, &person.family, &person.given, &person.born);
            assert_eq!(record(&mut nurse, &patient), person.counts);
        }
        assert_eq!(nurse.ids("/api/v1/patients").len(), 24);
        assert_eq!(nurse.ids("/api/v1/practitioners").len(), 105);
        assert_eq!(nurse.ids("/api/v1/locations").len(), 103);
    };
    check();
    let doctor = || Client::signed_in(server.address, "doctor").get("/api/v1/me").unwrap().expect(200);
    let profile = doctor()["profile"].clone();
    assert_ne!(profile, Value::Null);
    let busiest = busiest(site);
    assert!(profile.to_string().contains(&busiest), "{profile} is not {busiest}");

    let again = import(site, &folder, 0);
    let (first, _) = again.split_once("left out").unwrap();
    for (name, count) in imported {
        assert_eq!(line(first, name), [0, count], "{name} in {again}");
    }
    check();
    assert_eq!(doctor()["profile"], profile);
    server.stop();
    log::assert_sound(site);
}

/// The practitioner with the most visits in the database.
fn busiest(site: &Site) -> String {
    let id = if site.is_postgres() { "CAST(practitioner_id AS text)" } else { "lower(hex(practitioner_id))" };
    let sql = format!(
        "SELECT {id} AS c FROM encounter GROUP BY practitioner_id ORDER BY count(*) DESC, practitioner_id DESC LIMIT 1"
    );
    let found = site.column(&sql).remove(0).replace('-', "");
    format!("{}-{}-{}-{}-{}", &found[..8], &found[8..12], &found[12..16], &found[16..20], &found[20..])
}

#[test]
fn the_published_sample_is_there_whole() {
    whole_sample(&Site::sqlite());
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
fn the_published_sample_is_there_whole_on_postgres() {
    whole_sample(&Site::postgres());
}
