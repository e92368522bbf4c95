//! The fuzzer of the API's description: schemathesis, from the Python registry. It is no server; the test that needs it runs it.

use super::{Service, python};
use crate::{failure::Outcome, process};
use std::process::Command;

/// The variable that tells tests which program it is.
pub(super) const VARIABLE: &str = "HEALTHCARE_TEST_SCHEMATHESIS";

/// Exactly these: what is looked for changes from version to version, and with another Hypothesis other requests are made.
const PACKAGES: [&str; 2] = ["schemathesis==4.32.5", "hypothesis==6.170.15"];

/// The one that the environment names, else one in an environment of its own, which is made if need be.
///
/// # Errors
/// When there is no Python, or the packages cannot be installed.
pub(super) fn service() -> Outcome<Service> {
    let service = |url: String, version| Service { variable: VARIABLE, url, version, _guarded: None };
    if let Ok(program) = std::env::var(VARIABLE) {
        return Ok(service(program, format!("the fuzzer of {VARIABLE}")));
    }
    let program = python::environment("schemathesis", &PACKAGES)?.with_file_name("schemathesis");
    let version = process::capture(Command::new(&program).arg("--version"))?.trim().to_owned();
    Ok(service(program.to_string_lossy().into_owned(), version))
}
