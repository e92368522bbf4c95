//! The data directory: the owner's alone.

use super::StartError;
use std::{fs, path::Path};

/// Makes the data directory, for its owner alone; one that exists must be so already.
///
/// # Errors
/// When it cannot be made, or others may enter it.
pub fn prepare_directory(dir: &Path) -> Result<(), StartError> {
    if !dir.exists() {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(dir).map_err(StartError::DataDir)?;
    }
    check_directory(dir)
}

/// Makes a file for its owner alone, unless it exists. SQLite gives the files beside it the same mode.
pub(super) fn own_file(path: &Path) -> Result<(), StartError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StartError::DatabaseFile(error)),
    }
}

/// Checks that nobody but the owner may enter.
///
/// # Errors
/// When others may.
pub fn check_directory(dir: &Path) -> Result<(), StartError> {
    let metadata = fs::metadata(dir).map_err(StartError::DataDir)?;
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0 {
        return Err(StartError::OpenDataDir);
    }
    if metadata.is_dir() {
        Ok(())
    } else {
        Err(StartError::DataDir(std::io::Error::from(std::io::ErrorKind::NotADirectory)))
    }
}
