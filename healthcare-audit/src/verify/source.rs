//! Where the segments come from.

use std::{
    fmt, fs,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

pub(super) enum Source {
    Directory(PathBuf),
    Streams(Vec<(String, Box<dyn Read + Send>)>),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(dir) => write!(f, "{}", dir.display()),
            Self::Streams(streams) => write!(f, "{} segments", streams.len()),
        }
    }
}

/// A segment that is opened when its turn comes.
pub(super) struct Piece {
    pub(super) name: String,
    /// The sequence its name promises, when it has one.
    pub(super) first: Option<u64>,
    open: Open,
}

enum Open {
    File(PathBuf),
    Stream(Box<dyn Read + Send>),
}

impl Piece {
    pub(super) fn open(self) -> io::Result<Box<dyn Read>> {
        Ok(match self.open {
            Open::File(path) => Box::new(BufReader::with_capacity(1 << 16, fs::File::open(path)?)),
            Open::Stream(bytes) => Box::new(BufReader::new(bytes)),
        })
    }
}

impl Source {
    /// The segments, in the order of their names.
    pub(super) fn pieces(self) -> io::Result<Vec<Piece>> {
        let mut pieces = match self {
            Self::Streams(streams) => streams
                .into_iter()
                .map(|(name, bytes)| Piece { first: promised(&name), name, open: Open::Stream(bytes) })
                .collect(),
            Self::Directory(dir) => files(&dir)?,
        };
        pieces.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(pieces)
    }
}

fn files(dir: &Path) -> io::Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let first = promised(&name);
        if first.is_some() {
            pieces.push(Piece { first, open: Open::File(entry.path()), name });
        }
    }
    Ok(pieces)
}

/// The sequence that a segment's name promises.
fn promised(name: &str) -> Option<u64> {
    name.strip_suffix(".audit").filter(|stem| stem.len() == 20)?.parse().ok()
}
