//! What the commands need to know of a server, whatever it is.

use super::{postgres::Postgres, redis::Redis, smtp::SmtpSink};
use crate::failure::{Failure, Outcome};
use serde_json::{Value, json};
use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::{Command, Stdio},
};

/// Every kind there is, in the order in which they start. One more is a file of its own and a line here.
pub(crate) const ALL: &[&dyn Kind] = &[&Postgres, &Redis, &SmtpSink];

/// A kind of server that tests need.
pub(crate) trait Kind: Sync {
    fn name(&self) -> &'static str;

    /// The variable that tells tests where it is.
    fn variable(&self) -> &'static str;

    /// A server to be, in an existing empty directory, on a port that is free now; installed first where it is missing
    /// and that may be done.
    ///
    /// # Errors
    /// With the command that installs it, where this command must not.
    fn create(&self, directory: &Path) -> Outcome<Box<dyn Server>>;

    /// What [`Server::to_json`] wrote down.
    fn restore(&self, json: &Value) -> Option<Box<dyn Server>>;
}

/// A throwaway server.
pub(crate) trait Server {
    /// Starts it and waits until it takes connections.
    ///
    /// # Errors
    /// When it does not; the server's log is in the message.
    fn start(&self) -> Outcome<()>;

    /// Whether it runs.
    fn answers(&self) -> bool;

    /// Stops it and deletes its directory. Does nothing that fails when either is gone.
    fn stop(&self);

    /// Where it is, for tests.
    fn url(&self) -> String;

    fn version(&self) -> &str;

    fn to_json(&self) -> Value;
}

/// A server together with its kind, for another process.
pub(super) fn save(kind: &dyn Kind, server: &dyn Server) -> Value {
    json!({ "kind": kind.name(), "server": server.to_json() })
}

pub(super) fn restore(json: &Value) -> Option<(&'static dyn Kind, Box<dyn Server>)> {
    let name = json.get("kind")?.as_str()?;
    let kind = ALL.iter().find(|kind| kind.name() == name)?;
    Some((*kind, kind.restore(json.get("server")?)?))
}

pub(super) fn free_port() -> Outcome<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(Failure::while_doing("no free port"))
}

pub(super) fn delete(directory: &Path) {
    if let Err(error) = fs::remove_dir_all(directory)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        eprintln!("cannot delete {}: {error}", directory.display());
    }
}

/// Runs without output, and outside the interruptible group: stopping must work after an interrupt, too.
pub(super) fn quiet(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
