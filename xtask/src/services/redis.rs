//! Redis: found or installed, started in a directory of its own, stopped.

use super::{
    install::{self, is_debian},
    kind::{self, Kind},
};
use crate::{
    failure::{Failure, Outcome},
    process,
};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

pub(super) struct Redis;

impl Kind for Redis {
    fn name(&self) -> &'static str {
        "Redis"
    }

    fn variable(&self) -> &'static str {
        "HEALTHCARE_TEST_REDIS_URL"
    }

    fn create(&self, directory: &Path) -> Outcome<Box<dyn kind::Server>> {
        // The package starts a server of its own; it is not used here and does no harm.
        let program = install::find_or_install("redis-server", "redis-server", find)?
            .ok_or_else(|| Failure::new(missing()))?;
        let version = process::capture(Command::new(&program).arg("--version"))?.trim().to_owned();
        let port = kind::free_port()?;
        Ok(Box::new(Server { program, version, directory: directory.to_owned(), port }))
    }

    fn restore(&self, json: &Value) -> Option<Box<dyn kind::Server>> {
        Server::from_json(json).map(|server| -> Box<dyn kind::Server> { Box::new(server) })
    }
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("redis-server")).find(|program| program.exists())
}

fn missing() -> String {
    let install = if is_debian() {
        "apt-get update && apt-get install -y redis-server"
    } else if cfg!(target_os = "macos") {
        "brew install redis"
    } else {
        "dnf install -y redis    (Fedora), or your system's package"
    };
    format!(
        "redis-server is needed and was not found on PATH. Install it:\n    {install}\n\
         or point at a running one, whose data may be deleted:\n    export {}=redis://127.0.0.1:6379/",
        Redis.variable()
    )
}

/// A throwaway server: its program, directory and port.
#[derive(Debug)]
struct Server {
    program: PathBuf,
    version: String,
    directory: PathBuf,
    port: u16,
}

/// Nothing here takes longer on a machine that works.
const PATIENCE: Duration = Duration::from_secs(30);

impl Server {
    fn from_json(value: &Value) -> Option<Self> {
        let text = |name: &str| Some(value.get(name)?.as_str()?.to_owned());
        let port = u16::try_from(value.get("port")?.as_u64()?).ok()?;
        Some(Self {
            program: text("program")?.into(),
            version: text("version")?,
            directory: text("directory")?.into(),
            port,
        })
    }

    /// Sends one command and says whether the answer begins as it should.
    fn ask(&self, command: &str, answer: &str) -> bool {
        let talk = || -> std::io::Result<Vec<u8>> {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
            stream.set_read_timeout(Some(Duration::from_secs(1)))?;
            stream.write_all(format!("{command}\r\n").as_bytes())?;
            let mut buffer = vec![0; answer.len()];
            stream.read_exact(&mut buffer)?;
            Ok(buffer)
        };
        talk().is_ok_and(|got| got == answer.as_bytes())
    }

    fn log(&self) -> PathBuf {
        self.directory.join("log")
    }
}

impl kind::Server for Server {
    fn start(&self) -> Outcome<()> {
        use std::os::unix::process::CommandExt as _;
        let log = File::create(self.log()).map_err(Failure::while_doing("cannot write the log of Redis"))?;
        let mut child = Command::new(&self.program)
            .args([
                "--port",
                &self.port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
            ])
            .arg("--dir")
            .arg(&self.directory)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::null())
            // Ctrl-C reaches the terminal's foreground group: the guard stops this server, and not the terminal.
            .process_group(0)
            .spawn()
            .map_err(Failure::while_doing("cannot start redis-server"))?;
        let deadline = Instant::now() + PATIENCE;
        while !self.ask("PING", "+PONG") {
            let ended = child.try_wait().ok().flatten();
            if ended.is_some() || Instant::now() > deadline {
                let log = fs::read_to_string(self.log()).unwrap_or_default();
                return Err(Failure::new(format!("Redis does not start\n{log}")));
            }
            thread::sleep(Duration::from_millis(5));
        }
        // It is stopped by command; this only takes it off the list of processes when it has ended.
        thread::spawn(move || child.wait());
        Ok(())
    }

    fn answers(&self) -> bool {
        self.ask("PING", "+PONG")
    }

    fn stop(&self) {
        let deadline = Instant::now() + PATIENCE;
        // It ends without an answer, which is the answer.
        self.ask("SHUTDOWN NOSAVE", "+OK");
        while self.answers() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
        kind::delete(&self.directory);
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn to_json(&self) -> Value {
        json!({
            "program": self.program,
            "version": self.version,
            "directory": self.directory,
            "port": self.port,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Server;
    use crate::services::kind::Server as _;

    #[test]
    fn a_server_survives_its_state_file() {
        let server =
            Server { program: "/r".into(), version: "7".to_owned(), directory: "/d".into(), port: 6380 };
        let json = server.to_json();
        assert_eq!(Server::from_json(&json).map(|again| again.to_json()), Some(json));
    }
}
