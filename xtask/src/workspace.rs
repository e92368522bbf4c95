//! The workspace as cargo sees it.

use crate::failure::{Failure, Outcome};
use cargo_metadata::{CargoOpt, Metadata, MetadataCommand, Package};
use std::path::PathBuf;

/// The checkout this command was built from.
pub(crate) fn root() -> PathBuf {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().map(PathBuf::from).unwrap_or(manifest)
}

/// `cargo metadata` with all features.
///
/// # Errors
/// When cargo cannot resolve the workspace.
pub(crate) fn metadata() -> Outcome<Metadata> {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .features(CargoOpt::AllFeatures)
        .exec()
        .map_err(Failure::while_doing("cargo metadata"))
}

/// The published crates, in the order of the manifest.
pub(crate) fn published(metadata: &Metadata) -> Vec<&Package> {
    metadata
        .workspace_packages()
        .into_iter()
        .filter(|package| package.publish.as_ref().is_none_or(|to| !to.is_empty()))
        .collect()
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> Outcome<PathBuf> {
    Ok(metadata()?.target_directory.into_std_path_buf())
}
