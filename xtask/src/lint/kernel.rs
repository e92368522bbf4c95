//! The kernel of `healthcare-core` never imports its domain: that is what lets another trade stand on it.

use super::{files::sources, found};
use crate::{failure::Outcome, workspace};
use std::path::Path;

/// The domain's modules. Every other module of the crate is kernel.
const DOMAIN: &[&str] =
    &["appointment", "billing", "clinic", "clinical", "patient", "practitioner"];

/// The table of contents: it names every module, and re-exports.
const CONTENTS: &str = "lib.rs";

/// # Errors
/// Names every import of a domain module from the kernel.
pub(super) fn check() -> Outcome<()> {
    let source = workspace::root().join("healthcare-core").join("src");
    let mut problems = Vec::new();
    for path in sources(&source)? {
        let name = path.strip_prefix(&source).unwrap_or(&path);
        if !is_domain(name) && name != Path::new(CONTENTS) {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            problems.extend(imports(&text).into_iter().map(|it| format!("{} imports {it}", name.display())));
        }
    }
    found("kernel modules that import the domain", &problems)
}

fn is_domain(path: &Path) -> bool {
    let first = path.components().next().map(|part| part.as_os_str().to_string_lossy().into_owned());
    first.is_some_and(|first| DOMAIN.contains(&first.trim_end_matches(".rs")))
}

/// The domain modules a source text names by a path from the crate's root, in a `use` or in an expression.
fn imports(text: &str) -> Vec<String> {
    let code: String = text.lines().map(|line| line.split("//").next().unwrap_or_default()).fold(
        String::new(),
        |mut all, line| {
            all.push_str(line);
            all.push(' ');
            all
        },
    );
    let mut hits = Vec::new();
    for root in ["crate::", "super::"] {
        for (at, _) in code.match_indices(root) {
            let rest = code.get(at + root.len()..).unwrap_or_default();
            hits.extend(heads(rest).into_iter().filter(|head| DOMAIN.contains(&head.as_str())));
        }
    }
    hits.sort();
    hits.dedup();
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
    use super::{imports, is_domain};
    use std::path::Path;

    #[test]
    fn imports_are_found_in_every_spelling() {
        for text in [
            "use crate::patient::Name;",
            "use crate::{Id, patient};",
            "use crate::{\n    gate::{Gate, open},\n    patient::{Name, Birth},\n};",
            "fn f() -> crate::patient::Name { todo() }",
            "use super::patient;",
        ] {
            assert_eq!(imports(text), ["patient"], "{text}");
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
            assert!(imports(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn folders_and_files_of_the_domain_are_known() {
        assert!(is_domain(Path::new("patient.rs")) && is_domain(Path::new("appointment/book.rs")));
        assert!(!is_domain(Path::new("gate.rs")) && !is_domain(Path::new("gate/patient.rs")));
    }
}
