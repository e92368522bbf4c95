//! The API against its own description, by a fuzzer of another make: no answer that is not described, no server error, nothing accepted
//! that the description refuses. What is sent is the same in every run.
//!
//! `HEALTHCARE_TEST_DEEP=1` sends ten times as much, and prints what each route answered.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;

use clinic_server::{
    config::{Rate, RatePeriod},
    seed::DEMO_PASSWORD,
};
use common::Site;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::SocketAddr,
    path::Path,
    process::Command,
};

/// By operation, how often each status was answered.
type Answers = BTreeMap<String, BTreeMap<u64, usize>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs schemathesis: cargo xtask test"]
async fn every_answer_is_one_that_was_described() {
    let mut site = Site::sqlite();
    let often = Rate { requests: 1_000_000, per: RatePeriod::Second };
    (site.config.limits.address, site.config.limits.user, site.config.limits.clinic) = (often, often, often);
    let running = site.start().await;
    let deep = std::env::var_os("HEALTHCARE_TEST_DEEP").is_some();
    let (address, dir) = (running.address, site.dir.path().to_owned());
    let work = move || {
        let mut answers = Answers::new();
        for user in ["clinic-admin@harbour.example", "doctor@harbour.example"] {
            fuzz(address, user, &dir, if deep { 200 } else { 20 });
            read_answers(&dir.join("answers"), &mut answers);
        }
        answers
    };
    let answers = tokio::task::spawn_blocking(work).await.unwrap();
    if deep {
        answers.iter().for_each(|(operation, statuses)| println!("{operation}: {statuses:?}"));
    }
    let described = described();
    let called: BTreeSet<_> = answers.keys().cloned().collect();
    assert_eq!(called, described, "every operation was called, and nothing else");
    let reached = |operation: &String| answers[operation].keys().any(|status| (200..300).contains(status));
    let unreached: Vec<_> = described.iter().filter(|operation| !reached(operation)).collect();
    println!("answered, and never well: {unreached:?}");
    // A few want a state that nobody here brings about; more than that, and the fuzzer stands before closed doors.
    assert!(unreached.len() * 5 < described.len(), "{answers:#?}");
    running.stop().await;
}

/// `GET /api/v1/patients`, and all the others.
fn described() -> BTreeSet<String> {
    let document: Value = serde_json::from_str(clinic_server::api::document()).unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    let operation = |path: &String, method: &String| format!("{} {path}", method.to_uppercase());
    paths
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(move |method| operation(path, method)).collect::<Vec<_>>()
        })
        .collect()
}

/// Runs the fuzzer as this user, who finds nothing.
fn fuzz(address: SocketAddr, user: &str, dir: &Path, examples: u32) {
    let program =
        std::env::var_os("HEALTHCARE_TEST_SCHEMATHESIS").expect("HEALTHCARE_TEST_SCHEMATHESIS is set");
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    let document = dir.join("openapi.json");
    fs::write(&document, clinic_server::api::document()).unwrap();
    let url = format!("http://{address}");
    let mut command = Command::new(program);
    command
        .arg("--config-file")
        .arg(own.join("schemathesis.toml"))
        .args(["run", "--url", &url, "--no-color", "--continue-on-failure", "--warnings", "off"])
        .args(["--phases", "coverage,fuzzing,stateful", "--max-examples", &examples.to_string()])
        // A described request may still ask for what there is not, or what a rule of the clinic forbids: that is 422, and described.
        .args(["--exclude-checks", "positive_data_acceptance"])
        .arg(&document)
        .current_dir(dir)
        .env("PYTHONPATH", &own)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("CLINIC_FUZZ_URL", &url)
        .env("CLINIC_FUZZ_USER", user)
        .env("CLINIC_FUZZ_PASSWORD", DEMO_PASSWORD)
        .env("CLINIC_FUZZ_ANSWERS", dir.join("answers"));
    let output = command.output().expect("schemathesis runs");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "as {user}:\n{told}\n{}", String::from_utf8_lossy(&output.stderr));
    let total = told.lines().find(|line| line.contains(" generated, ")).unwrap_or_default();
    println!("as {user}: {}", total.trim());
}

fn read_answers(path: &Path, answers: &mut Answers) {
    for line in fs::read_to_string(path).expect("the fuzzer has asked").lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let operation = line["operation"].as_str().unwrap().to_owned();
        *answers.entry(operation).or_default().entry(line["status"].as_u64().unwrap()).or_default() += 1;
    }
    fs::remove_file(path).unwrap();
}
