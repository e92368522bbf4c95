//! What `cargo publish` would upload.

use super::cargo;
use crate::{failure::Outcome, process, workspace};
use cargo_metadata::Metadata;

/// Packages every published crate. Not verified by building: the other stages build the same sources.
///
/// # Errors
/// When a crate cannot be packaged, for example because a file it includes lies outside its folder.
pub(super) fn check(metadata: &Metadata) -> Outcome<()> {
    let mut command = cargo(&["package", "--no-verify", "--allow-dirty", "--quiet"]);
    for package in workspace::published(metadata) {
        command.args(["--package", package.name.as_str()]);
    }
    process::run(&mut command)
}
