//! Servers, their database and their Redis, for one configuration.

use clinic_server::seed::DEMO_PASSWORD;
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _};
use std::{
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Mutex,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// A Redis of our own, to be killed.
#[derive(Debug)]
pub(crate) struct Redis {
    port: u16,
    child: Mutex<Child>,
}

impl Redis {
    pub(crate) fn start() -> Self {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let redis = Self { port, child: Mutex::new(Self::spawn(port)) };
        redis.wait();
        redis
    }

    fn spawn(port: u16) -> Child {
        Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string()])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed")
    }

    fn wait(&self) {
        let end = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            assert!(Instant::now() < end, "Redis does not start");
            std::thread::yield_now();
        }
    }

    /// With SIGKILL: it says goodbye to nobody.
    pub(crate) fn kill(&self) {
        let mut child = self.child.lock().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    pub(crate) fn restart(&self) {
        *self.child.lock().unwrap() = Self::spawn(self.port);
        self.wait();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Running servers on one database.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) addresses: Vec<SocketAddr>,
    _servers: Servers,
    _dir: TempDir,
}

impl Site {
    pub(crate) async fn start(program: &Path, redis: Option<&Redis>, servers: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("all");
        let mut arguments = Vec::new();
        for rate in ["--rate-address", "--rate-user", "--rate-clinic"] {
            arguments.extend([rate.to_owned(), "1000000/s".to_owned()]);
        }
        if let Some(redis) = redis {
            arguments.extend(["--redis-url".to_owned(), format!("redis://127.0.0.1:{}/", redis.port)]);
            arguments.extend(database(program, &data).await);
        }
        let (mut addresses, mut running) = (Vec::new(), Servers(Vec::new()));
        for command in ["all", "serve"].into_iter().take(servers) {
            let own = dir.path().join(command);
            if command != "all" {
                // Each has an audit log of its own; the key is one.
                std::fs::create_dir(&own).unwrap();
                std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o700)).unwrap();
                std::fs::copy(data.join("demo-master.key"), own.join("demo-master.key")).unwrap();
            }
            let mut server = Command::new(program)
                .arg(command)
                .arg("--data-dir")
                .arg(&own)
                .args(&arguments)
                .args(["--listen", "127.0.0.1:0", "--log", "error"])
                .stdout(Stdio::piped())
                .spawn()
                .expect("the server starts");
            let told = server.stdout.take().unwrap();
            running.0.push(server);
            let mut lines = BufReader::new(told).lines().map_while(Result::ok);
            let serving = lines.find_map(|line| line.strip_prefix("Serving on http://")?.parse().ok());
            addresses.push(serving.expect("it says where it serves"));
            // What it says further must go somewhere.
            std::thread::spawn(move || lines.for_each(drop));
        }
        Self { addresses, _servers: running, _dir: dir }
    }
}

/// They end with this value, also when something else goes wrong.
#[derive(Debug)]
struct Servers(Vec<Child>);

impl Drop for Servers {
    fn drop(&mut self) {
        for server in &mut self.0 {
            let _ = server.kill().and_then(|()| server.wait());
        }
    }
}

/// A new PostgreSQL database, and the flags that name its two logins.
async fn database(program: &Path, data: &Path) -> Vec<String> {
    let url = std::env::var("HEALTHCARE_TEST_POSTGRES_URL")
        .expect("HEALTHCARE_TEST_POSTGRES_URL is set: eval \"$(cargo xtask services up)\"");
    let name = format!("clinic_load_{}", uuid::Uuid::now_v7().simple());
    let mut admin = sqlx::PgConnection::connect(&url).await.unwrap();
    admin.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
    let owner = format!("{}/{name}", url.rsplit_once('/').unwrap().0);
    let mut migrate = Command::new(program);
    let output =
        migrate.arg("migrate").arg("--data-dir").arg(data).args(["--owner-url", &owner]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let setting = |name: &str| {
        let rest = told.split_once(name).unwrap_or_else(|| panic!("{told}")).1;
        rest.split_whitespace().next().unwrap().to_owned()
    };
    let (application, relay) = (setting("CLINIC_DATABASE_URL="), setting("CLINIC_RELAY_URL="));
    vec!["--database-url".to_owned(), application, "--relay-url".to_owned(), relay]
}

/// Who signs in.
pub(crate) fn credentials(user: &str) -> Value {
    json!({"email": format!("{user}@harbour.example"), "password": DEMO_PASSWORD})
}
