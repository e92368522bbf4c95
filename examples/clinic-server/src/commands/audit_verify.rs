//! `clinic-server audit verify`: reads the logs and nothing else, also while a server writes them.

use super::Failure;
use crate::{config::Config, wiring::Process};
use healthcare_audit::verify::{Verdict, Verifier};

/// Verifies each log of the data directory and of the second place, and says which entry of which is wrong.
pub(super) fn run(config: &Config) -> Result<bool, Failure> {
    let mut sound = true;
    let logs = Process::EACH_WITH_A_LOG.map(|process| process.audit_dir(&config.data_dir));
    let spill = config.audit_spill.as_deref();
    let second = Process::EACH_WITH_A_LOG.map(|process| spill.map(|spill| process.spill_dir(spill)));
    for dir in logs.into_iter().chain(second.into_iter().flatten()).filter(|dir| dir.is_dir()) {
        let report = Verifier::directory(&dir).run()?;
        println!("{}\n{report}\n", dir.display());
        // The last entry may be in the middle of being written.
        sound &= !matches!(report.verdict(), Verdict::Broken);
    }
    Ok(sound)
}
