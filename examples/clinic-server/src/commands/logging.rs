//! Where the program's log begins.

use crate::config::{LogConfig, LogFormat};
use tracing_subscriber::EnvFilter;

/// Writes the log to standard error from now on. A second call changes nothing.
pub(super) fn begin(config: &LogConfig) {
    // The configuration has read it once already.
    let filter = EnvFilter::try_new(&config.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Something else in the process may write one: then that goes on.
    let _ = match config.format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
        }
    };
}
