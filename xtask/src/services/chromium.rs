//! A browser: found or installed. It is no server; the tests that need one start it themselves.

use super::{
    Service,
    install::{self, is_debian},
};
use crate::{
    failure::{Failure, Outcome},
    process,
};
use std::{path::PathBuf, process::Command};

/// The variable that tells tests which program it is.
pub(super) const VARIABLE: &str = "HEALTHCARE_TEST_CHROMIUM";

/// What it is called here and there; whichever is found first is taken.
const NAMES: [&str; 4] = ["chromium", "google-chrome", "google-chrome-stable", "chromium-browser"];

/// The one that the environment names, else one that is installed, if need be now.
///
/// # Errors
/// With the command that installs it, where this command must not.
pub(super) fn service() -> Outcome<Service> {
    let service = |url: String, version| Service { variable: VARIABLE, url, version, _guarded: None };
    if let Ok(program) = std::env::var(VARIABLE) {
        return Ok(service(program, format!("the browser of {VARIABLE}")));
    }
    let found = install::find_or_install("chromium", "chromium", find)?;
    let program = found.ok_or_else(|| Failure::new(missing()))?;
    let version = process::capture(Command::new(&program).arg("--version"))?.trim().to_owned();
    Ok(service(program.to_string_lossy().into_owned(), version))
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let programs = NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    programs.into_iter().find(|program| program.exists())
}

fn missing() -> String {
    let install = if is_debian() {
        "apt-get update && apt-get install -y chromium"
    } else if cfg!(target_os = "macos") {
        "brew install --cask chromium"
    } else {
        "dnf install -y chromium    (Fedora), or your system's package"
    };
    format!(
        "A Chromium is needed and was not found on PATH. Install it:\n    {install}\n\
         or name the program:\n    export {VARIABLE}=/usr/bin/chromium"
    )
}
