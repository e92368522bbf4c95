//! The throwaway servers that tests need, and `cargo xtask services up|down`.

pub(crate) mod guard;
mod postgres;

use crate::{
    failure::{Failure, Outcome},
    interrupt, workspace,
};
use clap::{Args, Subcommand};
pub(crate) use postgres::{Install, Server};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
};

/// The variable that tells tests where PostgreSQL is: the URL of a superuser, from which each test makes a database
/// of its own.
pub(crate) const POSTGRES_URL: &str = "HEALTHCARE_TEST_POSTGRES_URL";

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
/// When PostgreSQL is missing, does not start, or the state file cannot be written.
pub(crate) fn run(options: &Options) -> Outcome<()> {
    let state = workspace::target()?.join("xtask-services.json");
    match options.action {
        Action::Up { foreground: false } => up(&state),
        Action::Up { foreground: true } => foreground(),
        Action::Down => down(&state),
    }
}

fn up(state: &Path) -> Outcome<()> {
    let running = load(state).filter(Server::answers);
    let server = match running {
        Some(server) => server,
        None => {
            let install = Install::find_or_install()?;
            let server = Server::create(&install, directory()?)?;
            if let Err(failure) = server.start() {
                server.stop();
                return Err(failure);
            }
            save(state, &server)?;
            server
        }
    };
    announce(&server.url());
    Ok(())
}

fn foreground() -> Outcome<()> {
    let server = Guarded::start(&Install::find_or_install()?)?;
    announce(server.url());
    interrupt::wait();
    Ok(())
}

fn announce(url: &str) {
    println!("export {POSTGRES_URL}={url}");
}

fn down(state: &Path) -> Outcome<()> {
    match load(state) {
        Some(server) => {
            server.stop();
            eprintln!("stopped");
        }
        None => eprintln!(
            "nothing to stop: `cargo xtask services up` has not started anything from this checkout"
        ),
    }
    match fs::remove_file(state) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::new(format!("cannot remove {}: {error}", state.display())))
        }
        _ => Ok(()),
    }
}

fn load(state: &Path) -> Option<Server> {
    Server::from_json(&serde_json::from_slice(&fs::read(state).ok()?).ok()?)
}

fn save(state: &Path, server: &Server) -> Outcome<()> {
    let write = || -> std::io::Result<()> {
        if let Some(parent) = state.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(state, server.to_json().to_string())
    };
    write().map_err(|error| {
        server.stop();
        Failure::new(format!("cannot write {}: {error}", state.display()))
    })
}

fn directory() -> Outcome<PathBuf> {
    tempfile::Builder::new()
        .prefix("healthcare-pg-")
        .tempdir()
        .map(tempfile::TempDir::keep)
        .map_err(Failure::while_doing("cannot create a temporary directory"))
}

/// A server that lives as long as this value, and no longer than this process: a guard process stops it when its
/// standard input closes, which the kernel does however this process ends, a SIGKILL included.
#[derive(Debug)]
pub(crate) struct Guarded {
    url: String,
    version: String,
    guard: Child,
    leash: Option<ChildStdin>,
}

impl Guarded {
    /// Starts PostgreSQL in a new temporary directory on a free port.
    ///
    /// # Errors
    /// When it does not start; its log is in the message.
    pub(crate) fn start(install: &Install) -> Outcome<Self> {
        use std::os::unix::process::CommandExt as _;
        let server = Server::create(install, directory()?)?;
        let own = std::env::current_exe().map_err(Failure::while_doing("cannot find this program"))?;
        // The guard comes first: from here on nothing can be left behind.
        let mut guard = Command::new(own)
            .args(["guard", &server.to_json().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            // Ctrl-C reaches the terminal's foreground group: the guard must survive it to do its work.
            .process_group(0)
            .spawn()
            .map_err(Failure::while_doing("cannot start the guard"))?;
        let leash = guard.stdin.take();
        let guarded = Self { url: server.url(), version: install.version.clone(), guard, leash };
        server.start()?;
        Ok(guarded)
    }

    /// The superuser's URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What `postgres --version` says.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.leash.take());
        // So that nothing runs any more once the command has returned.
        let _ = self.guard.wait();
    }
}
