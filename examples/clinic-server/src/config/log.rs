//! How the log is written.

use std::{fmt, str::FromStr};

/// The log's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// A line of JSON for machines.
    Json,
}

/// The text names no form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write text or json")]
pub struct UnknownFormat;

impl FromStr for LogFormat {
    type Err = UnknownFormat;
    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(UnknownFormat),
        }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// Directives of `tracing_subscriber`'s `EnvFilter`: `info,clinic_server=debug`.
    pub filter: String,
    /// The form.
    pub format: LogFormat,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: LogFormat::Text }
    }
}

/// Directives that can be read.
pub(super) struct Filter(pub(super) String);

/// The text is no list of directives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write a level or directives, such as info or warn,clinic_server=debug")]
pub(super) struct InvalidFilter;

impl FromStr for Filter {
    type Err = InvalidFilter;
    fn from_str(text: &str) -> Result<Self, InvalidFilter> {
        tracing_subscriber::EnvFilter::try_new(text).map(|_| Self(text.to_owned())).map_err(|_| InvalidFilter)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
