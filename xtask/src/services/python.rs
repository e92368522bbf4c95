//! Programs from the Python registry, each in an environment of its own under `target`.

use super::install::{self, is_debian};
use crate::{
    failure::{Failure, Outcome},
    process, workspace,
};
use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

/// A Python that has exactly these packages: the environment is made once, and again when one of them is raised.
///
/// # Errors
/// When there is no Python, or the packages cannot be installed.
pub(super) fn environment(name: &str, packages: &[&str]) -> Outcome<PathBuf> {
    let folder = workspace::target()?.join(format!("xtask-{name}"));
    let python = folder.join("bin/python");
    let wanted = packages.join("\n");
    let marker = folder.join("packages");
    if fs::read_to_string(&marker).is_ok_and(|made| made == wanted) && python.exists() {
        return Ok(python);
    }
    let system = install::find_or_install("Python 3 with venv", "python3-venv", find)?
        .ok_or_else(|| Failure::new(missing()))?;
    eprintln!("installing {}", packages.join(" and "));
    process::run(Command::new(system).args(["-m", "venv", "--clear"]).arg(&folder))?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages);
    // The environment lines of `services up` are the only thing on standard output.
    process::run(install.stdout(Stdio::from(std::io::stderr())))?;
    fs::write(&marker, wanted).map_err(Failure::while_doing("cannot write the Python environment"))?;
    Ok(python)
}

/// A Python that can make an environment with pip in it.
fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("python3")).find(|python| {
        python.exists()
            && process::capture(Command::new(python).args(["-c", "import ensurepip, ssl, venv"])).is_ok()
    })
}

fn missing() -> String {
    let install = if is_debian() {
        "apt-get update && apt-get install -y python3-venv"
    } else if cfg!(target_os = "macos") {
        "brew install python"
    } else {
        "dnf install -y python3    (Fedora), or your system's package"
    };
    format!("Python 3 with its module venv is needed and was not found on PATH. Install it:\n    {install}")
}
