use super::{DotEnvProblem, Setting, dot_env};
use std::{borrow::Cow, collections::BTreeMap, fmt};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingSource {
    /// A flag on the command line.
    Flag,
    /// A variable of the process.
    Variable(&'static str),
    /// A variable in a file.
    File {
        /// The variable.
        variable: &'static str,
        /// The file's name.
        file: Cow<'static, str>,
    },
    /// It was not set.
    Default,
}

impl fmt::Display for SettingSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Variable(variable) => f.write_str(variable),
            Self::File { variable, file } => write!(f, "{variable} in {file}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// One place in which settings stand. `Debug` shows the names alone.
#[derive(Clone)]
pub struct SettingLayer {
    place: Place,
    values: BTreeMap<String, String>,
}

#[derive(Debug, Clone)]
enum Place {
    Flags,
    Process,
    File(Cow<'static, str>),
}

impl SettingLayer {
    /// Flags by their names, `--listen`. An empty one was given, and is wrong by whatever it is parsed as.
    #[must_use]
    pub fn flags(values: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { place: Place::Flags, values }
    }

    /// Variables of the process. An empty one counts as not set.
    #[must_use]
    pub fn process(values: impl IntoIterator<Item = (String, String)>) -> Self {
        Self {
            place: Place::Process,
            values: values.into_iter().filter(|(_, value)| !value.is_empty()).collect(),
        }
    }

    /// The text of a dot-env file: `NAME=value` lines, `export` before them, comments, single quotes for a value as it stands and double
    /// quotes with `\n`, `\t`, `\"`, `\\` and `\$`. Nothing is replaced. An empty value counts as not set.
    ///
    /// # Errors
    /// Every line that cannot be read; a file of more than 64 KiB.
    pub fn dot_env(file: impl Into<Cow<'static, str>>, text: &str) -> Result<Self, Vec<DotEnvProblem>> {
        let mut values = dot_env::parse(text)?;
        values.retain(|_, value| !value.is_empty());
        Ok(Self { place: Place::File(file.into()), values })
    }

    /// The names that are set here, and the file when this is one. Flags are not among them.
    pub(super) fn variables(&self) -> impl Iterator<Item = (&str, Option<&Cow<'static, str>>)> {
        let file = match &self.place {
            Place::Flags => return None.into_iter().flatten(),
            Place::Process => None,
            Place::File(file) => Some(file),
        };
        Some(self.values.keys().map(move |name| (name.as_str(), file))).into_iter().flatten()
    }

    pub(super) fn find(&self, setting: &Setting) -> Option<(&str, SettingSource)> {
        let set = |name: &str| self.values.get(name).map(String::as_str);
        let variable = || setting.variables().iter().find_map(|variable| Some((set(variable)?, *variable)));
        match &self.place {
            Place::Flags => Some((set(setting.name())?, SettingSource::Flag)),
            Place::Process => {
                let (value, variable) = variable()?;
                Some((value, SettingSource::Variable(variable)))
            }
            Place::File(file) => {
                let (value, variable) = variable()?;
                Some((value, SettingSource::File { variable, file: file.clone() }))
            }
        }
    }
}

impl fmt::Debug for SettingLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SettingLayer")
            .field("place", &self.place)
            .field("names", &self.values.keys().collect::<Vec<_>>())
            .finish()
    }
}
