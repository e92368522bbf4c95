//! The limit that instances share over Redis: M11. Starts a server of its own.

use super::{Failure, check, cost};
use crate::compare::{Better, Comparison, Count, Measure, Side};
use healthcare_resilience::{Quota, RedisRateLimit, RedisRateLimitBuilder};
use redis::{
    Cmd, Pipeline, RedisFuture, Script, Value,
    aio::{ConnectionLike, MultiplexedConnection},
};
use std::{
    future::Future,
    io,
    net::{Ipv4Addr, TcpListener},
    process::{Child, Command, Stdio},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::runtime::{Builder, Runtime};

const CODE: &str = include_str!("../../../../healthcare-resilience/src/rate/redis/gcra.lua");
const KEY: &str = "clinic";
const DECISIONS: usize = 64;
const LEASE: u32 = 10;
const ENDLESS: u32 = 1_000_000;

const BARE: &str = "the same script, one key, one connection on the same runtime, one decision at a time; ours also signs the key, \
                    keeps a time-out and looks for a deadline";
const LEASED: &str = "the same limit, one key, one caller; a lease of 10 permits against none";
const TRIPS: &str = "commands that ours sent for 1,000 decisions, once the server knows the script";

pub(super) fn measures() -> Result<Vec<Measure>, Failure> {
    let server = match Server::start() {
        Ok(server) => Rc::new(server),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            eprintln!("resilience: M11 is not measured: there is no redis-server on the PATH");
            return Ok(Vec::new());
        }
        Err(error) => return Err(error.into()),
    };
    let runtime = Rc::new(Builder::new_current_thread().enable_all().build()?);
    let site = Site { server, runtime };
    let exact = site.ours(1)?;
    let bare = site.bare()?;
    let slow = || -> Result<Side, Failure> { Ok(site.throughput(site.limit(1)?)) };
    let leased = Comparison {
        name: "M11 decisions with a lease of 10",
        peer_name: "ours, no lease",
        unit: "decisions/ms",
        better: Better::Higher,
        target: 0.8 * f64::from(LEASE),
        held_equal: LEASED,
        ours: site.throughput(site.limit(LEASE)?),
        peer: slow()?,
    };
    Ok(vec![
        cost("M11 one decision", 1.1, (exact, BARE), (bare, "bare EVALSHA")),
        leased.into(),
        site.trips()?,
    ])
}

struct Site {
    server: Rc<Server>,
    runtime: Rc<Runtime>,
}

impl Site {
    fn connection(&self) -> Result<MultiplexedConnection, Failure> {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}/", self.server.port))?;
        Ok(self.runtime.block_on(client.get_multiplexed_async_connection())?)
    }

    fn builder() -> RedisRateLimitBuilder {
        RedisRateLimit::builder("bench")
            .quota(Quota::per_second(ENDLESS))
            .secret("a secret of the benchmark")
            .time_out(Duration::from_secs(5))
    }

    fn limit(&self, lease: u32) -> Result<RedisRateLimit, Failure> {
        let limit = Self::builder().connection(self.connection()?).lease(lease).build()?;
        self.runtime.block_on(limit.acquire(KEY))?;
        Ok(limit)
    }

    /// Nanoseconds of each decision.
    fn ours(&self, lease: u32) -> Result<Side, Failure> {
        let (site, limit) = (self.held(), self.limit(lease)?);
        Ok(Box::new(move || {
            site.block_on(async {
                let mut samples = Vec::with_capacity(DECISIONS);
                for _ in 0..DECISIONS {
                    let start = Instant::now();
                    let decided = limit.acquire(KEY).await;
                    let nanos = start.elapsed().as_nanos() as f64;
                    samples.extend(decided.is_ok().then_some(nanos));
                }
                samples
            })
        }))
    }

    /// The same script, asked by its hash and nothing else.
    fn bare(&self) -> Result<Side, Failure> {
        let (site, mut connection) = (self.held(), self.connection()?);
        let script = Script::new(CODE);
        let load: String =
            self.runtime.block_on(redis::cmd("SCRIPT").arg("LOAD").arg(CODE).query_async(&mut connection))?;
        check("the script is the same", load == script.get_hash())?;
        // Microseconds: an interval of one, room for a million; one permit needed, one wanted.
        let mut command = redis::cmd("EVALSHA");
        command.arg(script.get_hash()).arg(1).arg("rl:{0123456789abcdef0123456789abcdef}:bare");
        command.arg(1).arg(ENDLESS).arg(1).arg(1).arg(60_000);
        let (granted, _): (u32, u64) = self.runtime.block_on(command.query_async(&mut connection))?;
        check("the bare script grants", granted == 1)?;
        Ok(Box::new(move || {
            site.block_on(async {
                let mut samples = Vec::with_capacity(DECISIONS);
                for _ in 0..DECISIONS {
                    let start = Instant::now();
                    let answer: Result<(u32, u64), _> = command.query_async(&mut connection).await;
                    let nanos = start.elapsed().as_nanos() as f64;
                    samples.extend(answer.is_ok().then_some(nanos));
                }
                samples
            })
        }))
    }

    /// Decisions a millisecond, one sample of some hundred decisions.
    fn throughput(&self, limit: RedisRateLimit) -> Side {
        const EACH: u32 = 200;
        let site = self.held();
        Box::new(move || {
            site.block_on(async {
                let start = Instant::now();
                let mut made = 0;
                for _ in 0..EACH {
                    made += u32::from(limit.acquire(KEY).await.is_ok());
                }
                vec![f64::from(made) / start.elapsed().as_secs_f64() / 1000.0]
            })
        })
    }

    fn trips(&self) -> Result<Measure, Failure> {
        let sent = Arc::new(AtomicUsize::new(0));
        let connection = Counting { inner: self.connection()?, sent: Arc::clone(&sent) };
        let limit = Self::builder().connection(connection).build()?;
        let decide = |times: usize| {
            self.runtime.block_on(async {
                let mut made = 0;
                for _ in 0..times {
                    made += usize::from(limit.acquire(KEY).await.is_ok());
                }
                made
            })
        };
        check("the server decides", decide(1) == 1)?;
        sent.store(0, Ordering::Relaxed);
        check("the server decides", decide(1_000) == 1_000)?;
        Ok(Measure::Counted(Count {
            name: "M11 round trips for each decision",
            unit: "commands",
            ours: sent.load(Ordering::Relaxed) as f64 / 1000.0,
            peer: None,
            most: 1.0,
            held_equal: TRIPS,
        }))
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// The server must live as long as the last side.
    fn held(&self) -> Self {
        Self { server: Rc::clone(&self.server), runtime: Rc::clone(&self.runtime) }
    }
}

/// A connection that counts what is sent over it.
#[derive(Clone)]
struct Counting {
    inner: MultiplexedConnection,
    sent: Arc<AtomicUsize>,
}

impl ConnectionLike for Counting {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.inner.req_packed_command(cmd)
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.inner.req_packed_commands(pipeline, offset, count)
    }

    fn get_db(&self) -> i64 {
        self.inner.get_db()
    }
}

/// A server without a memory, on a port that was free.
struct Server {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start() -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .arg("--dir")
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()?;
        let server = Self { child, port, _folder: folder };
        let deadline = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if Instant::now() > deadline {
                return Err(io::Error::other("redis-server does not answer"));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
