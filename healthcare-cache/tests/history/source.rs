//! What the caches are in front of: a version for each key, in the test's own process, asked over a socket.

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

type Versions = Arc<Mutex<HashMap<u32, u64>>>;

/// Serves until the test ends. `get k` answers the version, somewhat later than it was read, so that loads carry old values
/// for a while; `put k` makes the next version and answers it.
pub(crate) fn serve() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let versions = Versions::default();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let versions = Arc::clone(&versions);
            thread::spawn(move || answer(&stream, &versions));
        }
    });
    address
}

fn answer(stream: &TcpStream, versions: &Versions) {
    let mut to = stream;
    stream.set_nodelay(true).unwrap();
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        let Some((verb, key)) = line.split_once(' ') else { return };
        let key: u32 = key.parse().unwrap();
        let version = {
            let mut versions = versions.lock().unwrap();
            let version = versions.entry(key).or_insert(1);
            *version += u64::from(verb == "put");
            *version
        };
        if verb == "get" {
            // The fault under test: the value grows old on its way to the cache.
            thread::sleep(Duration::from_micros(fastrand::u64(..15_000)));
        }
        if writeln!(to, "{version}").is_err() {
            return;
        }
    }
}

/// One node's way to the source.
pub(crate) struct Source(SocketAddr);

impl Source {
    pub(crate) const fn at(address: SocketAddr) -> Self {
        Self(address)
    }

    pub(crate) async fn ask(&self, verb: &str, key: u32) -> std::io::Result<u64> {
        use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
        let mut stream = BufReader::new(tokio::net::TcpStream::connect(self.0).await?);
        stream.write_all(format!("{verb} {key}\n").as_bytes()).await?;
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        line.trim().parse().map_err(std::io::Error::other)
    }
}
