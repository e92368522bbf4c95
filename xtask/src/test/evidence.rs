//! The dated report of `cargo xtask test --deep`.

use super::{Result, Service};
use crate::{
    failure::{Failure, Outcome},
    process,
    stage::{Stages, seconds},
    workspace,
};
use std::{fmt::Write as _, fs, process::Command};

/// Writes `docs/evidence/test-deep-YYYY-MM-DD.md`.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write(results: &[Result], stages: &Stages, services: &[Service]) -> Outcome<()> {
    let date = process::capture(Command::new("date").args(["-u", "+%Y-%m-%d"]))?;
    let date = date.trim();
    let folder = workspace::root().join("docs").join("evidence");
    fs::create_dir_all(&folder).map_err(Failure::while_doing(folder.display().to_string()))?;
    let path = folder.join(format!("test-deep-{date}.md"));
    fs::write(&path, text(results, stages, services, date))
        .map_err(Failure::while_doing(path.display().to_string()))?;
    eprintln!("   wrote {}", path.display());
    Ok(())
}

fn text(results: &[Result], stages: &Stages, services: &[Service], date: &str) -> String {
    let said = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        process::capture(command.args(arguments).current_dir(workspace::root()))
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let versions: Vec<&str> = services.iter().map(|service| service.version.as_str()).collect();
    let versions = versions.join(" · ");
    let processors = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let mut text = format!(
        "# Tests with the full counts, {date}\n\n`cargo xtask test --deep` at commit `{}`{}.\n\n\
         {} · {versions} · {processors} processors\n\n\
         | tests | passed | failed | skipped | time |\n| --- | --- | --- | --- | --- |\n",
        said("git", &["rev-parse", "--short=12", "HEAD"]),
        if said("git", &["status", "--porcelain"]).is_empty() { "" } else { ", with uncommitted changes" },
        said("rustc", &["--version"]),
    );
    for Result { name, tally, took } in results {
        let skipped = tally.skipped + tally.ignored;
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {skipped} | {} |",
            tally.passed,
            tally.failed,
            seconds(*took)
        );
    }
    text.push_str("\nStages: ");
    let times: Vec<String> =
        stages.all().iter().map(|stage| format!("{} {}", stage.name, seconds(stage.took))).collect();
    text.push_str(&times.join(", "));
    text.push_str(".\n");
    for reason in results.iter().flat_map(|result| &result.tally.reasons) {
        let _ = write!(text, "\n- skipped: {reason}");
    }
    text
}
