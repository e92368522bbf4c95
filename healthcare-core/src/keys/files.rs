//! Keys from a file or an environment variable: one line per key, `<id: 16 hex digits>:<key: 64 hex digits>`, newest last.

use super::{KeyError, KeyId, KeyProvider, MasterKey};
use std::{
    fmt::Write as _,
    fs,
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// Keys in a file that nobody but its owner may read.
#[derive(Debug, Clone)]
pub struct KeyFile(PathBuf);

/// Keys in an environment variable, for platforms that hand secrets to processes so. Lines may be separated by commas.
#[derive(Debug, Clone)]
pub struct KeyVariable(String);

impl KeyFile {
    /// The keys of this file.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Makes the file with one new random key, readable by its owner alone. A file that exists is left as it is.
    ///
    /// # Errors
    /// [`KeyError::Provider`] when it cannot be written.
    pub fn create_absent(&self) -> Result<(), KeyError> {
        if self.0.exists() {
            return Ok(());
        }
        // Written whole under another name and then linked: a start that is killed leaves no half of a key, and of two that make one at the
        // same time the second takes the first one's.
        let key = MasterKey::random()?;
        let mut name = self.0.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}", key.id()));
        let aside = self.0.with_file_name(name);
        let linked = write_new(&aside, &key).and_then(|()| match fs::hard_link(&aside, &self.0) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        });
        // A key that nobody uses, if this fails.
        let _ = fs::remove_file(&aside);
        linked.and_then(|()| sync_directory(&self.0)).map_err(|error| unusable(&self.0, &error.to_string()))
    }
}

/// Writes a new file, readable by its owner alone, and waits until it is on disk.
fn write_new(path: &Path, key: &MasterKey) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut line = Zeroizing::new(format!("{}:", key.id()));
    key.bytes().iter().try_for_each(|byte| write!(line, "{byte:02x}")).map_err(std::io::Error::other)?;
    line.push('\n');
    let mut file = options.open(path)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()
}

/// Waits until the file's name is on disk too: what is sealed under a key must not outlive it.
fn sync_directory(file: &Path) -> std::io::Result<()> {
    if cfg!(unix) {
        let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
        fs::File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

impl KeyProvider for KeyFile {
    fn keys(&self) -> Result<Vec<MasterKey>, KeyError> {
        check_mode(&self.0)?;
        let text = Zeroizing::new(
            fs::read_to_string(&self.0).map_err(|error| unusable(&self.0, &error.to_string()))?,
        );
        parse(&text).ok_or_else(|| unusable(&self.0, FORM))
    }
}

impl KeyVariable {
    /// The keys of this variable.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self(name.into())
    }
}

impl KeyProvider for KeyVariable {
    fn keys(&self) -> Result<Vec<MasterKey>, KeyError> {
        let text = std::env::var(&self.0).map(Zeroizing::new).map_err(|_| {
            KeyError::Provider(format!("the environment variable {} holds no keys: {FORM}", self.0))
        })?;
        parse(&text).ok_or_else(|| KeyError::Provider(format!("the environment variable {}: {FORM}", self.0)))
    }
}

const FORM: &str = "one key per line as <id: 16 hex digits>:<key: 64 hex digits>, newest last";

fn unusable(path: &Path, why: &str) -> KeyError {
    KeyError::Provider(format!("the key file {}: {why}", path.display()))
}

#[cfg(unix)]
fn check_mode(path: &Path) -> Result<(), KeyError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path).map_err(|error| unusable(path, &error.to_string()))?.permissions().mode();
    if mode & 0o077 == 0 { Ok(()) } else { Err(unusable(path, "others may read it: chmod 600 it")) }
}
#[cfg(not(unix))]
fn check_mode(_: &Path) -> Result<(), KeyError> {
    Ok(())
}

fn parse(text: &str) -> Option<Vec<MasterKey>> {
    let keys: Vec<MasterKey> = text
        .split(['\n', ','])
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (id, key) = line.split_once(':')?;
            Some(MasterKey::new(KeyId::from_bytes(hex(id)?), hex(key)?))
        })
        .collect::<Option<_>>()?;
    let distinct =
        keys.iter().enumerate().all(|(n, key)| !keys.iter().skip(n + 1).any(|other| other.id() == key.id()));
    (!keys.is_empty() && distinct).then_some(keys)
}

fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (nth, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * nth..2 * nth + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_newest_last_and_bad_lines_refused() {
        let (a, b) = ("0102030405060708", "1112131415161718");
        let key = "ab".repeat(32);
        let keys = parse(&format!("# keys\n{a}:{key}\n{b}:{key}\n")).unwrap();
        assert_eq!(keys.iter().map(|k| k.id().to_string()).collect::<Vec<_>>(), [a, b]);
        assert_eq!(parse(&format!("{a}:{key},{b}:{key}")).unwrap().len(), 2);
        for bad in [
            String::new(),
            format!("{a}{key}"),
            format!("{a}:{}", &key[1..]),
            format!("{a}:{key}\n{a}:{key}"),
        ] {
            assert!(parse(&bad).is_none(), "{bad}");
        }
    }
}
