//! The tables that belong to no clinic, and what they may hold.

use crate::statement::has_word;

/// A table outside every clinic's scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HouseTable {
    /// Its name in the schema `main`.
    pub name: &'static str,
    /// What it may hold: ids, kinds, times, hashes and ciphertext, and nothing else.
    pub holds: &'static str,
    /// Why no clinic's scope can hold it.
    pub why: &'static str,
}

/// Every table without a clinic's scope. A statement on another table is a clinic statement.
pub const HOUSE_TABLES: &[HouseTable] = &[
    HouseTable {
        name: "app_user",
        holds: "user id, keyed hash of the address, sealed profile, password hash, status, epoch, times",
        why: "sign-in knows the address before it knows a clinic",
    },
    HouseTable {
        name: "membership",
        holds: "user id, clinic id, role codes, kind and id of the profile",
        why: "a user belongs to several clinics, and chooses among them before a clinic is known",
    },
    HouseTable {
        name: "session",
        holds: "session id, user id, clinic id, hashes of refresh tokens, times",
        why: "a token is checked before its clinic is trusted",
    },
    HouseTable {
        name: "scope_key",
        holds: "clinic id, the clinic's key wrapped by the master key, times",
        why: "a clinic's key is opened before its rows are",
    },
    HouseTable {
        name: "outbox",
        holds: "entry id, clinic id, kind, aggregate's kind, id and version, times, order, lease, sealed body",
        why: "one relay serves all clinics; it sees headers and ciphertext",
    },
    HouseTable {
        name: "job",
        holds: "job id, clinic id, queue, kind, key of ids, state, times, token, counts, class of the last error, sealed payload",
        why: "one worker serves all clinics; it sees headers and ciphertext",
    },
    HouseTable {
        name: "memory_tier",
        holds: "process id, a word, a time",
        why: "it says what each process of the house is, and nothing of a clinic",
    },
];

/// Names of clinic tables, which no house statement may touch.
const CLINIC_WORDS: &[&str] = &[
    "clinic",
    "location",
    "service",
    "practitioner",
    "patient",
    "appointment",
    "encounter",
    "condition",
    "observation",
    "medication_request",
    "allergy_intolerance",
    "procedure",
    "immunization",
    "break_glass",
    "claim",
    "subject_key",
    "blind_index",
    "idempotency",
    "clinic_scope",
];

#[allow(clippy::indexing_slicing)] // Bounds are checked by the loops; iterators are not const.
pub(crate) const fn is_house_statement(text: &str) -> bool {
    let mut i = 0;
    while i < CLINIC_WORDS.len() {
        if has_word(text, CLINIC_WORDS[i]) {
            return false;
        }
        i += 1;
    }
    let mut known = false;
    let mut i = 0;
    while i < HOUSE_TABLES.len() {
        known |= has_word(text, HOUSE_TABLES[i].name);
        i += 1;
    }
    known && crate::statement::is_plain(text) && !has_word(text, "set_config")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::CLINIC_TABLES;

    #[test]
    fn every_clinic_table_is_out_of_reach() {
        for table in CLINIC_TABLES {
            assert!(CLINIC_WORDS.contains(&table.name), "{} is missing in CLINIC_WORDS", table.name);
            assert!(!is_house_statement(&format!("SELECT id FROM main.app_user, main.{}", table.name)));
        }
        assert!(is_house_statement("SELECT id FROM main.app_user WHERE email_hash = $1"));
        assert!(!is_house_statement("SELECT 1"));
    }
}
