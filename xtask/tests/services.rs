//! However the command that started a server ends, the server ends with it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use rustix::process::{Pid, Signal, kill_process};
use std::{
    io::{BufRead as _, BufReader},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// The command in the foreground, once its server takes connections, and the server's address.
fn started() -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["services", "up", "--foreground"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("xtask starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.split('@').nth(1).and_then(|rest| rest.split('/').next()).expect("a URL").to_owned();
    assert!(TcpStream::connect(&address).is_ok(), "the server takes connections at {address}");
    (child, address)
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), signal).unwrap();
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
fn an_interrupt_stops_the_server_before_the_command_returns() {
    for kind in [Signal::INT, Signal::TERM, Signal::HUP] {
        let (mut child, address) = started();
        signal(&child, kind);
        child.wait().unwrap();
        assert!(TcpStream::connect(&address).is_err(), "{address} still answers after {kind:?}");
    }
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
fn a_killed_command_leaves_no_server() {
    let (mut child, address) = started();
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(&address).is_ok() {
        assert!(Instant::now() < deadline, "{address} still answers");
        std::thread::yield_now();
    }
}
