//! Installing what a server needs, where that may be done without asking.

use crate::{failure::Outcome, process};
use std::{path::Path, process::Command};

/// What `find` finds, if need be after installing the package: as root on Debian and Ubuntu, nowhere else.
///
/// # Errors
/// When the installation fails.
pub(super) fn find_or_install<T>(
    name: &str,
    package: &str,
    find: impl Fn() -> Option<T>,
) -> Outcome<Option<T>> {
    if let Some(found) = find() {
        return Ok(Some(found));
    }
    if is_debian() && rustix::process::geteuid().is_root() {
        eprintln!("{name} is missing: installing it with apt-get");
        process::run(apt().args(["update", "-qq"]))?;
        process::run(apt().args(["install", "-y", "-qq", "--no-install-recommends", package]))?;
    }
    Ok(find())
}

pub(super) fn is_debian() -> bool {
    Path::new("/etc/debian_version").exists()
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    // The environment lines of `services up` are the only thing on standard output.
    command.env("DEBIAN_FRONTEND", "noninteractive").stdout(std::io::stderr());
    command
}
