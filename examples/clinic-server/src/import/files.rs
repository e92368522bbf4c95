//! The files to read.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// A file or directory that cannot be imported from. Its path is for the terminal alone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// It cannot be looked at.
    #[error("input {position} cannot be read: check that it exists and that this user may read it")]
    Unreadable {
        /// Its place on the command line, from 1.
        position: usize,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// There is nothing to import.
    #[error("there is no .json or .json.gz file among the inputs")]
    Nothing,
    /// There is too much to import at once.
    #[error("more than {0} files: import them in several runs")]
    TooMany(usize),
}

const FILES_MAX: usize = 100_000;
const DEPTH_MAX: usize = 8;

/// The files named, and those of the directories named that end in `.json` or `.json.gz`, sorted, each once.
///
/// # Errors
/// [`InputError`], by the input's place on the command line.
pub fn input_files(inputs: &[PathBuf]) -> Result<Vec<PathBuf>, InputError> {
    let mut files = BTreeSet::new();
    for (index, input) in inputs.iter().enumerate() {
        let unreadable = |cause| InputError::Unreadable { position: index + 1, cause };
        if fs::metadata(input).map_err(unreadable)?.is_dir() {
            collect(input, DEPTH_MAX, &mut files).map_err(unreadable)?;
        } else {
            files.insert(input.clone());
        }
        if files.len() > FILES_MAX {
            return Err(InputError::TooMany(FILES_MAX));
        }
    }
    if files.is_empty() { Err(InputError::Nothing) } else { Ok(files.into_iter().collect()) }
}

fn collect(directory: &Path, depth: usize, files: &mut BTreeSet<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            if depth > 0 {
                collect(&path, depth - 1, files)?;
            }
        } else if path.file_name().and_then(|name| name.to_str()).is_some_and(is_bundle_name) {
            files.insert(path);
        }
        if files.len() > FILES_MAX {
            break;
        }
    }
    Ok(())
}

fn is_bundle_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with(".json") || name.ends_with(".json.gz")
}
