//! `cargo xtask bench`: ours and a peer, interleaved.

use crate::{
    failure::{Failure, Outcome},
    process, workspace,
};
use clap::Args;

/// Measure against peers and write target/bench/summary.json.
///
/// Each row runs ours and the peer's code in turn, round by round, with an A/A control beside it (ours against ours), so
/// that a drift of the machine hits both. The verdict is met or missed when the whole confidence interval of the ratio
/// lies on one side of the target, else undecided. `benches/` is a workspace of its own: its first build takes a while.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Fewer rounds: shows that everything runs; most verdicts stay undecided.
    #[arg(long)]
    quick: bool,
    /// Only the areas whose name contains this.
    area: Option<String>,
}

/// Runs `bench`.
///
/// # Errors
/// When the benchmarks do not build or do not run. A missed target is no failure: it is a row.
pub(crate) fn run(options: &Options) -> Outcome<()> {
    let manifest = workspace::root().join("benches").join("Cargo.toml");
    if !manifest.exists() {
        return Err(Failure::new(format!("{} is missing", manifest.display())));
    }
    let target = workspace::target()?;
    let cargo = |task: &str| {
        let mut command = process::cargo();
        command.args([task, "--release", "--manifest-path"]).arg(&manifest);
        command.arg("--target-dir").arg(target.join("bench-build"));
        command
    };
    for twin in TWINS {
        process::run(cargo("build").args(["--bin", twin, "--features", twin]))?;
    }
    let mut command = cargo("run");
    command.args(["--", "--out"]).arg(target.join("bench").join("summary.json"));
    if options.quick {
        command.arg("--quick");
    }
    command.args(&options.area);
    process::run(&mut command)
}

/// Binaries that measure what would disturb the timing of the others; each needs the feature of its name. The benchmarks
/// find them beside themselves.
const TWINS: [&str; 2] = ["counted", "metered"];
