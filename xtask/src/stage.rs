//! Stages with their times.

use crate::failure::{Failure, Outcome};
use std::time::{Duration, Instant};

/// The stages of one command, in the order they ran.
#[derive(Debug, Default)]
pub(crate) struct Stages(Vec<Stage>);

/// One stage that has ended.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) name: String,
    pub(crate) took: Duration,
    pub(crate) failure: Option<String>,
}

impl Stages {
    /// Runs a stage whose failure ends the command.
    ///
    /// # Errors
    /// What the stage returns.
    pub(crate) fn run<T>(&mut self, name: &str, work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        eprintln!("\n== {name}");
        let start = Instant::now();
        let result = work();
        let failure = result.as_ref().err().map(ToString::to_string);
        self.0.push(Stage { name: name.to_owned(), took: start.elapsed(), failure });
        eprintln!("   {name}: {}", seconds(start.elapsed()));
        result
    }

    /// Runs a stage whose failure is kept for the end, so that one run shows everything that is wrong.
    ///
    /// # Errors
    /// [`Failure::Interrupted`] alone.
    pub(crate) fn check(&mut self, name: &str, work: impl FnOnce() -> Outcome<()>) -> Outcome<()> {
        match self.run(name, work) {
            Err(Failure::Interrupted) => Err(Failure::Interrupted),
            Err(failure) => {
                eprintln!("   failed: {failure}");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// The stages so far.
    pub(crate) fn all(&self) -> &[Stage] {
        &self.0
    }

    /// Prints each stage with its time, and the sum.
    pub(crate) fn print(&self) {
        eprintln!();
        for stage in &self.0 {
            let mark = if stage.failure.is_some() { "FAILED" } else { "ok" };
            eprintln!("{:>8}  {:<6}  {}", seconds(stage.took), mark, stage.name);
        }
        eprintln!("{:>8}          in all", seconds(self.0.iter().map(|stage| stage.took).sum()));
    }

    /// How many failed.
    pub(crate) fn failed(&self) -> usize {
        self.0.iter().filter(|stage| stage.failure.is_some()).count()
    }
}

/// A duration as people read it.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
