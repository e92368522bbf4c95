//! The environment, as a value: tests hand in their own.

use std::{collections::BTreeMap, fmt};

/// The variables that are read. Anything else that begins with `CLINIC_` is a mistake in writing.
pub(super) const KNOWN: [&str; 11] = [
    "CLINIC_DATABASE_URL",
    "CLINIC_DATA_DIR",
    "CLINIC_ENVIRONMENT",
    "CLINIC_KEY_FILE",
    "CLINIC_LISTEN",
    "CLINIC_LOG",
    "CLINIC_MASTER_KEY",
    "CLINIC_OWNER_URL",
    "CLINIC_RELAY_URL",
    "CLINIC_TLS_CERT",
    "CLINIC_TLS_KEY",
];
/// Read as a list; beside [`KNOWN`], which holds single values.
pub(super) const TRUSTED_PROXY: &str = "CLINIC_TRUSTED_PROXY";

/// Variables of the environment: those that begin with `CLINIC_`, and `DATABASE_URL`. An empty one counts as not set.
#[derive(Clone, Default)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// The process's own. One that is not Unicode is taken as not set.
    #[must_use]
    pub fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        std::env::vars_os().filter_map(text).collect()
    }

    /// The value, when it is set and not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Names that begin like ours and are not.
    pub(super) fn unknown(&self) -> impl Iterator<Item = &str> {
        let known = |name: &&str| KNOWN.contains(name) || *name == TRUSTED_PROXY;
        self.0
            .keys()
            .map(String::as_str)
            .filter(|name| name.starts_with("CLINIC_"))
            .filter(move |name| !known(name))
    }
}

impl FromIterator<(String, String)> for Variables {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        let ours = |name: &str| name.starts_with("CLINIC_") || name == "DATABASE_URL";
        Self(pairs.into_iter().filter(|(name, value)| ours(name) && !value.is_empty()).collect())
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
