//! `clinic-server import`: FHIR R4 bundles into a clinic.
//!
//! A named system actor in the role `IMPORT` writes each patient of a bundle in one transaction. What a source calls a resource becomes an id
//! by a keyed hash of clinic, kind and source id, so a second run finds everything there and changes nothing. Files are named by their
//! position: their names carry patients' names.

mod bundle;
mod chart;
mod directory;
mod doctor;
mod files;
mod map;
mod report;

pub use report::{Imported, Report};

use crate::{
    App, api,
    config::{Config, Environment},
    fhir::{Bundle, BundleError, Limits, read_bundle},
    seed::{demo_clinics, seed},
    wiring::{self, Process},
};
use bundle::Importer;
use healthcare_core::{AccessError, ClinicId, Role};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    error::Error,
    fs::File,
    io::IsTerminal,
    path::{Path, PathBuf},
};

type Failure = Box<dyn Error + Send + Sync>;

/// Imports files and folders of bundles, and prints what became of every entry.
pub(crate) async fn run(config: &Config, clinic: Option<&str>, paths: &[PathBuf]) -> Result<bool, Failure> {
    let clinic = clinic_of(config, clinic)?;
    let files = files::collect(paths)?;
    let mut server = wiring::wire(config, Process::Import).await?;
    server.hear().await?;
    if config.environment == Environment::Demo {
        seed(&server.app).await?;
    }
    let report = import(&server.app, clinic, &files, &Limits::default()).await?;
    println!("{report}");
    if config.environment == Environment::Demo {
        doctor::become_busiest(&server.app, clinic, &report).await?;
    }
    server.close().await?;
    Ok(report.is_complete())
}

fn clinic_of(config: &Config, asked: Option<&str>) -> Result<ClinicId, Failure> {
    match asked {
        Some(id) => Ok(id.parse().map_err(|error| format!("--clinic: {error}"))?),
        None if config.environment == Environment::Demo => {
            Ok(demo_clinics().first().map(|demo| demo.id).ok_or("there is no demonstration")?)
        }
        None => Err("--clinic: name the clinic by its id".into()),
    }
}

/// Imports these files into a clinic: those that hold practitioners and hospitals alone come first, because others refer to them.
///
/// # Errors
/// When the clinic does not exist, or storage fails. What is wrong with a file is in the [`Report`].
pub async fn import(
    app: &App,
    clinic: ClinicId,
    files: &[PathBuf],
    limits: &Limits,
) -> Result<Report, AccessError> {
    let role: Role = "IMPORT".parse().map_err(AccessError::storage)?;
    let context = app.system.job("import", role, clinic);
    let record = api::read_clinic(app, &context).await?;
    let mut importer = Importer::new(app, &context, record.zone.clone()).await?;
    let progress = progress(files.len());
    let mut later = Vec::new();
    for (index, file) in files.iter().enumerate() {
        match open(file, limits) {
            Ok(bundle) if bundle.is_directory() => {
                importer.bundle(&bundle).await?;
                progress.inc(1);
            }
            Ok(_) => later.push((index, file)),
            Err(error) => importer.report.failed(index + 1, file, error),
        }
    }
    for (index, file) in later {
        // Read a second time: a thousand bundles do not fit into memory together.
        match open(file, limits) {
            Ok(bundle) => importer.bundle(&bundle).await?,
            Err(error) => importer.report.failed(index + 1, file, error),
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok(importer.report)
}

fn open(file: &Path, limits: &Limits) -> Result<Bundle, BundleError> {
    read_bundle(File::open(file).map_err(BundleError::Io)?, limits)
}

/// A bar on a terminal, nothing elsewhere.
fn progress(files: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(u64::try_from(files).unwrap_or(u64::MAX));
    let style = ProgressStyle::with_template("{bar:32} {pos}/{len} bundles, {eta} left");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
