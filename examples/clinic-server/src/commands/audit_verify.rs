//! `clinic-server audit verify`: reads the logs and nothing else, also while a server writes them.

use super::Failure;
use crate::{config::Config, wiring::Process};
use healthcare_audit::verify::{Verdict, Verifier};

/// Verifies each log of the data directory, and says which entry of which is wrong.
pub(super) fn run(config: &Config) -> Result<bool, Failure> {
    let mut sound = true;
    for process in Process::EACH_WITH_A_LOG {
        let dir = process.audit_dir(&config.data_dir);
        if !dir.is_dir() {
            continue;
        }
        let report = Verifier::directory(&dir).run()?;
        println!("{}\n{report}\n", dir.display());
        // The last entry may be in the middle of being written.
        sound &= !matches!(report.verdict(), Verdict::Broken);
    }
    Ok(sound)
}
