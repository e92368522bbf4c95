//! A Redis of the benchmark's own, and nodes on it.

use super::{Failure, check, subjects::ChartKey};
use healthcare_cache::{Cache, CacheNode, CachePolicy, JsonCodec, Loaded, RedisShared, TtlClass};
use healthcare_core::{KeyId, MasterKey, MemoryKeys, MemoryScopeKeys, Vault};
use redis::{Client, aio::MultiplexedConnection};
use serde::{Deserialize, Serialize};
use std::{
    io,
    net::{Ipv4Addr, TcpListener},
    process::{Child, Command, Stdio},
    rc::Rc,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use tokio::runtime::{Builder, Runtime};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Letter {
    lines: Vec<String>,
}

/// So many bytes of JSON, give or take a line.
pub(super) fn letter(bytes: usize) -> Letter {
    let line = |number: usize| {
        format!(
            "observation {number:05}: blood pressure 120/80 mmHg, pulse 64, seen by {:08x}",
            number.wrapping_mul(2_654_435_761)
        )
    };
    Letter { lines: (0..bytes.div_ceil(88)).map(line).collect() }
}

/// One worker carries the connections of both sides and keeps the nodes coherent while other rows are measured; callers are on the
/// main thread, so each call of either side crosses to the worker and back.
#[derive(Clone)]
pub(super) struct Site {
    // Ended with the last side that needs it.
    pub(super) server: Rc<Server>,
    pub(super) runtime: Rc<Runtime>,
}

impl Site {
    /// None where there is no server to be started.
    pub(super) fn new() -> Result<Option<Self>, Failure> {
        let server = match Server::start() {
            Ok(server) => Rc::new(server),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                eprintln!(
                    "cache: what goes through Redis is not measured: there is no redis-server on the PATH"
                );
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let runtime = Rc::new(Builder::new_multi_thread().worker_threads(1).enable_all().build()?);
        Ok(Some(Self { server, runtime }))
    }

    pub(super) fn connection(&self) -> Result<MultiplexedConnection, Failure> {
        let client = Client::open(self.server.url())?;
        Ok(self.run(client.get_multiplexed_async_connection())?)
    }

    pub(super) fn run<F: Future>(&self, work: F) -> F::Output {
        self.runtime.block_on(work)
    }

    /// A node of its own, which hears the others while the runtime runs.
    pub(super) fn node(&self, bound: Duration) -> Result<CacheNode, Failure> {
        let _inside = self.runtime.enter();
        let client = Client::open(self.server.url())?;
        let tier =
            RedisShared::builder().connection(self.connection()?).listener(client).prefix("bench").build()?;
        let vault = vault()?;
        let (node, coherence) = CacheNode::builder()
            .shared(tier)
            .secret(&[3; 32])
            .cipher(vault.cache_cipher())
            .bound(bound)
            .build()?;
        self.runtime.spawn(coherence.run());
        self.run(heard(&node));
        check("the node hears itself", node.is_hearing())?;
        Ok(node)
    }

    /// Puts a letter of this size under a key, and makes sure that the next read is a hit of the shared tier.
    pub(super) fn filled(
        &self,
        node: &CacheNode,
        key: &ChartKey,
        size: usize,
        tags: usize,
    ) -> Result<(), Failure> {
        let cache = cold(node)?;
        let loaded =
            (0..tags).fold(Loaded::new(letter(size)), |loaded, tag| loaded.tag(format!("ward:{tag}")));
        self.run(cache.get_or_load(key, move |_| async move { Ok::<_, io::Error>(loaded) }))?;
        let end = Instant::now() + Duration::from_secs(5);
        // The fill goes on after the load has landed.
        while Instant::now() < end {
            if self.run(read(&cold(node)?, key)) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(2));
        }
        check("the value is in the shared tier", false)
    }
}

/// Until the node hears itself.
pub(super) async fn heard(node: &CacheNode) {
    let end = Instant::now() + Duration::from_secs(10);
    while !node.is_hearing() && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A cache with nothing in memory yet. Each is read once, so that each read goes to the shared tier; making it is not timed.
pub(super) fn cold(node: &CacheNode) -> Result<Cache<ChartKey, Letter>, Failure> {
    let policy = CachePolicy::of(TtlClass::Patient).build()?;
    Ok(Cache::builder(policy).node(node).shared(JsonCodec).clinic_share(1.0).build()?)
}

/// Whether the value came without a load.
pub(super) async fn read(cache: &Cache<ChartKey, Letter>, key: &ChartKey) -> bool {
    cache
        .get_or_load(key, |_| async { Err::<Loaded<Letter>, _>(io::Error::other("not in the shared tier")) })
        .await
        .is_ok()
}

/// A Redis of this benchmark's own, ended with it.
pub(super) struct Server {
    port: u16,
    child: std::cell::RefCell<Child>,
    _dir: tempfile::TempDir,
}

impl Server {
    pub(super) fn start() -> io::Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let dir = tempfile::tempdir()?;
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .arg("--dir")
            .arg(dir.path())
            .stdout(Stdio::null())
            .spawn()?;
        let server = Self { port, child: child.into(), _dir: dir };
        let end = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if Instant::now() > end {
                return Err(io::Error::other("redis-server did not start"));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(server)
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    pub(super) fn kill(&self) {
        let mut child = self.child.borrow_mut();
        drop(child.kill());
        drop(child.wait());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The keys of all nodes.
pub(super) fn vault() -> Result<Arc<Vault>, Failure> {
    let master = MasterKey::new(KeyId::from_bytes([1; 8]), [2; 32]);
    Ok(Arc::new(Vault::new(&MemoryKeys::new([master]), Arc::new(MemoryScopeKeys::default()))?))
}
