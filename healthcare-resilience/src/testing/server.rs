use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(30);
const PORTS_TRIED: u32 = 10;

/// A Redis of a test's own, to be filled, stopped, killed and started again. Needs `redis-server` on `PATH`, and `kill`.
///
/// It listens on a free port of the loopback interface, writes to a new folder and nowhere else, and ends with its value.
///
/// ```
/// use healthcare_resilience::testing::RedisServer;
///
/// # fn f() {
/// let mut server = RedisServer::with(&["--maxmemory", "10mb"]);
/// let client = server.url(); // for the client under test
/// server.stall();            // silent, with its connections open
/// server.go_on();
/// server.kill();
/// server.restart();          // empty, unless the arguments let it keep what it had
/// # }
/// ```
#[derive(Debug)]
pub struct RedisServer {
    child: Child,
    port: u16,
    arguments: Vec<String>,
    folder: PathBuf,
}

impl RedisServer {
    /// Starts one that keeps nothing.
    ///
    /// # Panics
    /// When there is no `redis-server`, or none that answers within half a minute.
    #[must_use]
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts one with further arguments, such as `--appendonly yes`. Without any it keeps nothing on disk.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    pub fn with(arguments: &[&str]) -> Self {
        let folder = std::env::temp_dir().join(format!("healthcare-redis-{:016x}", fastrand::u64(..)));
        fs::create_dir(&folder).expect("a folder in the place for temporary files");
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        // Between looking for a free port and taking it, another may take it.
        for _ in 0..PORTS_TRIED {
            let port = free_port();
            let child = spawn(port, &folder, &arguments);
            let mut server = Self { child, port, arguments: arguments.clone(), folder: folder.clone() };
            if server.answers() {
                return server;
            }
            // Its folder is for the next.
            server.folder = PathBuf::new();
        }
        panic!("redis-server ends at once; its log is {}", folder.join("log").display());
    }

    /// Where it is reached: `redis://127.0.0.1:port/`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Ends it at once: its connections break.
    ///
    /// # Panics
    /// When it cannot be ended.
    pub fn kill(&mut self) {
        self.child.kill().expect("a server to end");
        self.child.wait().expect("the server's end");
    }

    /// Starts it again where it was, with what it wrote to its folder.
    ///
    /// # Panics
    /// When it does not answer within half a minute.
    pub fn restart(&mut self) {
        self.child = spawn(self.port, &self.folder, &self.arguments);
        assert!(self.answers(), "redis-server does not come back; its log is in {}", self.folder.display());
    }

    /// Makes it fall silent with its connections open, until [`go_on`](Self::go_on).
    ///
    /// # Panics
    /// When it was killed, or there is no `kill`.
    pub fn stall(&self) {
        self.signal("-STOP");
    }

    /// Lets it answer again, first what it was asked meanwhile.
    ///
    /// # Panics
    /// As [`stall`](Self::stall).
    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()), "kill {signal}");
    }

    /// Whether it came up. It answers with an error while it loads.
    fn answers(&mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if self.child.try_wait().expect("a child's state").is_some() {
                return false;
            }
            if self.ping().is_ok_and(|answer| &answer == b"+PONG") {
                return true;
            }
            assert!(Instant::now() < deadline, "redis-server does not start: see {}", self.folder.display());
            thread::yield_now();
        }
    }

    fn ping(&self) -> io::Result<[u8; 5]> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        Ok(answer)
    }
}

/// A free one whose cluster's bus, ten thousand further up, has room, too.
fn free_port() -> u16 {
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("its number").port();
        if port.checked_add(10_000).is_some_and(|bus| TcpListener::bind((Ipv4Addr::LOCALHOST, bus)).is_ok()) {
            return port;
        }
    }
}

fn spawn(port: u16, folder: &Path, arguments: &[String]) -> Child {
    let log = File::create(folder.join("log")).expect("a log");
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .arg("--dir")
        .arg(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(log)
        .spawn()
        .expect("redis-server on PATH")
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // SIGKILL ends a stopped process, too.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !self.folder.as_os_str().is_empty() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}
