//! However the command that started the servers ends, the servers end with it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use rustix::process::{Pid, Signal, kill_process};
use std::{
    io::{BufRead as _, BufReader},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// PostgreSQL, Redis and the SMTP sink.
const SERVERS: usize = 3;

/// What is no server and only named: the browser and the fuzzer.
const PROGRAMS: usize = 2;

/// The command in the foreground, once its servers take connections, and the servers' addresses.
fn started() -> (Child, Vec<String>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["services", "up", "--foreground"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("xtask starts");
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().take(SERVERS + PROGRAMS);
    let lines: Vec<String> = lines.map(Result::unwrap).collect();
    let addresses: Vec<String> = lines.iter().take(SERVERS).map(|line| address(line)).collect();
    assert_eq!(addresses.len(), SERVERS);
    for address in &addresses {
        assert!(TcpStream::connect(address).is_ok(), "the server takes connections at {address}");
    }
    (child, addresses)
}

/// The host and port in `export NAME=scheme://user@host:port/name`.
fn address(line: &str) -> String {
    let url = line.split("://").nth(1).expect("a URL");
    let authority = url.split('/').next().unwrap();
    authority.rsplit('@').next().unwrap().to_owned()
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), signal).unwrap();
}

#[test]
#[ignore = "needs PostgreSQL, Redis and an SMTP sink: cargo xtask test"]
fn an_interrupt_stops_the_servers_before_the_command_returns() {
    for kind in [Signal::INT, Signal::TERM, Signal::HUP] {
        let (mut child, addresses) = started();
        signal(&child, kind);
        child.wait().unwrap();
        for address in addresses {
            assert!(TcpStream::connect(&address).is_err(), "{address} still answers after {kind:?}");
        }
    }
}

#[test]
#[ignore = "needs PostgreSQL, Redis and an SMTP sink: cargo xtask test"]
fn a_killed_command_leaves_no_server() {
    let (mut child, addresses) = started();
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    for address in addresses {
        while TcpStream::connect(&address).is_ok() {
            assert!(Instant::now() < deadline, "{address} still answers");
            std::thread::yield_now();
        }
    }
}
