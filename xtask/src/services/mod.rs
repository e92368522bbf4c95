//! The throwaway servers that tests need, and `cargo xtask services up|down`.

mod chromium;
pub(crate) mod guard;
mod install;
mod kind;
mod postgres;
mod python;
mod redis;
mod schemathesis;
mod smtp;

use crate::{
    failure::{Failure, Outcome},
    interrupt, workspace,
};
use clap::{Args, Subcommand};
use guard::Guarded;
use kind::{ALL, Kind, Server};
use serde_json::Value;
use std::{fs, path::Path};

/// Start or stop the servers that tests need, in the background.
///
/// `up` prints the lines to paste into a shell, so that single tests can be run by hand:
///
///   eval "$(cargo xtask services up)"
///   cargo test -p healthcare-db -- --include-ignored
///   cargo xtask services down
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Start them and print the environment to export. Starting twice prints the same environment.
    Up {
        /// Stay in the foreground and stop them at Ctrl-C.
        #[arg(long)]
        foreground: bool,
    },
    /// Stop them and delete their data.
    Down,
}

/// Runs `services`.
///
/// # Errors
/// When a server is missing, does not start, or the state file cannot be written.
pub(crate) fn run(options: &Options) -> Outcome<()> {
    let state = workspace::target()?.join("xtask-services.json");
    match options.action {
        Action::Up { foreground: false } => up(&state),
        Action::Up { foreground: true } => foreground(),
        Action::Down => down(&state),
    }
}

/// One of them, for the tests of this run.
#[derive(Debug)]
pub(crate) struct Service {
    /// The variable that tells tests where it is.
    pub(crate) variable: &'static str,
    pub(crate) url: String,
    pub(crate) version: String,
    /// Stops it in the end; nothing does for one that was there before.
    _guarded: Option<Guarded>,
}

/// All of them: those that the environment points at, and throwaway ones for the rest.
///
/// # Errors
/// When one is missing or does not start.
pub(crate) fn start() -> Outcome<Vec<Service>> {
    let one = |kind: &&dyn Kind| {
        let variable = kind.variable();
        if let Ok(url) = std::env::var(variable) {
            return Ok(Service {
                variable,
                url,
                version: format!("the server of {variable}"),
                _guarded: None,
            });
        }
        let guarded = Guarded::start(*kind)?;
        let (url, version) = (guarded.url().to_owned(), guarded.version().to_owned());
        Ok(Service { variable, url, version, _guarded: Some(guarded) })
    };
    ALL.iter().map(one).chain([chromium::service(), schemathesis::service()]).collect()
}

fn up(state: &Path) -> Outcome<()> {
    let mut running = load(state);
    for &kind in ALL {
        let known = running.iter().position(|(known, _)| known.name() == kind.name());
        if known.and_then(|at| running.get(at)).is_some_and(|(_, server)| server.answers()) {
            continue;
        }
        if let Some(at) = known {
            running.remove(at);
        }
        let server = create(kind)?;
        if let Err(failure) = server.start() {
            server.stop();
            return Err(failure);
        }
        running.push((kind, server));
        // After each, so that the next one's failure leaves none that `down` does not know.
        save(state, &running)?;
    }
    for kind in ALL {
        if let Some((_, server)) = running.iter().find(|(known, _)| known.name() == kind.name()) {
            announce(kind.variable(), &server.url());
        }
    }
    announce(chromium::VARIABLE, &chromium::service()?.url);
    announce(schemathesis::VARIABLE, &schemathesis::service()?.url);
    Ok(())
}

fn foreground() -> Outcome<()> {
    let guarded = ALL.iter().map(|kind| Ok((kind.variable(), Guarded::start(*kind)?)));
    let guarded = guarded.collect::<Outcome<Vec<_>>>()?;
    for (variable, server) in &guarded {
        announce(variable, server.url());
    }
    announce(chromium::VARIABLE, &chromium::service()?.url);
    announce(schemathesis::VARIABLE, &schemathesis::service()?.url);
    interrupt::wait();
    Ok(())
}

fn announce(variable: &str, url: &str) {
    println!("export {variable}={url}");
}

fn down(state: &Path) -> Outcome<()> {
    let running = load(state);
    for (kind, server) in &running {
        server.stop();
        eprintln!("{} stopped", kind.name());
    }
    if running.is_empty() {
        eprintln!("nothing to stop: `cargo xtask services up` has not started anything from this checkout");
    }
    match fs::remove_file(state) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::new(format!("cannot remove {}: {error}", state.display())))
        }
        _ => Ok(()),
    }
}

type Running = Vec<(&'static dyn Kind, Box<dyn Server>)>;

fn load(state: &Path) -> Running {
    let read = || serde_json::from_slice::<Vec<Value>>(&fs::read(state).ok()?).ok();
    read().unwrap_or_default().iter().filter_map(kind::restore).collect()
}

fn save(state: &Path, running: &Running) -> Outcome<()> {
    let json: Value = running.iter().map(|(kind, server)| kind::save(*kind, &**server)).collect();
    let write = || -> std::io::Result<()> {
        if let Some(parent) = state.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(state, json.to_string())
    };
    write().map_err(|error| {
        running.iter().for_each(|(_, server)| server.stop());
        Failure::new(format!("cannot write {}: {error}", state.display()))
    })
}

/// A server to be, in a directory of its own.
fn create(kind: &dyn Kind) -> Outcome<Box<dyn Server>> {
    let directory = tempfile::Builder::new()
        .prefix(&format!("healthcare-{}-", kind.name().to_lowercase()))
        .tempdir()
        .map_err(Failure::while_doing("cannot create a temporary directory"))?;
    let server = kind.create(directory.path())?;
    // From here on the server deletes it.
    let _ = directory.keep();
    Ok(server)
}
