//! `cargo xtask lint`: everything that can be checked without running the product.

mod arrows;
mod features;
mod files;
mod kernel;
mod licences;
mod links;
mod packages;

use crate::{
    failure::{Failure, Outcome},
    process,
    stage::Stages,
    workspace,
};
use cargo_metadata::Metadata;
use clap::Args;
use std::process::Command;

/// Check format, lints, documentation, arrows, licences and packages.
///
/// Runs every stage, also after one has failed, so that one run shows all there is to mend. Each stage's time is printed.
/// Advisories need a database from the network: the public workflow checks them with cargo audit.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only the stages whose name contains this: format, arrows, files, links, kernel, licences, clippy, docs, packages.
    stage: Option<String>,
}

/// A stage: its name and its work.
type Stage<'a> = (&'static str, Box<dyn Fn() -> Outcome<()> + 'a>);

/// Runs `lint`.
///
/// # Errors
/// When a stage found something.
pub(crate) fn run(options: &Options) -> Outcome<()> {
    let metadata = workspace::metadata()?;
    let wanted = |name: &str| options.stage.as_ref().is_none_or(|part| name.contains(part.as_str()));
    let mut stages = Stages::default();
    for (name, work) in all(&metadata).into_iter().filter(|(name, _)| wanted(name)) {
        stages.check(name, work)?;
    }
    stages.print();
    println!("advisories: not checked here (the public workflow runs cargo audit)");
    let (ran, failed) = (stages.all().len(), stages.failed());
    if ran == 0 {
        return Err(Failure::new("no stage has this name; see `cargo xtask lint --help`"));
    }
    println!("{} of {ran} stages passed", ran - failed);
    if failed > 0 { Err(Failure::Reported) } else { Ok(()) }
}

/// Quick ones first: what fails, fails early.
fn all(metadata: &Metadata) -> Vec<Stage<'_>> {
    vec![
        ("format", Box::new(format)),
        ("arrows", Box::new(|| arrows::check(metadata))),
        ("files", Box::new(|| files::check(metadata))),
        ("links", Box::new(links::check)),
        ("kernel", Box::new(kernel::check)),
        ("licences", Box::new(|| licences::check(metadata))),
        ("clippy, everything", Box::new(features::everything)),
        ("docs", Box::new(|| docs(metadata))),
        ("clippy, by feature", Box::new(|| features::one_by_one(metadata))),
        ("packages", Box::new(|| packages::check(metadata))),
    ]
}

fn format() -> Outcome<()> {
    let check = |manifest: &str| {
        let mut command = cargo(&["fmt", "--all", "--check", "--manifest-path", manifest]);
        process::run(&mut command)
    };
    check("Cargo.toml")?;
    check("benches/Cargo.toml")
}

/// Documentation of every published crate with all features, as docs.rs builds it, warnings denied.
fn docs(metadata: &Metadata) -> Outcome<()> {
    let mut command = cargo(&["doc", "--no-deps", "--all-features"]);
    for package in workspace::published(metadata) {
        command.args(["--package", package.name.as_str()]);
    }
    process::run(command.env("RUSTDOCFLAGS", "-D warnings"))
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = process::cargo();
    command.args(arguments).current_dir(workspace::root());
    command
}

/// A failure that lists what was found, or nothing.
fn found(what: &str, problems: &[String]) -> Outcome<()> {
    if problems.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("{what}:\n   - {}", problems.join("\n   - "))))
}
