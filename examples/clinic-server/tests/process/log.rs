//! The audit log, read beside the server that writes it, with the library's verifier and reader.

use super::site::Site;
use clinic_server::seed::demo_clinics;
use healthcare_audit::{
    AuditReader, Entry, Query,
    verify::{Verdict, Verifier},
};
use healthcare_core::{KeyFile, MemoryScopeKeys, Vault};
use std::{path::Path, sync::Arc};

/// Every entry of both clinics in the log of the data directory's server, opened.
pub(crate) fn entries(site: &Site, data: &Path) -> Vec<Entry> {
    let vault = Vault::new(&KeyFile::at(site.key_file()), Arc::new(MemoryScopeKeys::default())).unwrap();
    let reader = AuditReader::directory(data.join("audit/serve"), Arc::new(vault.house_cipher())).unwrap();
    let mut found = Vec::new();
    for clinic in demo_clinics() {
        let mut query = Query::new(clinic.id).limit(1000);
        loop {
            let page = reader.read(&query).unwrap();
            found.extend(page.entries);
            let Some(next) = page.next else { break };
            query = query.before(next);
        }
    }
    assert!(found.iter().all(|entry| entry.event.is_some()), "every entry opens");
    found
}

/// The library and the command both find the log whole. The server must have stopped.
pub(crate) fn assert_sound(site: &Site) {
    let report = Verifier::directory(site.data().join("audit/serve")).run().unwrap();
    assert_eq!(report.verdict(), Verdict::Sound, "{report}");
    let mut process = site.run(&["audit", "verify"]);
    assert_eq!(process.wait().code(), Some(0), "{}{}", process.out.whole(), process.err.whole());
}
