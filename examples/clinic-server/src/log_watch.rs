//! Verifying the log while it is written, each time from where the last time ended.

use healthcare_audit::{
    AuditLog, Checkpoint, CheckpointSigner,
    verify::{Report, Verdict, Verifier},
};
use healthcare_core::Vault;
use std::{
    fmt, io,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

/// Verifies a log up to its present end. What was found sound is fixed by a signed checkpoint and not read again: `clinic-server audit verify`
/// reads it all.
pub struct LogWatch {
    dir: PathBuf,
    signer: CheckpointSigner,
    sound: Mutex<Option<Checkpoint>>,
}

impl fmt::Debug for LogWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogWatch").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl LogWatch {
    /// Watches the log in `dir`, with checkpoints signed under a key of the house.
    ///
    /// # Errors
    /// When the key cannot be derived.
    pub fn new(dir: PathBuf, vault: &Vault) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let signer = CheckpointSigner::from_seed(vault.secret("audit-checkpoint")?.as_slice())?;
        Ok(Self { dir, signer, sound: Mutex::default() })
    }

    /// Verifies what came since the last time. Reads files: call it where blocking is allowed.
    ///
    /// # Errors
    /// When the log cannot be read; what is wrong with it is in the report.
    pub fn verify(&self, log: &AuditLog) -> io::Result<Report> {
        // Taken before the end is looked at, so that it never vouches for an entry that was not.
        let checkpoint = log.checkpoint(&self.signer);
        let mut verifier = Verifier::directory(&self.dir).until(log.head().entries);
        if let Some(sound) = self.last() {
            verifier = verifier.against(sound, self.signer.key()).since_checkpoint();
        }
        let report = verifier.run()?;
        if matches!(report.verdict(), Verdict::Sound) {
            *self.sound.lock().unwrap_or_else(PoisonError::into_inner) = Some(checkpoint);
        }
        Ok(report)
    }

    fn last(&self) -> Option<Checkpoint> {
        self.sound.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
