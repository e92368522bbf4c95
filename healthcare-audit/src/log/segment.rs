//! Names of segments and making a new one.

use crate::{
    frame::SegmentHead,
    storage::{Storage, StoredFile},
};
use std::io;

const SUFFIX: &str = ".audit";

/// File name of the segment that begins with this sequence.
pub(crate) fn name(first: u64) -> String {
    format!("{first:020}{SUFFIX}")
}

/// The sequence a segment's name says that it begins with; nothing for other files.
pub(crate) fn first_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    (digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| digits.parse().ok())
        .flatten()
}

/// First sequences of the segments in a directory, ascending.
pub(crate) fn all(storage: &dyn Storage) -> io::Result<Vec<u64>> {
    let mut firsts: Vec<u64> = storage.list()?.iter().filter_map(|name| first_of(name)).collect();
    firsts.sort_unstable();
    Ok(firsts)
}

/// Makes a segment whose name and header are durable before anything is written into it.
pub(crate) fn create(storage: &dyn Storage, head: &SegmentHead) -> io::Result<Box<dyn StoredFile>> {
    let mut file = storage.create(&name(head.first))?;
    file.write_at(0, &head.encode())?;
    file.sync()?;
    storage.sync_dir()?;
    Ok(file)
}
