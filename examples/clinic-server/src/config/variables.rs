//! The environment, as a value: tests hand in their own.

use super::{Environment, ServerArgs, settings};
use healthcare_core::{SettingLayer, SettingSource, Settings};
use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt, fs, io,
    io::Read as _,
    path::{Path, PathBuf},
};

/// The most of a dot-env file that is read; the parser refuses one that is so large.
const FILE_BYTES_MAX: u64 = (64 << 10) + 1;

/// Variables of the environment that are settings, and the directory whose dot-env files stand behind them.
#[derive(Clone, Default)]
pub struct Variables {
    process: BTreeMap<String, String>,
    files: Option<PathBuf>,
}

impl Variables {
    /// The process's own. One that is not Unicode is taken as not set.
    #[must_use]
    pub fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        std::env::vars_os().filter_map(text).collect()
    }

    /// With the dot-env files of this directory behind them. In production none is read.
    #[must_use]
    pub fn with_files(mut self, dir: impl Into<PathBuf>) -> Self {
        self.files = Some(dir.into());
        self
    }

    /// Flags, then these, then `.env.local`, `.env.{environment}` and `.env`.
    ///
    /// Which environment it is, flags and variables say alone: a file cannot choose which files are read.
    pub(super) fn settings(&self, args: &ServerArgs) -> (Settings, Environment) {
        let mut read =
            Settings::new([SettingLayer::flags(args.flags()), SettingLayer::process(self.process.clone())]);
        let environment = read.parse_or(&settings::ENVIRONMENT, Environment::Demo);
        if let (Some(dir), Environment::Demo) = (&self.files, environment) {
            let names =
                [Cow::Borrowed(".env.local"), format!(".env.{environment}").into(), Cow::Borrowed(".env")];
            for name in names {
                add_file(&mut read, dir, name);
            }
        }
        read.refuse_unknown("CLINIC_", &settings::ALL);
        (read, environment)
    }
}

fn add_file(read: &mut Settings, dir: &Path, name: Cow<'static, str>) {
    let text = match text(&dir.join(&*name)) {
        Ok(Some(text)) => text,
        Ok(None) => return,
        Err(_) => return read.report(name, "the file is there and cannot be read as text"),
    };
    match SettingLayer::dot_env(name.clone(), &text) {
        Ok(layer) => {
            let alone = Settings::new([layer.clone()]);
            for setting in [&settings::ENVIRONMENT, &settings::MASTER_KEY] {
                if let Some((_, SettingSource::File { variable, file })) = alone.find(setting) {
                    let problem = "is not taken from a file: set it in the process's environment";
                    read.report(file, format_args!("{variable} {problem}"));
                }
            }
            read.add(layer);
        }
        Err(problems) => problems.iter().for_each(|problem| read.report(name.clone(), problem)),
    }
}

/// The file's text; nothing when there is none.
fn text(path: &Path) -> io::Result<Option<String>> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(Some(text))
}

impl FromIterator<(String, String)> for Variables {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        let plain = ["DATABASE_URL", "REDIS_URL"];
        let ours = |name: &str| name.starts_with("CLINIC_") || plain.contains(&name);
        let process = pairs.into_iter().filter(|(name, value)| ours(name) && !value.is_empty()).collect();
        Self { process, files: None }
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Variables")
            .field("names", &self.process.keys().collect::<Vec<_>>())
            .field("files", &self.files)
            .finish()
    }
}
