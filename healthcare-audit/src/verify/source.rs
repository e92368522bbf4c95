//! Where the segments come from.

use std::{
    fmt, fs,
    io::{self, BufReader, Read},
    path::PathBuf,
};

pub(super) enum Source {
    Directory(PathBuf),
    Stream(String, Box<dyn Read + Send>),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(dir) => write!(f, "{}", dir.display()),
            Self::Stream(name, _) => f.write_str(name),
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
        let dir = match self {
            Self::Stream(name, bytes) => {
                return Ok(vec![Piece { name, first: None, open: Open::Stream(bytes) }]);
            }
            Self::Directory(dir) => dir,
        };
        let mut pieces = Vec::new();
        for entry in fs::read_dir(&dir)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let Some(stem) = name.strip_suffix(".audit") else { continue };
            let Some(first) = stem.parse::<u64>().ok().filter(|_| stem.len() == 20) else { continue };
            pieces.push(Piece { first: Some(first), open: Open::File(entry.path()), name });
        }
        pieces.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(pieces)
    }
}
