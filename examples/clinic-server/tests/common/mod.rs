//! A real server on a free port, and a client that sends whatever bytes a test wants.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use clinic_server::{
    commands::{Running, start},
    config::{Config, DatabaseConfig, DatabaseUrl},
    seed::DEMO_PASSWORD,
};
use serde_json::{Value, json};
use std::{net::SocketAddr, path::Path};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A configuration with a directory of its own.
pub struct Site {
    pub config: Config,
    pub dir: TempDir,
}

impl Site {
    pub fn sqlite() -> Self {
        Self::with(|dir| DatabaseConfig::Sqlite(dir.join("clinic.db")))
    }

    /// A new database on the server that `cargo xtask test` started.
    pub async fn postgres() -> Self {
        use sqlx::{Connection, Executor};
        let url = std::env::var("HEALTHCARE_TEST_POSTGRES_URL").expect("HEALTHCARE_TEST_POSTGRES_URL is set");
        let name = format!("clinic_server_{}", uuid::Uuid::now_v7().simple());
        let mut admin = sqlx::PgConnection::connect(&url).await.unwrap();
        admin.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        let (server, _) = url.rsplit_once('/').unwrap();
        let owner = format!("{server}/{name}");
        let password = "clinic-server-tests";
        let login = |login: &str| healthcare_db::Login::new(login, password).unwrap();
        let logins = healthcare_db::Logins {
            application: login("clinic_test_app"),
            relay: login("clinic_test_relay"),
        };
        healthcare_db::migrate(&owner, &logins).await.unwrap();
        let as_login = |login: &str| DatabaseUrl::parse(&owner).unwrap().with_login(login, password).unwrap();
        let (application, relay) = (as_login("clinic_test_app"), as_login("clinic_test_relay"));
        Self::with(move |_| DatabaseConfig::Postgres { application, relay })
    }

    fn with(database: impl FnOnce(&Path) -> DatabaseConfig) -> Self {
        let dir = tempfile::Builder::new().tempdir().unwrap();
        let data_dir = dir.path().join("data");
        let config = Config {
            database: database(&data_dir),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            ..Config::demonstration(data_dir)
        };
        Self { config, dir }
    }

    pub async fn start(&self) -> Running {
        start(&self.config).await.unwrap_or_else(|error| panic!("{error}"))
    }
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {} {}", self.status, self.body))
    }
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
    /// The answer, which must have this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }
}

/// Sends one request as these bytes, and reads the answer to its end.
pub async fn send_bytes(address: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that has refused an oversized body may close before all of it was sent.
    let _ = stream.write_all(bytes).await;
    let mut raw = Vec::new();
    let _ = stream.read_to_end(&mut raw).await;
    parse(&raw)
}

fn parse(raw: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(raw).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let body = if chunked { unchunk(body) } else { body.to_owned() };
    Answer { status, headers, body }
}

fn unchunk(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            break;
        }
        whole.push_str(&rest[..size]);
        body = &rest[size + 2..];
    }
    whole
}

/// Somebody who calls a server.
#[derive(Clone)]
pub struct Client {
    pub address: SocketAddr,
    pub token: Option<String>,
    pub extra: Vec<(String, String)>,
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, token: None, extra: Vec::new() }
    }

    /// Signed in as the demonstration's user of this address.
    pub async fn signed_in(address: SocketAddr, email: &str) -> Self {
        let tokens = login(address, email).await;
        Self { token: Some(tokens["access_token"].as_str().unwrap().to_owned()), ..Self::new(address) }
    }

    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        client.extra.push((name.to_owned(), value.to_owned()));
        client
    }

    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    pub async fn send(&self, method: &str, path: &str, media: &str, body: &[u8]) -> Answer {
        let host = self.extra.iter().find(|(name, _)| name == "host").map(|(_, host)| host.clone());
        let host = host.unwrap_or_else(|| self.address.to_string());
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
        if let Some(token) = &self.token {
            head.push_str(&format!("authorization: Bearer {token}\r\n"));
        }
        for (name, value) in self.extra.iter().filter(|(name, _)| name != "host") {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() || method != "GET" {
            head.push_str(&format!("content-type: {media}\r\ncontent-length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        send_bytes(self.address, &[head.as_bytes(), body].concat()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "", b"").await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, "application/json", body.to_string().as_bytes()).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send("PATCH", path, "application/json", body.to_string().as_bytes()).await
    }

    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        self.send("POST", path, "application/x-www-form-urlencoded", body.finish().as_bytes()).await
    }
}

pub async fn login(address: SocketAddr, email: &str) -> Value {
    let body = json!({"email": email, "password": DEMO_PASSWORD});
    Client::new(address).post("/api/v1/auth/login", &body).await.expect(200).json()
}

pub const HARBOUR: &str = "0196d000-0000-7000-8000-0000000000a1";
pub const HILL: &str = "0196d000-0000-7000-8000-0000000000b2";

/// Runs each scenario on SQLite, and on PostgreSQL where there is one.
#[macro_export]
macro_rules! on_both_databases {
    ($($scenario:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                super::$scenario(super::common::Site::sqlite()).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[ignore = "needs PostgreSQL: cargo xtask test"]
            async fn $scenario() {
                super::$scenario(super::common::Site::postgres().await).await;
            })*
        }
    };
}
