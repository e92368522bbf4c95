//! An SMTP server that keeps what it is given: aiosmtpd, from the Python registry, in an environment of its own.

use super::{
    kind::{self, Kind},
    python,
};
use crate::{
    failure::{Failure, Outcome},
    process,
};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The packages, exactly. Raising one makes a new environment.
const PACKAGES: [&str; 2] = ["aiosmtpd==1.4.6", "trustme==1.2.1"];
/// What the environment's Python must be able to do.
const PROBE: &str = "import aiosmtpd, trustme; print('aiosmtpd', aiosmtpd.__version__)";
const PROGRAM: &str = include_str!("smtp_sink.py");

pub(super) struct SmtpSink;

impl Kind for SmtpSink {
    fn name(&self) -> &'static str {
        "SMTP-sink"
    }

    /// `smtp://127.0.0.1:PORT/DIRECTORY`: there it writes where else it listens and what it was given.
    fn variable(&self) -> &'static str {
        "HEALTHCARE_TEST_SMTP_SINK"
    }

    fn create(&self, directory: &Path) -> Outcome<Box<dyn kind::Server>> {
        let python = python::environment("smtp", &PACKAGES)?;
        let version = process::capture(Command::new(&python).args(["-c", PROBE]))?.trim().to_owned();
        let program = directory.join("sink.py");
        fs::write(&program, PROGRAM).map_err(Failure::while_doing("cannot write the SMTP sink"))?;
        let port = kind::free_port()?;
        Ok(Box::new(Server { python, version, directory: directory.to_owned(), port }))
    }

    fn restore(&self, json: &Value) -> Option<Box<dyn kind::Server>> {
        Server::from_json(json).map(|server| -> Box<dyn kind::Server> { Box::new(server) })
    }
}

/// A throwaway server: its program's interpreter and its directory.
#[derive(Debug)]
struct Server {
    python: PathBuf,
    version: String,
    directory: PathBuf,
    port: u16,
}

/// Nothing here takes longer on a machine that works.
const PATIENCE: Duration = Duration::from_secs(30);

impl Server {
    fn from_json(value: &Value) -> Option<Self> {
        let text = |name: &str| Some(value.get(name)?.as_str()?.to_owned());
        Some(Self {
            python: text("python")?.into(),
            version: text("version")?,
            directory: text("directory")?.into(),
            port: u16::try_from(value.get("port")?.as_u64()?).ok()?,
        })
    }
}

impl kind::Server for Server {
    fn start(&self) -> Outcome<()> {
        use std::os::unix::process::CommandExt as _;
        let log = self.directory.join("log");
        let output = File::create(&log).map_err(Failure::while_doing("cannot write the SMTP sink's log"))?;
        let mut child = Command::new(&self.python)
            .arg(self.directory.join("sink.py"))
            .arg(&self.directory)
            .arg(self.port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            // Ctrl-C reaches the terminal's foreground group: the guard stops this server, and not the terminal.
            .process_group(0)
            .spawn()
            .map_err(Failure::while_doing("cannot start the SMTP sink"))?;
        let deadline = Instant::now() + PATIENCE;
        while !self.answers() {
            let ended = child.try_wait().ok().flatten();
            if ended.is_some() || Instant::now() > deadline {
                let log = fs::read_to_string(&log).unwrap_or_default();
                return Err(Failure::new(format!("the SMTP sink does not start\n{log}")));
            }
            thread::sleep(Duration::from_millis(5));
        }
        // It is stopped by a file; this only takes it off the list of processes when it has ended.
        thread::spawn(move || child.wait());
        Ok(())
    }

    fn answers(&self) -> bool {
        // The file is written when it listens everywhere.
        self.directory.join("ports.json").exists()
            && TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
    }

    fn stop(&self) {
        let deadline = Instant::now() + PATIENCE;
        if fs::write(self.directory.join("stop"), "").is_ok() {
            while self.answers() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(5));
            }
        }
        kind::delete(&self.directory);
    }

    fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}{}", self.port, self.directory.display())
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn to_json(&self) -> Value {
        json!({
            "python": self.python,
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
            Server { python: "/p".into(), version: "1".to_owned(), directory: "/d".into(), port: 2525 };
        let json = server.to_json();
        assert_eq!(Server::from_json(&json).map(|again| again.to_json()), Some(json));
    }
}
