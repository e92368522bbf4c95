//! The process that puts a server away when its parent is gone.

use super::kind::{self, Kind, Server};
use crate::failure::{Failure, Outcome};
use clap::Args;
use std::{
    io::Read as _,
    process::{Child, ChildStdin, Command, Stdio},
};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The server to stop, as JSON.
    server: String,
}

/// Waits until standard input closes, then stops the server and deletes its directory.
pub(crate) fn run(options: &Options) {
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    if let Some((_, server)) = serde_json::from_str(&options.server).ok().as_ref().and_then(kind::restore) {
        server.stop();
    }
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
    /// Starts a server in a new temporary directory on a free port.
    ///
    /// # Errors
    /// When it does not start; its log is in the message.
    pub(crate) fn start(kind: &dyn Kind) -> Outcome<Self> {
        use std::os::unix::process::CommandExt as _;
        let server: Box<dyn Server> = super::create(kind)?;
        let own = std::env::current_exe().map_err(Failure::while_doing("cannot find this program"))?;
        // The guard comes first: from here on nothing can be left behind.
        let mut guard = Command::new(own)
            .args(["guard", &kind::save(kind, &*server).to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            // Ctrl-C reaches the terminal's foreground group: the guard must survive it to do its work.
            .process_group(0)
            .spawn()
            .map_err(Failure::while_doing("cannot start the guard"))?;
        let leash = guard.stdin.take();
        let version = server.version().to_owned();
        let guarded = Self { url: server.url(), version, guard, leash };
        server.start()?;
        Ok(guarded)
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What the server's program says of itself.
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
