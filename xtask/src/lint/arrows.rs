//! The arrows between the crates: which may depend on which, and under which feature.

use super::{cargo, found};
use crate::{failure::Outcome, process};
use cargo_metadata::{DependencyKind, Metadata, Package};
use std::collections::BTreeSet;

/// Everything that is allowed. A new arrow is a decision: it belongs into `ARCHITECTURE.md` and here.
const ALLOWED: &[Allowed] = &[
    Allowed { krate: "healthcare-core", always: &[], by_feature: &[] },
    Allowed { krate: "healthcare-resilience", always: &[], by_feature: &[] },
    Allowed {
        krate: "healthcare-db",
        always: &["healthcare-core", "healthcare-resilience"],
        by_feature: &[],
    },
    Allowed {
        krate: "healthcare-audit",
        always: &["healthcare-core"],
        by_feature: &[
            ("postgres", "healthcare-db"),
            ("sqlite", "healthcare-db"),
            ("breakers", "healthcare-resilience"),
        ],
    },
    Allowed {
        krate: "healthcare-rbac",
        always: &["healthcare-core"],
        by_feature: &[
            ("postgres", "healthcare-db"),
            ("sqlite", "healthcare-db"),
            ("throttle", "healthcare-resilience"),
        ],
    },
    Allowed {
        krate: "healthcare-cache",
        always: &["healthcare-core", "healthcare-resilience"],
        by_feature: &[],
    },
    Allowed {
        krate: "healthcare-messaging",
        always: &["healthcare-core", "healthcare-resilience"],
        by_feature: &[("postgres", "healthcare-db"), ("sqlite", "healthcare-db")],
    },
];

/// What must not be in a crate's tree, because someone takes that crate to be without it.
const WITHOUT: &[Without] = &[
    // The kernel does no network and no database I/O, whatever is switched on.
    Without {
        krate: "healthcare-core",
        all_features: true,
        names: &["sqlx", "redis", "reqwest", "hyper-util"],
    },
    Without { krate: "healthcare-core", all_features: false, names: &["ring", "axum", "mockall"] },
    Without { krate: "healthcare-resilience", all_features: true, names: &["sqlx"] },
    // Redis, and ring with its C compiler, only for those who share a limit over Redis.
    Without { krate: "healthcare-resilience", all_features: false, names: &["redis", "ring"] },
    Without { krate: "healthcare-cache", all_features: true, names: &["sqlx"] },
    // By default the audit log writes files and nothing else.
    Without { krate: "healthcare-audit", all_features: false, names: &["sqlx", "redis"] },
    Without { krate: "healthcare-rbac", all_features: false, names: &["sqlx", "redis"] },
    Without { krate: "healthcare-messaging", all_features: false, names: &["sqlx", "redis", "lettre"] },
];

struct Allowed {
    krate: &'static str,
    always: &'static [&'static str],
    by_feature: &'static [(&'static str, &'static str)],
}

struct Without {
    krate: &'static str,
    all_features: bool,
    names: &'static [&'static str],
}

/// # Errors
/// Names every arrow and every tree that is not allowed.
pub(super) fn check(metadata: &Metadata) -> Outcome<()> {
    let mut problems = Vec::new();
    let packages = metadata.workspace_packages();
    let names: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    for package in &packages {
        if package.name.starts_with("healthcare-") {
            match ALLOWED.iter().find(|allowed| allowed.krate == package.name.as_str()) {
                Some(allowed) => problems.extend(arrows(package, allowed, &names)),
                None => {
                    problems.push(format!("{} is in no list of arrows: add it to this one", package.name))
                }
            }
        }
    }
    for without in WITHOUT {
        problems.extend(tree(without)?);
    }
    found("arrows that are not allowed", &problems)
}

/// What is wrong with one crate's arrows.
fn arrows(package: &Package, allowed: &Allowed, workspace: &BTreeSet<&str>) -> Vec<String> {
    let mut problems = Vec::new();
    for dependency in package.dependencies.iter().filter(|it| workspace.contains(it.name.as_str())) {
        let (from, to) = (package.name.as_str(), dependency.name.as_str());
        if dependency.kind == DependencyKind::Development {
            // Cargo allows a circle of dev-dependencies, but then neither crate can be published first.
            if to != from && reaches(to, from) {
                problems.push(format!("{from} tests with {to}, which depends on {from}"));
            }
        } else if !dependency.optional && !allowed.always.contains(&to) {
            problems.push(format!("{from} -> {to} without a feature"));
        } else if dependency.optional && !allowed.always.contains(&to) {
            let by_default = closure(package, "default");
            for feature in enabling(package, to) {
                if by_default.contains(feature) {
                    problems.push(format!("{from} -> {to} by the default feature {feature}"));
                } else if !allowed.by_feature.contains(&(feature, to)) {
                    problems.push(format!("{from} -> {to} by the feature {feature}"));
                }
            }
        }
    }
    problems
}

/// Whether the allowed arrows lead from one crate to another.
fn reaches(from: &str, to: &str) -> bool {
    ALLOWED.iter().filter(|allowed| allowed.krate == from).any(|allowed| {
        let next = allowed.always.iter().chain(allowed.by_feature.iter().map(|(_, next)| next));
        next.into_iter().any(|next| *next == to || reaches(next, to))
    })
}

/// The features that name this optional dependency themselves. A weak `dep?/feature` enables nothing.
fn enabling<'a>(package: &'a Package, dependency: &str) -> Vec<&'a str> {
    let names = |value: &String| {
        value.strip_prefix("dep:") == Some(dependency)
            || value.split_once('/').is_some_and(|(before, _)| before == dependency)
    };
    let features = package.features.iter().filter(|(_, values)| values.iter().any(names));
    // `dep:` in the feature of its own name is how cargo writes down an optional dependency.
    features.map(|(feature, _)| feature.as_str()).collect()
}

/// A feature and all it switches on.
fn closure<'a>(package: &'a Package, feature: &'a str) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut open = vec![feature];
    while let Some(next) = open.pop() {
        if seen.insert(next) {
            open.extend(package.features.get(next).into_iter().flatten().map(String::as_str));
        }
    }
    seen
}

fn tree(without: &Without) -> Outcome<Vec<String>> {
    let mut command = cargo(&["tree", "--package", without.krate, "--edges", "normal", "--prefix", "none"]);
    command.args(["--format", "{p}"]);
    if without.all_features {
        command.arg("--all-features");
    }
    let text = process::capture(&mut command)?;
    let set = if without.all_features { "with all features" } else { "by default" };
    let has = |name: &&str| named(&text, name);
    let hits = without.names.iter().copied().filter(has);
    Ok(hits.map(|name| format!("{} pulls in {name} {set}", without.krate)).collect())
}

/// Whether a `cargo tree` holds a crate, or one of a crate's parts (`sqlx-core` for `sqlx`).
fn named(tree: &str, name: &str) -> bool {
    tree.lines()
        .filter_map(|line| line.split(' ').next())
        .any(|found| found.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')))
}

#[cfg(test)]
mod tests {
    use super::{ALLOWED, Allowed, arrows, named, reaches};
    use cargo_metadata::Package;
    use serde_json::{Value, json};
    use std::collections::BTreeSet;

    fn package(dependencies: &[(&str, Option<&str>, bool)], features: &Value) -> Package {
        let dependency = |(name, kind, optional): &(&str, Option<&str>, bool)| {
            json!({ "name": name, "source": null, "req": "*", "kind": kind, "rename": null, "optional": optional,
                    "uses_default_features": true, "features": [], "target": null, "registry": null })
        };
        let dependencies: Vec<Value> = dependencies.iter().map(dependency).collect();
        serde_json::from_value(json!({
            "name": "healthcare-audit", "version": "0.1.0", "id": "x", "license": null, "license_file": null,
            "description": null, "source": null, "dependencies": dependencies, "targets": [], "features": features,
            "manifest_path": "/x/Cargo.toml", "metadata": null, "publish": null, "authors": [], "categories": [],
            "keywords": [], "readme": null, "repository": null, "homepage": null, "documentation": null,
            "edition": "2024", "links": null, "default_run": null, "rust_version": null
        }))
        .unwrap()
    }

    fn problems(dependencies: &[(&str, Option<&str>, bool)], features: &Value) -> Vec<String> {
        let allowed: &Allowed = ALLOWED.iter().find(|allowed| allowed.krate == "healthcare-audit").unwrap();
        let names: BTreeSet<&str> = ALLOWED.iter().map(|allowed| allowed.krate).collect();
        arrows(&package(dependencies, features), allowed, &names)
    }

    #[test]
    fn what_is_allowed_passes() {
        let features = json!({ "default": [], "postgres": ["dep:healthcare-db", "healthcare-db/postgres"] });
        let dependencies =
            [("healthcare-core", None, false), ("healthcare-db", None, true), ("sqlx", None, true)];
        assert_eq!(problems(&dependencies, &features), Vec::<String>::new());
    }

    #[test]
    fn an_arrow_without_a_feature_is_found() {
        assert_eq!(problems(&[("healthcare-db", None, false)], &json!({})).len(), 1);
        assert_eq!(problems(&[("healthcare-rbac", Some("build"), false)], &json!({})).len(), 1);
    }

    #[test]
    fn an_arrow_in_the_default_features_is_found_through_others() {
        let features =
            json!({ "default": ["files"], "files": ["postgres"], "postgres": ["dep:healthcare-db"] });
        let found = problems(&[("healthcare-db", None, true)], &features);
        assert_eq!(found, ["healthcare-audit -> healthcare-db by the default feature postgres"]);
    }

    #[test]
    fn an_arrow_under_another_feature_is_found() {
        let features = json!({ "reports": ["healthcare-db/sqlite"], "quiet": ["healthcare-db?/sqlite"] });
        let found = problems(&[("healthcare-db", None, true)], &features);
        assert_eq!(found, ["healthcare-audit -> healthcare-db by the feature reports"]);
    }

    #[test]
    fn an_implicit_feature_is_found() {
        let features = json!({ "healthcare-db": ["dep:healthcare-db"] });
        assert_eq!(problems(&[("healthcare-db", None, true)], &features).len(), 1);
    }

    #[test]
    fn tests_may_use_what_does_not_depend_back() {
        assert!(problems(&[("healthcare-rbac", Some("dev"), false)], &json!({})).is_empty());
        assert!(
            reaches("healthcare-audit", "healthcare-core") && !reaches("healthcare-core", "healthcare-audit")
        );
        assert!(reaches("healthcare-messaging", "healthcare-db"));
    }

    #[test]
    fn a_tree_is_searched_by_whole_names() {
        let tree = "healthcare-cache v0.1.0\nsqlx-core v0.9.0\nredistribute v1.0.0\n";
        assert!(named(tree, "sqlx") && !named(tree, "redis"));
    }
}
