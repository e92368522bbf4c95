//! The checks that run while the statement is compiled.
//!
//! They catch forgetting, not malice: the database's own policies hold when the text is wrong all the same.

const fn lower(byte: u8) -> u8 {
    byte.to_ascii_lowercase()
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[allow(clippy::indexing_slicing)] // Bounds are checked by the loops; `get` is not const for slices by range.
const fn matches_at(text: &[u8], at: usize, needle: &[u8]) -> bool {
    if at + needle.len() > text.len() {
        return false;
    }
    let mut i = 0;
    while i < needle.len() {
        if lower(text[at + i]) != needle[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// Whether `needle` (lower case) stands in the text as whole words.
#[allow(clippy::indexing_slicing)] // As above.
const fn word_from(text: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while at + needle.len() <= text.len() {
        let before = at == 0 || !is_word(text[at - 1]);
        let end = at + needle.len();
        let after = end == text.len() || !is_word(text[end]) || !is_word(needle[needle.len() - 1]);
        if before && after && matches_at(text, at, needle) {
            return Some(at);
        }
        at += 1;
    }
    None
}

pub(crate) const fn has_word(text: &str, needle: &str) -> bool {
    word_from(text.as_bytes(), needle.as_bytes(), 0).is_some()
}

const fn has_bytes(text: &str, needle: &str) -> bool {
    let (text, needle) = (text.as_bytes(), needle.as_bytes());
    let mut at = 0;
    while at + needle.len() <= text.len() {
        if matches_at(text, at, needle) {
            return true;
        }
        at += 1;
    }
    false
}

const fn starts(text: &str, with: &str) -> bool {
    matches_at(text.as_bytes(), 0, with.as_bytes())
}

/// Whether the text compares `clinic_id` with the first parameter, or inserts the first parameter as its first column,
/// `clinic_id`.
#[must_use]
pub(super) const fn is_scoped(text: &str) -> bool {
    if starts(text, "insert into ") {
        return has_bytes(text, "(clinic_id,")
            && (has_bytes(text, "values ($1,") || has_bytes(text, "select $1,"));
    }
    // `clinic_id = $10` is another parameter: the needle ends with a word character, so what follows must not be one.
    has_word(text, "clinic_id = $1")
}

/// Whether the text is one statement of a kind that is allowed, without comments or quoted names, which could hide what it does.
#[must_use]
pub(crate) const fn is_plain(text: &str) -> bool {
    let known = starts(text, "select ")
        || starts(text, "insert into ")
        || starts(text, "update ")
        || starts(text, "delete from ")
        || starts(text, "with ");
    known
        && !has_bytes(text, "--")
        && !has_bytes(text, "/*")
        && !has_bytes(text, ";")
        && !has_bytes(text, "\"")
        && !has_bytes(text, "`")
        && !has_bytes(text, "[")
}

/// Whether the text names the schema `main` only as the target of its write. Reading goes through the unqualified name, which
/// on SQLite is the clinic's view.
#[must_use]
pub(super) const fn reads_through_views(text: &str) -> bool {
    let bytes = text.as_bytes();
    let forbidden = has_word(text, "temp")
        || has_word(text, "pragma")
        || has_word(text, "attach")
        || has_word(text, "set_config")
        || has_word(text, "clinic_scope")
        || has_word(text, "sqlite_master")
        || has_word(text, "sqlite_schema");
    if forbidden {
        return false;
    }
    match word_from(bytes, b"main", 0) {
        None => starts(text, "select ") || starts(text, "with "),
        Some(at) => {
            let target = (starts(text, "insert into ") && at == 12)
                || (starts(text, "update ") && at == 7)
                || (starts(text, "delete from ") && at == 12);
            target && word_from(bytes, b"main", at + 4).is_none()
        }
    }
}

/// The highest parameter number in the text.
#[must_use]
#[allow(clippy::indexing_slicing)] // As above.
pub(super) const fn parameters(text: &str) -> u16 {
    let bytes = text.as_bytes();
    let (mut at, mut highest) = (0, 0);
    while at < bytes.len() {
        if bytes[at] == b'$' {
            let mut number = 0u16;
            while at + 1 < bytes.len() && bytes[at + 1].is_ascii_digit() {
                number = number * 10 + (bytes[at + 1] - b'0') as u16;
                at += 1;
            }
            if number > highest {
                highest = number;
            }
        }
        at += 1;
    }
    highest
}

/// What is wrong with a clinic statement, if anything.
#[must_use]
pub(crate) const fn clinic_problem(text: &str) -> Option<&'static str> {
    if !is_plain(text) {
        Some(
            "a clinic statement is one SELECT, INSERT INTO, UPDATE, DELETE FROM or WITH, without comments, semicolons or quoted names",
        )
    } else if !is_scoped(text) {
        Some(
            "a clinic statement must contain `clinic_id = $1`, or insert `(clinic_id, ..) VALUES ($1, ..)`: $1 is the clinic of the transaction",
        )
    } else if !reads_through_views(text) {
        Some(
            "a clinic statement writes to `main.<table>` and reads from `<table>`, and names no schema or setting besides",
        )
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scoped_means_the_first_parameter_and_no_other() {
        assert!(is_scoped("SELECT id FROM patient WHERE clinic_id = $1"));
        assert!(is_scoped("SELECT t.id FROM patient t WHERE t.clinic_id = $1 AND t.id = $2"));
        assert!(is_scoped("INSERT INTO main.patient (clinic_id, id) VALUES ($1, $2)"));
        for not in [
            "SELECT id FROM patient",
            "SELECT id FROM patient WHERE clinic_id = $10",
            "SELECT id FROM patient WHERE clinic_id = $2",
            "SELECT id FROM patient WHERE xclinic_id = $1",
            "INSERT INTO main.patient (id, clinic_id) VALUES ($1, $2)",
            "INSERT INTO main.patient (clinic_id, id) VALUES ($2, $1)",
        ] {
            assert!(!is_scoped(not), "{not}");
        }
    }

    #[test]
    fn doors_around_the_views_are_shut() {
        for not in [
            "SELECT id FROM main.patient WHERE clinic_id = $1",
            "SELECT id FROM MAIN . patient WHERE clinic_id = $1",
            "INSERT INTO main.patient (clinic_id, id) SELECT $1, id FROM main.patient",
            "UPDATE patient SET version = 2 WHERE clinic_id = $1",
            "DELETE FROM temp.clinic_scope WHERE clinic_id = $1",
            "SELECT sql FROM sqlite_schema WHERE clinic_id = $1",
            "SELECT set_config('app.clinic_id', 'x', true) FROM patient WHERE clinic_id = $1",
            "SELECT id FROM \"main\".patient WHERE clinic_id = $1",
            "SELECT id FROM [main].patient WHERE clinic_id = $1",
            "SELECT id FROM patient WHERE clinic_id = $1; SELECT 1",
            "SELECT id FROM patient WHERE id = $2 -- clinic_id = $1",
            "PRAGMA foreign_keys",
        ] {
            assert!(clinic_problem(not).is_some(), "{not}");
        }
        assert_eq!(clinic_problem("DELETE FROM main.claim WHERE clinic_id = $1 AND holder_id = $2"), None);
    }

    #[test]
    fn parameters_are_counted_by_number() {
        assert_eq!(parameters("SELECT 1"), 0);
        assert_eq!(parameters("a = $1 AND b = $12 AND c = $1"), 12);
    }
}
