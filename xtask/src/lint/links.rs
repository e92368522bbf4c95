//! Links between the documents lead somewhere.

use super::{
    files::{below, name},
    found,
};
use crate::{failure::Outcome, workspace};
use std::{fs, path::Path};

/// # Errors
/// Names every link to a file that is not there, and every page that the book's summary forgets.
pub(super) fn check() -> Outcome<()> {
    let root = workspace::root();
    let mut problems = Vec::new();
    let documents = |path: &Path| path.extension().is_some_and(|extension| extension == "md");
    let pages: Vec<_> = below(&root.join("docs"))?.into_iter().filter(|path| documents(path)).collect();
    let fronts = fs::read_dir(&root).into_iter().flatten().flatten().map(|entry| entry.path());
    for path in fronts.filter(|path| documents(path)).chain(pages.iter().cloned()) {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let folder = path.parent().unwrap_or(&root);
        let dead = links(&text).into_iter().filter(|link| !folder.join(link).exists());
        problems.extend(dead.map(|link| format!("{} links to {link}, which is not there", name(&path))));
    }
    let docs = root.join("docs");
    let summary = fs::read_to_string(docs.join("SUMMARY.md")).unwrap_or_default();
    let listed: Vec<_> = links(&summary).into_iter().map(|link| docs.join(link)).collect();
    for page in pages.iter().filter(|page| !page.ends_with("SUMMARY.md") && !listed.contains(page)) {
        // Dated reports stand beside their overview, which says so.
        if page.parent() != Some(&docs.join("evidence")) {
            problems.push(format!("{} is not in docs/SUMMARY.md", name(page)));
        }
    }
    found("documents", &problems)
}

/// The targets of `[text](target)` that are files: no addresses, no places within a page.
fn links(text: &str) -> Vec<String> {
    let mut fenced = false;
    let prose = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    });
    let targets = prose.flat_map(|line| line.split("](").skip(1).filter_map(|rest| rest.split(')').next()));
    let files = targets.filter_map(|target| target.split('#').next()).filter(|file| !file.is_empty());
    files.filter(|file| !file.contains(':')).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::links;

    #[test]
    fn only_files_are_links() {
        let text = "[a](b.md) and [c](d/e.rs#L1), [web](https://x.y/z.md), [here](#top)\n```text\n[no](code.md)\n```\n[f](g)";
        assert_eq!(links(text), ["b.md", "d/e.rs", "g"]);
    }
}
