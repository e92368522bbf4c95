//! Signed statements of how long the log was and how it ended, to be kept where the log's keeper cannot change them.

use crate::log::Tip;
use jiff::Timestamp;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use std::{
    fmt::{self, Write as _},
    fs, io,
    io::Write as _,
    path::Path,
    str::FromStr,
};
use uuid::Uuid;

const TITLE: &str = "healthcare-audit checkpoint v1";
/// Longest text that is read as a checkpoint, bytes.
const MAX_TEXT: usize = 1_024;

/// Signs checkpoints (Ed25519, RFC 8032).
pub struct CheckpointSigner(Ed25519KeyPair);

/// Verifies checkpoints.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CheckpointKey([u8; 32]);

/// The log at one moment: every entry up to [`entries`](Self::entries) is fixed by it.
///
/// Its text form is made to be mailed, printed or put into another system: seven lines, hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    log: Uuid,
    entries: u64,
    epoch: u64,
    head: [u8; 32],
    at: Timestamp,
    signature: [u8; 64],
}

/// A checkpoint that cannot be believed or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The text is not a checkpoint.
    #[error("this is not a checkpoint of an audit log: its text begins with \"{TITLE}\" and has seven lines")]
    Malformed,
    /// The signature is not by this key.
    #[error(
        "the checkpoint is not signed by the expected key: it was changed, or belongs to another installation"
    )]
    Signature,
    /// The key bytes cannot be used.
    #[error("the checkpoint key cannot be used: it has 32 bytes")]
    Key,
    /// The file could not be read or written.
    #[error("the checkpoint file could not be read or written")]
    Io(#[from] io::Error),
}

impl CheckpointSigner {
    /// The signer with this secret seed, 32 random bytes.
    ///
    /// # Errors
    /// [`CheckpointError::Key`] when the seed has another length.
    pub fn from_seed(seed: &[u8]) -> Result<Self, CheckpointError> {
        Ed25519KeyPair::from_seed_unchecked(seed).map(Self).map_err(|_| CheckpointError::Key)
    }

    /// The key that verifies what this signs.
    #[must_use]
    pub fn key(&self) -> CheckpointKey {
        let mut key = [0; 32];
        key.copy_from_slice(self.0.public_key().as_ref());
        CheckpointKey(key)
    }

    pub(crate) fn sign(&self, tip: Tip, at: Timestamp) -> Checkpoint {
        let Tip { log, entries, epoch, head } = tip;
        let mut checkpoint = Checkpoint { log, entries, epoch, head, at, signature: [0; 64] };
        let signature = self.0.sign(checkpoint.statement().as_bytes());
        checkpoint.signature.copy_from_slice(signature.as_ref());
        checkpoint
    }
}

impl CheckpointKey {
    /// The key with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Checkpoint {
    /// The log it is of.
    #[must_use]
    pub const fn log(&self) -> Uuid {
        self.log
    }
    /// How many entries the log had.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.entries
    }
    /// In which epoch.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }
    /// The chain value of the last of them.
    #[must_use]
    pub const fn head(&self) -> &[u8; 32] {
        &self.head
    }
    /// When it was made.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// Whether this key signed it.
    ///
    /// # Errors
    /// [`CheckpointError::Signature`] when not.
    pub fn verify(&self, key: &CheckpointKey) -> Result<(), CheckpointError> {
        UnparsedPublicKey::new(&ED25519, key.0)
            .verify(self.statement().as_bytes(), &self.signature)
            .map_err(|_| CheckpointError::Signature)
    }

    /// Writes it to a file that is either the old one or the new one, whole, whatever happens meanwhile.
    ///
    /// # Errors
    /// [`CheckpointError::Io`].
    pub fn save(&self, path: &Path) -> Result<(), CheckpointError> {
        let fresh = path.with_extension("new");
        let mut file = fs::File::create(&fresh)?;
        file.write_all(self.to_string().as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        #[cfg(unix)]
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::File::open(parent)?.sync_all()?;
        }
        Ok(())
    }

    /// Reads it from a file. Believe it only after [`verify`](Self::verify).
    ///
    /// # Errors
    /// [`CheckpointError::Io`] or [`CheckpointError::Malformed`].
    pub fn load(path: &Path) -> Result<Self, CheckpointError> {
        fs::read_to_string(path)?.parse()
    }

    /// What is signed: everything but the signature.
    fn statement(&self) -> String {
        let Self { log, entries, epoch, head, at, .. } = self;
        let mut text = format!("{TITLE}\nlog {log}\nentries {entries}\nepoch {epoch}\nhead ");
        push_hex(&mut text, head);
        let _ = write!(text, "\ntime {at}\n");
        text
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.statement();
        text.push_str("signature ");
        push_hex(&mut text, &self.signature);
        text.push('\n');
        f.write_str(&text)
    }
}

impl FromStr for Checkpoint {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        read(text).filter(|checkpoint| checkpoint.to_string() == text).ok_or(CheckpointError::Malformed)
    }
}

/// Reads the lines. Whether each was written exactly as it is written here is checked by writing it again.
fn read(text: &str) -> Option<Checkpoint> {
    if text.len() > MAX_TEXT {
        return None;
    }
    let mut lines = text.lines();
    if lines.next()? != TITLE {
        return None;
    }
    let mut value = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
    Some(Checkpoint {
        log: value("log")?.parse().ok()?,
        entries: value("entries")?.parse().ok()?,
        epoch: value("epoch")?.parse().ok()?,
        head: parse_hex(value("head")?)?,
        at: value("time")?.parse().ok()?,
        signature: parse_hex(value("signature")?)?,
    })
}

pub(crate) fn push_hex(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
}

fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != N * 2 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}

impl fmt::Debug for CheckpointSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CheckpointSigner({:?})", self.key())
    }
}
impl fmt::Debug for CheckpointKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_string())
    }
}
impl fmt::Display for CheckpointKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        push_hex(&mut text, &self.0);
        f.write_str(&text)
    }
}
impl FromStr for CheckpointKey {
    type Err = CheckpointError;
    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        parse_hex(text).map(Self).ok_or(CheckpointError::Key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(signer: &CheckpointSigner) -> Checkpoint {
        let tip = Tip { log: Uuid::from_u128(7), entries: 12, epoch: 3, head: [0xab; 32] };
        signer.sign(tip, "2026-03-01T09:00:00Z".parse().unwrap())
    }

    #[test]
    fn the_text_reads_back_and_every_changed_byte_is_refused() {
        let signer = CheckpointSigner::from_seed(&[7; 32]).unwrap();
        let text = checkpoint(&signer).to_string();
        text.parse::<Checkpoint>().unwrap().verify(&signer.key()).unwrap();
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            let believed = String::from_utf8(bytes)
                .ok()
                .and_then(|text| text.parse::<Checkpoint>().ok())
                .is_some_and(|checkpoint| checkpoint.verify(&signer.key()).is_ok());
            assert!(!believed, "byte {at}");
        }
    }

    #[test]
    fn another_key_is_refused() {
        let (signer, other) =
            (CheckpointSigner::from_seed(&[7; 32]).unwrap(), CheckpointSigner::from_seed(&[8; 32]).unwrap());
        assert!(matches!(checkpoint(&signer).verify(&other.key()), Err(CheckpointError::Signature)));
        assert_eq!(signer.key().to_string().parse::<CheckpointKey>().unwrap(), signer.key());
    }

    #[test]
    fn a_file_holds_the_latest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.checkpoint");
        let signer = CheckpointSigner::from_seed(&[7; 32]).unwrap();
        checkpoint(&signer).save(&path).unwrap();
        checkpoint(&signer).save(&path).unwrap();
        assert_eq!(Checkpoint::load(&path).unwrap(), checkpoint(&signer));
        assert!(matches!(Checkpoint::load(dir.path()), Err(CheckpointError::Io(_))));
        assert!(matches!("x".parse::<Checkpoint>(), Err(CheckpointError::Malformed)));
    }
}
