//! Ratios of the healthcare-* crates against their peers: `cargo xtask bench`.

mod areas;
mod compare;
mod report;
mod stats;

use clap::Parser;
use std::{error::Error, path::PathBuf};

#[derive(Debug, Parser)]
#[command(about = "Ours against a peer, interleaved; run it as `cargo xtask bench`")]
struct Options {
    /// Fewer rounds.
    #[arg(long)]
    quick: bool,
    /// Where to write the rows as JSON.
    #[arg(long, default_value = "target/bench/summary.json")]
    out: PathBuf,
    /// Only the rows whose name contains this: for a profiler.
    #[arg(long, default_value = "")]
    row: String,
    /// Only the areas whose name contains this.
    area: Option<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let rounds = if options.quick { 20 } else { 200 };
    let wanted = |area: &str| options.area.as_ref().is_none_or(|part| area.contains(part.as_str()));
    let mut rows = Vec::new();
    for (area, measures) in areas::ALL.iter().filter(|(area, _)| wanted(area)) {
        let measures = measures()?.into_iter().filter(|measure| measure.name().contains(&options.row));
        rows.extend(measures.map(|measure| measure.run(area, rounds)));
    }
    if rows.is_empty() {
        let known: Vec<&str> = areas::ALL.iter().map(|(area, _)| *area).collect();
        return Err(format!("no area or row has this name; areas are: {}", known.join(", ")).into());
    }
    report::write(&rows, &options.out)?;
    report::print(&rows);
    Ok(())
}
