//! Which files.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The most files of one import.
const FILES_MAX: usize = 1_000_000;

/// The files that were named, and the bundles in the folders that were named, in the order of their names.
pub(super) fn collect(paths: &[PathBuf]) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        // Who names a file means it, whatever it is called.
        if path.is_dir() {
            let mut found = folder(path)?;
            found.sort();
            files.extend(found);
        } else {
            files.push(path.clone());
        }
    }
    if files.len() > FILES_MAX {
        return Err(io::Error::other("more than a million files: import them in parts"));
    }
    Ok(files)
}

fn folder(path: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    Ok(entries
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| path.is_file() && is_bundle(path))
        .collect())
}

fn is_bundle(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    !name.starts_with('.') && (name.ends_with(".json") || name.ends_with(".json.gz"))
}
