//! The commands of this repository: `cargo xtask test`, `lint`, `bench` and `services`.
//!
//! CI, the public workflow and a contributor's machine run the same commands, so that a green run here means a
//! green run there.

mod bench;
mod failure;
mod interrupt;
mod lint;
mod process;
mod services;
mod stage;
mod test;
mod workspace;

use clap::{Parser, Subcommand};
use failure::{Failure, Outcome};
use std::process::ExitCode;

#[derive(Debug, Parser)]
#[command(
    name = "xtask",
    bin_name = "cargo xtask",
    about = "The commands of this repository",
    long_about = "The commands of this repository. What CI runs is `cargo xtask lint` and then `cargo xtask test`.",
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    Test(test::Options),
    Lint(lint::Options),
    Bench(bench::Options),
    Services(services::Options),
    #[command(hide = true)]
    Guard(services::guard::Options),
}

fn run(task: Task) -> Outcome<()> {
    match task {
        Task::Test(options) => test::run(&options),
        Task::Lint(options) => lint::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Services(options) => services::run(&options),
        Task::Guard(options) => {
            services::guard::run(&options);
            Ok(())
        }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // The guard outlives an interrupted parent: it must not stop at the same signal.
    if let Err(failure) = interrupt::install() {
        eprintln!("error: {failure}");
        return ExitCode::FAILURE;
    }
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Interrupted) => {
            eprintln!("interrupted: everything that was started has been stopped");
            ExitCode::from(130)
        }
        // Counted and printed already: the counts are to be the last line.
        Err(Failure::Reported) => ExitCode::FAILURE,
        Err(failure @ Failure::Message(_)) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}
