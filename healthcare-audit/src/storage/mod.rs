//! Every file operation of the log, so that a test can count them and make each of them fail.

#[cfg(test)]
pub(crate) mod model;
mod os;

pub(crate) use os::OsStorage;

use crate::verify::Verifier;
use std::{fmt, io};

/// One directory.
pub(crate) trait Storage: fmt::Debug + Send + Sync {
    /// Takes the directory for this process until the guard is dropped. `WouldBlock` when another holds it.
    fn lock(&self) -> io::Result<Box<dyn Send + Sync>>;
    /// Names of the files, in no order.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Makes a file that must not exist. Its name is durable after [`sync_dir`](Self::sync_dir).
    fn create(&self, name: &str) -> io::Result<Box<dyn StoredFile>>;
    /// Opens a file for reading and writing.
    fn open(&self, name: &str) -> io::Result<Box<dyn StoredFile>>;
    /// Opens a file for reading.
    fn open_to_read(&self, name: &str) -> io::Result<Box<dyn StoredFile>>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes creations and removals durable.
    fn sync_dir(&self) -> io::Result<()>;
    /// A verifier of the segments in it.
    fn verifier(&self) -> Verifier;
}

/// One file.
pub(crate) trait StoredFile: fmt::Debug + Send {
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Fills `into` from `offset`; fewer bytes only at the end of the file.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;
    /// Writes all of `bytes` at `offset`; after an error any part of them may stand there.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the file.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
    /// Makes contents and length durable.
    fn sync(&mut self) -> io::Result<()>;
    /// Whether the directory still names this file: writing on into a deleted one would keep nothing.
    fn is_linked(&self) -> io::Result<bool>;
}

/// The whole file, refusing more than `limit` bytes.
pub(crate) fn read_whole(file: &dyn StoredFile, limit: u64) -> io::Result<Vec<u8>> {
    let len = file.len()?;
    if len > limit {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "the segment is longer than any writer makes it",
        ));
    }
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
    let read = file.read_at(0, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}
