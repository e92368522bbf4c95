//! The policy as text.

use super::PolicyError;
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

pub(super) type Word = Spanned<String>;

/// The whole file. What it does not know it refuses.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) version: Spanned<u32>,
    /// Codes of purposes of use, each with its meaning.
    pub(super) purposes: BTreeMap<Word, String>,
    #[serde(default)]
    pub(super) conditions: BTreeMap<Word, Condition>,
    pub(super) roles: BTreeMap<Word, RoleText>,
}

/// What a row or its reader must satisfy.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Condition {
    /// What it means, in words.
    pub(super) about: String,
    /// The reader's profile is of this kind …
    #[serde(default)]
    pub(super) profile: Option<Word>,
    /// … or the reader is a user at all.
    #[serde(default)]
    pub(super) user: bool,
    /// This id column of the row holds the profile's (or the user's) id …
    #[serde(default)]
    pub(super) column: Option<Word>,
    /// … or the profile is related to the row's subject.
    #[serde(default)]
    pub(super) related: bool,
}

/// A role.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleText {
    /// Who has it, in words.
    pub(super) about: Spanned<String>,
    /// Only inherited from; nobody has it.
    #[serde(default, rename = "abstract")]
    pub(super) is_abstract: bool,
    /// For jobs of the system; no person may have it, and no job another.
    #[serde(default)]
    pub(super) system: bool,
    /// `false`: the file does not load when the role would see a single protected field, by whatever way.
    #[serde(default = "yes")]
    pub(super) phi: bool,
    #[serde(default)]
    pub(super) inherits: Vec<Word>,
    /// Why it may act. The first is the default.
    #[serde(default)]
    pub(super) purposes: Vec<Word>,
    #[serde(default)]
    pub(super) allow: Vec<Spanned<Allow>>,
    #[serde(default)]
    pub(super) deny: Vec<Spanned<Deny>>,
    /// What it may read of one person for whom it has broken the glass.
    #[serde(default)]
    pub(super) emergency: Vec<Spanned<Allow>>,
}

const fn yes() -> bool {
    true
}

/// Kinds × actions that are allowed, on rows that satisfy `when`, without the fields in `hide`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Allow {
    pub(super) on: Vec<Word>,
    #[serde(rename = "do")]
    pub(super) actions: Vec<Word>,
    #[serde(default)]
    pub(super) when: Option<Word>,
    #[serde(default)]
    pub(super) hide: Vec<Word>,
}

/// Kinds × actions that are denied whatever else allows them; with `fields`, only those fields are.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Deny {
    pub(super) on: Vec<Word>,
    #[serde(rename = "do")]
    pub(super) actions: Vec<Word>,
    #[serde(default)]
    pub(super) when: Option<Word>,
    #[serde(default)]
    pub(super) fields: Vec<Word>,
    /// Why, for the log.
    pub(super) why: String,
}

pub(super) fn read(text: &str) -> Result<File, PolicyError> {
    if text.len() > 1024 * 1024 {
        return Err(PolicyError::TooLarge);
    }
    toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        PolicyError::at(text, at, error.message())
    })
}
