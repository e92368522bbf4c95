//! The licences of everything that is built in.

use super::found;
use crate::failure::Outcome;
use cargo_metadata::Metadata;

/// Licences that a user of these crates can take without a question.
const ALLOWED: &[&str] = &[
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    "0BSD",
];

/// # Errors
/// Names every package whose licence is missing or not allowed.
pub(super) fn check(metadata: &Metadata) -> Outcome<()> {
    let mut problems = Vec::new();
    for package in &metadata.packages {
        match &package.license {
            None => problems.push(format!("{} {} names no licence", package.name, package.version)),
            Some(licence) if !allowed(licence) => {
                problems.push(format!("{} {} is under {licence}", package.name, package.version));
            }
            Some(_) => {}
        }
    }
    eprintln!("   {} packages", metadata.packages.len());
    found("licences that are not on the list", &problems)
}

/// Whether an SPDX expression leaves a choice that is allowed. Anything not understood is not.
fn allowed(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    either(&mut rest) == Some(true) && rest.is_empty()
}

fn either(words: &mut &[&str]) -> Option<bool> {
    let mut any = both(words)?;
    while let ["OR", rest @ ..] = words {
        *words = rest;
        any |= both(words)?;
    }
    Some(any)
}

fn both(words: &mut &[&str]) -> Option<bool> {
    let mut all = one(words)?;
    while let ["AND", rest @ ..] = words {
        *words = rest;
        all &= one(words)?;
    }
    Some(all)
}

fn one(words: &mut &[&str]) -> Option<bool> {
    let (allowed, rest) = match words {
        ["(", rest @ ..] => {
            *words = rest;
            let inner = either(words)?;
            let [")", rest @ ..] = words else { return None };
            (inner, rest)
        }
        [name, "WITH", exception, rest @ ..] => {
            let both = format!("{name} WITH {exception}");
            (ALLOWED.contains(&both.as_str()), rest)
        }
        [name, rest @ ..] => (ALLOWED.contains(name), rest),
        [] => return None,
    };
    *words = rest;
    Some(allowed)
}

#[cfg(test)]
mod tests {
    use super::allowed;

    #[test]
    fn expressions_are_understood() {
        for good in [
            "MIT",
            "MIT OR Apache-2.0",
            "MIT/Apache-2.0",
            "GPL-3.0 OR MIT",
            "Apache-2.0 AND ISC",
            "(MIT OR GPL-3.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
        ] {
            assert!(allowed(good), "{good}");
        }
        for bad in
            ["GPL-3.0", "MIT AND GPL-3.0", "(MIT", "MIT)", "", "MIT GPL-3.0", "Apache-2.0 WITH Other", "OR"]
        {
            assert!(!allowed(bad), "{bad}");
        }
    }
}
