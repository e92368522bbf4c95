//! Clippy: everything at once, then each crate alone with the feature sets its users choose.

use super::cargo;
use crate::{
    failure::{Failure, Outcome},
    process, workspace,
};
use cargo_metadata::{Metadata, Package};

/// All crates, all features, all targets in one go: the strictest look, and the build that `test` and `docs` reuse.
///
/// # Errors
/// When clippy finds something.
pub(super) fn everything() -> Outcome<()> {
    clippy(&["--workspace", "--all-targets", "--all-features"])
}

/// Each published crate on its own, because a workspace build lends every crate its neighbours' features: without any
/// feature, by default, and with each single feature.
///
/// # Errors
/// When clippy finds something; the feature sets are named.
pub(super) fn one_by_one(metadata: &Metadata) -> Outcome<()> {
    let mut failed = Vec::new();
    for package in workspace::published(metadata) {
        for set in sets(package) {
            let name = format!("{} [{}]", package.name, set.as_deref().unwrap_or("default"));
            eprintln!("   {name}");
            let mut arguments = vec!["--quiet", "--package", package.name.as_str()];
            if let Some(features) = &set {
                arguments.extend(["--no-default-features", "--features", features]);
            }
            match clippy(&arguments) {
                Err(Failure::Interrupted) => return Err(Failure::Interrupted),
                Err(_) => failed.push(name),
                Ok(()) => {}
            }
        }
    }
    super::found("feature sets that do not pass", &failed)
}

fn clippy(arguments: &[&str]) -> Outcome<()> {
    process::run(cargo(&["clippy"]).args(arguments).args(["--", "-D", "warnings"]))
}

/// Crates that mean nothing without one of these features, and refuse to compile.
const ONE_OF: &[(&str, &[&str])] = &[("healthcare-db", &["sqlite", "postgres"])];

/// The feature sets worth a look: default (`None`), nothing when that differs, and each feature alone.
fn sets(package: &Package) -> Vec<Option<String>> {
    let needed =
        ONE_OF.iter().find(|(name, _)| *name == package.name.as_str()).map(|(_, features)| *features);
    let mut sets = vec![None];
    if needed.is_none() && package.features.get("default").is_some_and(|default| !default.is_empty()) {
        sets.push(Some(String::new()));
    }
    let own = package.features.keys().filter(|name| name.as_str() != "default" && !name.starts_with('_'));
    sets.extend(own.map(|feature| {
        let lacking = needed.filter(|needed| !needed.contains(&feature.as_str()));
        Some(match lacking.and_then(|needed| needed.first()) {
            Some(first) => format!("{first},{feature}"),
            None => feature.clone(),
        })
    }));
    sets
}
