//! The rows, as JSON and as a table.

use serde::Serialize;
use std::{fs, io, path::Path};

/// What the numbers say about the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// The whole interval is on the good side, or the count is within its bound.
    Met,
    /// The whole interval is on the bad side, or the count is over its bound.
    Missed,
    /// The noise hides the answer.
    Undecided,
}

/// One comparison's result. The fields are described in the README.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) area: String,
    pub(crate) name: &'static str,
    pub(crate) ours_p50: f64,
    pub(crate) ours_p99: f64,
    pub(crate) peer_p50: f64,
    pub(crate) peer_p99: f64,
    pub(crate) peer_name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) ratio: f64,
    pub(crate) ci_low: f64,
    pub(crate) ci_high: f64,
    pub(crate) control: f64,
    pub(crate) rounds: usize,
    pub(crate) target: f64,
    pub(crate) better: &'static str,
    pub(crate) held_equal: &'static str,
    pub(crate) verdict: Verdict,
}

/// Writes the rows, creating the folder.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write(rows: &[Row], path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, serde_json::to_string_pretty(rows)?)?;
    eprintln!("wrote {}", path.display());
    Ok(())
}

/// Prints the table.
pub(crate) fn print(rows: &[Row]) {
    println!("| area | name | ours p50/p99 | peer p50/p99 | ratio (95 %) | control | target | verdict |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for row in rows {
        let Row { area, name, ours_p50, ours_p99, peer_p50, peer_p99, peer_name, unit, target, .. } = row;
        let sign = if row.better == "lower" { "≤" } else { "≥" };
        if row.ratio.is_nan() {
            let peer = if peer_p50.is_nan() {
                "–".to_owned()
            } else {
                format!("{peer_p50:.2} {unit}, {peer_name}")
            };
            println!(
                "| {area} | {name} | {ours_p50:.2} {unit} | {peer} | – | – | {sign} {target} {unit} | {:?} |",
                row.verdict
            );
            continue;
        }
        let digits = match ours_p50 {
            p50 if *p50 < 1.0 => 4,
            p50 if *p50 < 100.0 => 1,
            _ => 0,
        };
        println!(
            "| {area} | {name} | {ours_p50:.digits$}/{ours_p99:.digits$} {unit} | \
             {peer_p50:.digits$}/{peer_p99:.digits$} {unit}, {peer_name} | \
             {:.3} ({:.3}–{:.3}) | {:.3} | {sign} {target:.2} | {:?} |",
            row.ratio, row.ci_low, row.ci_high, row.control, row.verdict
        );
    }
}
