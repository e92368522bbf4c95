//! `cargo xtask test`: every test of every crate, with the servers they need.

mod binary;
mod count;
mod evidence;

use crate::{
    failure::{Failure, Outcome},
    process::{self, End},
    services::{self, Service},
    stage::{Stages, seconds},
    workspace,
};
use binary::{Binary, build};
use clap::Args;
use count::{Output, Tally};
use std::{
    process::Command,
    time::{Duration, Instant},
};

/// The variable that tells tests to use the full counts.
const DEEP: &str = "HEALTHCARE_TEST_DEEP";

/// Run every test, also those that need PostgreSQL, Redis or an SMTP server, and the documentation's examples.
///
/// Starts a throwaway server of each kind on a free port in a temporary directory and stops it at the end, also when
/// interrupted. As root on Debian or Ubuntu a missing one is installed; elsewhere the command to install it is printed.
/// HEALTHCARE_TEST_POSTGRES_URL and HEALTHCARE_TEST_REDIS_URL point at running servers instead, HEALTHCARE_TEST_CHROMIUM at a browser. The last line is always `N passed, N failed, N skipped`.
///
/// A skipped test is one that printed a line starting with `skipped:`, or an example marked as ignored; with CI set in the
/// environment, anything ignored is a failure.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The full counts of the issues (hours), and a dated report under docs/evidence/.
    #[arg(long)]
    deep: bool,
    /// Only these crates.
    #[arg(short, long = "package", value_name = "CRATE")]
    packages: Vec<String>,
    /// Show each test's line.
    #[arg(short, long)]
    verbose: bool,
    /// Only the tests whose name contains this.
    filter: Option<String>,
}

/// What one crate's tests gave.
#[derive(Debug)]
struct Result {
    name: String,
    tally: Tally,
    took: Duration,
}

/// Runs `test`.
///
/// # Errors
/// When a test fails, does not compile, or a server cannot be had.
pub(crate) fn run(options: &Options) -> Outcome<()> {
    let mut stages = Stages::default();
    let mut results = Vec::new();
    let outcome = all(options, &mut stages, &mut results);
    stages.print();
    let mut sum = Tally::default();
    results.iter().for_each(|result| sum.add(&result.tally));
    match outcome {
        Err(Failure::Interrupted) => return Err(Failure::Interrupted),
        Err(failure) => {
            eprintln!("error: {failure}");
            sum.failed += 1;
        }
        Ok(()) => {}
    }
    for reason in &sum.reasons {
        println!("skipped: {reason}");
    }
    if sum.ignored > 0 && std::env::var_os("CI").is_some() {
        println!("in CI nothing may be left out, and {} ignored", sum.ignored);
        sum.failed += sum.ignored;
        sum.ignored = 0;
    }
    println!("{} passed, {} failed, {} skipped", sum.passed, sum.failed, sum.skipped + sum.ignored);
    if sum.failed > 0 { Err(Failure::Reported) } else { Ok(()) }
}

fn all(options: &Options, stages: &mut Stages, results: &mut Vec<Result>) -> Outcome<()> {
    let services = stages.run("servers", services::start)?;
    services.iter().for_each(|service| eprintln!("   {}", service.version));
    let selection = selection(options);
    let binaries = stages.run("build", || build(&selection))?;
    // One crate at a time, so that a crate's failure is easy to find and two crates do not share the processors.
    let mut names: Vec<&str> = binaries.iter().map(|binary| binary.package.as_str()).collect();
    names.dedup();
    for name in names {
        let start = Instant::now();
        let mut tally = Tally::default();
        stages.run(&format!("test {name}"), || {
            for binary in binaries.iter().filter(|binary| binary.package == name) {
                tally.add(&execute(binary, options, &services)?);
            }
            Ok(())
        })?;
        results.push(Result { name: name.to_owned(), tally, took: start.elapsed() });
    }
    if has_library(options)? {
        let start = Instant::now();
        let tally = stages.run("documentation examples", || examples(&selection, options, &services))?;
        results.push(Result { name: "documentation examples".to_owned(), tally, took: start.elapsed() });
    }
    if options.deep {
        evidence::write(results, stages, &services)?;
    }
    Ok(())
}

/// The same selection and features for every cargo call: with others, cargo would build the dependencies again.
/// Which features a crate needs on its own is what `lint` checks, crate by crate.
fn selection(options: &Options) -> Vec<String> {
    let mut selection = vec!["--all-features".to_owned()];
    if options.packages.is_empty() {
        selection.push("--workspace".to_owned());
    }
    selection.extend(options.packages.iter().flat_map(|package| ["--package".to_owned(), package.clone()]));
    selection
}

/// Whether anything selected can have documentation examples: cargo calls it an error when nothing can.
fn has_library(options: &Options) -> Outcome<bool> {
    let metadata = workspace::metadata()?;
    Ok(metadata.workspace_packages().iter().any(|package| {
        let selected =
            options.packages.is_empty() || options.packages.iter().any(|name| *name == package.name.as_str());
        selected && package.targets.iter().any(cargo_metadata::Target::is_lib)
    }))
}

fn limit(options: &Options) -> Duration {
    let minutes = if options.deep { 12 * 60 } else { 20 };
    Duration::from_secs(minutes * 60)
}

fn environment(command: &mut Command, options: &Options, services: &[Service]) {
    command.envs(services.iter().map(|service| (service.variable, &service.url)));
    if options.deep {
        command.env(DEEP, "1");
    }
}

/// Runs one test binary as `cargo test` would.
fn execute(binary: &Binary, options: &Options, services: &[Service]) -> Outcome<Tally> {
    let start = Instant::now();
    let mut command = Command::new(&binary.executable);
    command.args(&options.filter).args(["--include-ignored", "--show-output"]).current_dir(&binary.directory);
    command.envs(binary.environment.iter().map(|(name, value)| (name, value)));
    environment(&mut command, options, services);
    let tally = observe(&mut command, &binary.target, options)?;
    eprintln!("   {:<40} {} in {}", binary.target, tally, seconds(start.elapsed()));
    Ok(tally)
}

/// `--include-ignored` would run examples that say themselves that they cannot.
fn examples(selection: &[String], options: &Options, services: &[Service]) -> Outcome<Tally> {
    let mut command = process::cargo();
    command
        .args(["test", "--doc", "--no-fail-fast", "--quiet"])
        .args(selection)
        .arg("--")
        .args(&options.filter);
    command.current_dir(workspace::root());
    environment(&mut command, options, services);
    observe(&mut command, "documentation", options)
}

fn observe(command: &mut Command, what: &str, options: &Options) -> Outcome<Tally> {
    let mut output = Output::default();
    let end = process::stream(command, limit(options), |line| {
        if output.line(line) || options.verbose {
            println!("{line}");
        }
    })?;
    let end = match end {
        End::Exit(status) if status.success() => None,
        End::Exit(status) => Some(format!("{what} ended with {status}")),
        End::TimedOut => Some(format!("{what} did not end within {}: killed", seconds(limit(options)))),
    };
    Ok(output.finish(end))
}
