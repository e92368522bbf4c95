//! The kernel of `healthcare-core` never imports its domain: that is what lets another trade stand on it.

use super::{files::sources, found};
use crate::{failure::Outcome, workspace};
use std::{collections::BTreeSet, path::Path};

/// What stands on the kernel: the domain's folders, and the contract suites over both halves. Every other module of the crate
/// is kernel.
const DOMAIN: &[&str] = &["appointments", "billing", "clinical", "clinics", "testing"];

/// The table of contents: it names every module, and re-exports.
const CONTENTS: &str = "lib.rs";

/// # Errors
/// Names every import of the domain from the kernel.
pub(super) fn check() -> Outcome<()> {
    let source = workspace::root().join("healthcare-core").join("src");
    let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    // The crate's root re-exports the domain, so its items' names are as telling as its modules'.
    let mut domain: BTreeSet<String> = DOMAIN.iter().map(|&name| name.to_owned()).collect();
    for folder in DOMAIN {
        domain.extend(exports(&read(&source.join(folder).join("mod.rs"))));
    }
    let mut problems = Vec::new();
    for path in sources(&source)? {
        let name = path.strip_prefix(&source).unwrap_or(&path);
        if !is_domain(name) && name != Path::new(CONTENTS) {
            let hits = imports(&read(&path), &domain);
            problems.extend(hits.into_iter().map(|it| format!("{} imports {it}", name.display())));
        }
    }
    found("kernel modules that import the domain", &problems)
}

fn is_domain(path: &Path) -> bool {
    let first = path.components().next().map(|part| part.as_os_str().to_string_lossy().into_owned());
    first.is_some_and(|first| DOMAIN.contains(&first.trim_end_matches(".rs")))
}

/// A source text without comments, on one line.
fn code(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    lines.join(" ")
}

/// The names that a folder's table of contents re-exports: `pub use file::{a, B};`.
fn exports(contents: &str) -> BTreeSet<String> {
    let code = code(contents);
    let statements = code.match_indices("pub use ").filter_map(|(at, found)| {
        let statement = code.get(at + found.len()..)?.split(';').next()?;
        Some(statement.split_once("::")?.1.to_owned())
    });
    statements.flat_map(|names| heads(&names)).filter(|name| !name.is_empty()).collect()
}

/// The domain's names that a source text reaches by a path from the crate's root, in a `use` or in an expression.
fn imports(text: &str, domain: &BTreeSet<String>) -> BTreeSet<String> {
    let code = code(text);
    let mut hits = BTreeSet::new();
    for root in ["crate::", "super::"] {
        for (at, _) in code.match_indices(root) {
            let rest = code.get(at + root.len()..).unwrap_or_default();
            hits.extend(heads(rest).into_iter().filter(|head| domain.contains(head)));
        }
    }
    hits
}

/// The first segments of a path, or of each path in a group: `a` of `a::b`, `a` and `c` of `{a::b, c}`.
fn heads(path: &str) -> Vec<String> {
    let word = |text: &str| -> String {
        text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let Some(group) = path.trim_start().strip_prefix('{') else { return vec![word(path)] };
    let (mut depth, mut start, mut heads) = (0_usize, 0, Vec::new());
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                heads.push(word(group.get(start..at).unwrap_or_default()));
                start = at + 1;
                if letter == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    heads
}

#[cfg(test)]
mod tests {
    use super::{exports, imports, is_domain};
    use std::{collections::BTreeSet, path::Path};

    fn found(text: &str) -> Vec<String> {
        let domain: BTreeSet<String> = ["clinics", "patient", "Patient"].map(str::to_owned).into();
        imports(text, &domain).into_iter().collect()
    }

    #[test]
    fn imports_are_found_in_every_spelling() {
        for (text, name) in [
            ("use crate::clinics::Patient;", "clinics"),
            ("use crate::{Id, patient};", "patient"),
            ("use crate::{\n    gate::{Gate, open},\n    patient::{Name, Birth},\n};", "patient"),
            ("fn f() -> crate::Patient { todo() }", "Patient"),
            ("use super::patient;", "patient"),
        ] {
            assert_eq!(found(text), [name], "{text}");
        }
    }

    #[test]
    fn what_only_looks_alike_is_left_alone() {
        for text in [
            "use crate::{Id, patience};",
            "// use crate::patient::Name;",
            "/// See [`crate::patient`].",
            "use crate::{gate::{patient, open}};",
            "use other::patient;",
        ] {
            assert!(found(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn re_exports_are_read() {
        let names =
            exports("mod a;\npub use a::{Patient, // who\n    patient};\npub use b::Zone;\nuse c::Hidden;\n");
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["Patient", "Zone", "patient"]);
    }

    #[test]
    fn folders_and_files_of_the_domain_are_known() {
        assert!(is_domain(Path::new("clinics.rs")) && is_domain(Path::new("appointments/book.rs")));
        assert!(!is_domain(Path::new("gate.rs")) && !is_domain(Path::new("gate/clinics.rs")));
    }
}
