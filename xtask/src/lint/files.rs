//! Rules about files: every module says what it is, every published crate carries what its users need.

use super::found;
use crate::{
    failure::{Failure, Outcome},
    workspace,
};
use cargo_metadata::Metadata;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// What every published crate's folder holds.
const CARRIED: &[&str] = &["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"];

/// # Errors
/// Names every file that breaks a rule.
pub(super) fn check(metadata: &Metadata) -> Outcome<()> {
    let mut problems = Vec::new();
    let root = workspace::root();
    for package in metadata.workspace_packages() {
        let folder = package.manifest_path.parent().map(|it| it.as_std_path().to_owned()).unwrap_or_default();
        let source = folder.join("src");
        for path in sources(&source)?.into_iter().filter(|path| is_entrance(path, &source)) {
            let text = fs::read_to_string(&path).map_err(Failure::while_doing(name(&path)))?;
            if !introduces_itself(&text) {
                problems.push(format!("{} does not begin with `//!`", name(&path)));
            }
        }
    }
    for package in workspace::published(metadata) {
        let folder = package.manifest_path.parent().map(|it| it.as_std_path().to_owned()).unwrap_or_default();
        for file in CARRIED.iter().filter(|file| !folder.join(file).is_file()) {
            problems.push(format!("{} is missing", name(&folder.join(file))));
        }
        for file in ["LICENSE-MIT", "LICENSE-APACHE"] {
            if fs::read(folder.join(file)).ok() != fs::read(root.join(file)).ok() {
                problems.push(format!("{} differs from the one at the root", name(&folder.join(file))));
            }
        }
        if package.description.is_none() || package.repository.is_none() || package.license.is_none() {
            problems.push(format!("{} lacks a description, a repository or a licence", package.name));
        }
    }
    found("files", &problems)
}

/// Whether somebody who looks for something comes to this file first: it stands directly in `src`, or is the table of
/// contents of its folder. What lies behind that is introduced there.
fn is_entrance(path: &Path, source: &Path) -> bool {
    path.parent() == Some(source) || path.ends_with("mod.rs")
}

/// A source file begins with its documentation; `lib.rs` may include its README.
fn introduces_itself(text: &str) -> bool {
    text.starts_with("//!") || text.starts_with("#![doc")
}

/// Every `.rs` file below a folder, in a stable order. A folder that is not there has none.
///
/// # Errors
/// When a folder cannot be read.
pub(super) fn sources(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    Ok(below(folder)?.into_iter().filter(rust).collect())
}

/// Every file below a folder, in a stable order.
///
/// # Errors
/// When a folder cannot be read.
pub(super) fn below(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let (mut files, mut open) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = open.pop() {
        if !folder.is_dir() {
            continue;
        }
        let entries = fs::read_dir(&folder).map_err(Failure::while_doing(folder.display().to_string()))?;
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                open.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// A path as seen from the root of the checkout.
pub(super) fn name(path: &Path) -> String {
    path.strip_prefix(workspace::root()).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::{introduces_itself, is_entrance, sources};
    use std::{fs, path::Path};

    #[test]
    fn entrances_are_told_from_what_lies_behind() {
        let entrance = |path: &str| is_entrance(Path::new(path), Path::new("a/src"));
        assert!(entrance("a/src/lib.rs") && entrance("a/src/gate.rs") && entrance("a/src/gate/mod.rs"));
        assert!(!entrance("a/src/gate/error.rs"));
    }

    #[test]
    fn a_file_without_introduction_is_found() {
        assert!(introduces_itself("//! Ids.\nuse a;") && introduces_itself("#![doc = include_str!(\"x\")]"));
        assert!(!introduces_itself("use a;\n//! late") && !introduces_itself("// no"));
    }

    #[test]
    fn sources_are_found_below() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        for name in ["z.rs", "a/b/c.rs", "a/d.txt"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let found = sources(folder.path()).unwrap();
        assert_eq!(found, [folder.path().join("a/b/c.rs"), folder.path().join("z.rs")]);
        assert!(sources(&folder.path().join("none")).unwrap().is_empty());
    }
}
