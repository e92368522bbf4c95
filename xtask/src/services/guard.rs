//! The process that puts a server away when its parent is gone.

use super::Server;
use clap::Args;
use std::io::Read as _;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The server to stop, as JSON.
    server: String,
}

/// Waits until standard input closes, then stops the server and deletes its directory.
pub(crate) fn run(options: &Options) {
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    if let Some(server) = serde_json::from_str(&options.server).ok().as_ref().and_then(Server::from_json) {
        server.stop();
    }
}
