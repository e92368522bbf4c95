//! PostgreSQL: found or installed, started in a directory of its own, stopped.

use super::{
    install::{self, is_debian},
    kind::{self, Kind, quiet},
};
use crate::{
    failure::{Failure, Outcome},
    process,
};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The oldest major version that is tested.
const OLDEST: u32 = 15;

pub(super) struct Postgres;

impl Kind for Postgres {
    fn name(&self) -> &'static str {
        "PostgreSQL"
    }

    /// The URL of a superuser, from which each test makes a database of its own.
    fn variable(&self) -> &'static str {
        "HEALTHCARE_TEST_POSTGRES_URL"
    }

    fn create(&self, directory: &Path) -> Outcome<Box<dyn kind::Server>> {
        Ok(Box::new(Server::create(&Install::find_or_install()?, directory.to_owned())?))
    }

    fn restore(&self, json: &Value) -> Option<Box<dyn kind::Server>> {
        Server::from_json(json).map(|server| -> Box<dyn kind::Server> { Box::new(server) })
    }
}

/// Where a PostgreSQL's programs are.
#[derive(Debug, Clone)]
struct Install {
    bin: PathBuf,
    version: String,
}

impl Install {
    /// An installed PostgreSQL that is new enough; on Debian and Ubuntu root gets it installed.
    ///
    /// # Errors
    /// With the command that installs it, where this command must not.
    fn find_or_install() -> Outcome<Self> {
        // The package starts a cluster of its own; it is not used here and does no harm.
        install::find_or_install(&format!("PostgreSQL {OLDEST} or newer"), "postgresql", Self::find)?
            .ok_or_else(|| Failure::new(missing(is_debian())))
    }

    fn find() -> Option<Self> {
        let mut folders: Vec<PathBuf> =
            std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
        for parent in ["/usr/lib/postgresql", "/usr/pgsql", "/opt/homebrew/opt", "/usr/local/opt"] {
            let entries = fs::read_dir(parent).into_iter().flatten().flatten();
            folders.extend(entries.map(|entry| entry.path().join("bin")));
        }
        folders
            .into_iter()
            .filter_map(|bin| Self::at(&bin))
            .max_by_key(|(major, _)| *major)
            .map(|(_, found)| found)
    }

    fn at(bin: &Path) -> Option<(u32, Self)> {
        if ["postgres", "initdb", "pg_ctl"].iter().any(|program| !bin.join(program).exists()) {
            return None;
        }
        let version = process::capture(Command::new(bin.join("postgres")).arg("--version")).ok()?;
        let major = major(&version)?;
        (major >= OLDEST).then(|| (major, Self { bin: bin.to_owned(), version: version.trim().to_owned() }))
    }
}

fn missing(debian: bool) -> String {
    let install = if debian {
        "apt-get update && apt-get install -y postgresql\n\
         where that gives an older one (Ubuntu 22.04):\n    \
         apt-get install -y postgresql-common && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y && \
         apt-get install -y postgresql-16"
    } else if cfg!(target_os = "macos") {
        "brew install postgresql@16"
    } else {
        "dnf install -y postgresql-server    (Fedora), or your system's package"
    };
    format!(
        "PostgreSQL {OLDEST} or newer is needed and was not found on PATH. Install it:\n    {install}\n\
         or point at a running one, as a superuser:\n    export {}=postgres://postgres@127.0.0.1:5432/postgres",
        Postgres.variable()
    )
}

/// The major version in `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)` or `postgres (PostgreSQL) 18beta1`.
fn major(text: &str) -> Option<u32> {
    let digits: String =
        text.split_once("(PostgreSQL) ")?.1.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// A throwaway server: its programs, directory, port and the user it runs as.
#[derive(Debug)]
struct Server {
    bin: PathBuf,
    version: String,
    directory: PathBuf,
    port: u16,
    /// PostgreSQL refuses to run as root: as root it runs as this user and group.
    user: Option<(u32, u32)>,
}

impl Server {
    /// A server to be, in an existing empty directory, on a port that is free now.
    ///
    /// # Errors
    /// When no port is free or, as root, no unprivileged user can be had.
    fn create(install: &Install, directory: PathBuf) -> Outcome<Self> {
        let user = if rustix::process::geteuid().is_root() { Some(unprivileged()?) } else { None };
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(&directory, Some(uid), Some(gid))
                .map_err(Failure::while_doing(format_args!("cannot hand over {}", directory.display())))?;
        }
        let port = kind::free_port()?;
        Ok(Self { bin: install.bin.clone(), version: install.version.clone(), directory, port, user })
    }

    fn from_json(value: &Value) -> Option<Self> {
        let path = |name: &str| value.get(name)?.as_str().map(PathBuf::from);
        let number = |at: &Value| u32::try_from(at.as_u64()?).ok();
        let user = value.get("user").and_then(|user| Some((number(user.get(0)?)?, number(user.get(1)?)?)));
        let port = u16::try_from(value.get("port")?.as_u64()?).ok()?;
        let version = value.get("version")?.as_str()?.to_owned();
        Some(Self { bin: path("bin")?, version, directory: path("directory")?, port, user })
    }

    fn program(&self, name: &str) -> Command {
        use std::os::unix::process::CommandExt as _;
        let mut command = Command::new(self.bin.join(name));
        command.current_dir("/");
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }
}

impl kind::Server for Server {
    /// Creates the cluster and waits until it takes connections.
    fn start(&self) -> Outcome<()> {
        let data = self.directory.join("data");
        process::capture(self.program("initdb").arg("--pgdata").arg(&data).args([
            "--no-sync",
            "--auth=trust",
            "--username=postgres",
            "--encoding=UTF8",
            "--locale=C",
        ]))?;
        // Durability is the production server's business; here the directory is deleted afterwards.
        let settings = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories='{}' -c max_connections=300 \
             -c fsync=off -c full_page_writes=off -c timezone=UTC",
            self.port,
            self.directory.display()
        );
        let log = self.directory.join("log");
        let mut start = self.program("pg_ctl");
        start.arg("--pgdata").arg(&data).arg("--log").arg(&log).args(["--wait", "--timeout=60", "--options"]);
        // The server inherits these: a pipe of ours would stay open as long as it runs.
        start.arg(settings).arg("start").stdout(Stdio::null()).stderr(Stdio::null());
        process::run(&mut start).map_err(|failure| match failure {
            Failure::Message(text) => {
                Failure::new(format!("{text}\n{}", fs::read_to_string(&log).unwrap_or_default()))
            }
            other => other,
        })
    }

    fn answers(&self) -> bool {
        let mut status = self.program("pg_ctl");
        status.arg("--pgdata").arg(self.directory.join("data")).arg("status");
        quiet(&mut status)
    }

    fn stop(&self) {
        let mut stop = self.program("pg_ctl");
        stop.arg("--pgdata").arg(self.directory.join("data")).args([
            "--mode=immediate",
            "--timeout=30",
            "stop",
        ]);
        quiet(&mut stop);
        kind::delete(&self.directory);
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    fn to_json(&self) -> Value {
        json!({ "bin": self.bin, "version": self.version, "directory": self.directory, "port": self.port, "user": self.user })
    }
}

/// The user `postgres`, or one made for this.
fn unprivileged() -> Outcome<(u32, u32)> {
    const OWN: &str = "healthcare-test";
    let find = || {
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        user(&passwd, "postgres").or_else(|| user(&passwd, OWN))
    };
    if let Some(found) = find() {
        return Ok(found);
    }
    process::run(Command::new("useradd").args(["--system", "--user-group", "--no-create-home", OWN]))?;
    find().ok_or_else(|| Failure::new("PostgreSQL does not run as root: create a user named postgres"))
}

fn user(passwd: &str, name: &str) -> Option<(u32, u32)> {
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{Server, major, user};
    use crate::services::kind::Server as _;
    use std::path::PathBuf;

    #[test]
    fn the_major_version_is_read() {
        assert_eq!(major("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major("postgres"), None);
    }

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let passwd =
            "postgresql:x:1:1::/:/bin/sh\npostgres:x:104:111:PostgreSQL:/var/lib/postgresql:/bin/bash\n";
        assert_eq!(user(passwd, "postgres"), Some((104, 111)));
        assert_eq!(user(passwd, "nobody"), None);
    }

    #[test]
    fn a_server_survives_its_state_file() {
        let server = Server {
            bin: PathBuf::from("/b"),
            version: "16".to_owned(),
            directory: PathBuf::from("/d"),
            port: 5433,
            user: Some((104, 111)),
        };
        let json = server.to_json();
        assert_eq!(Server::from_json(&json).map(|again| again.to_json()), Some(json));
    }
}
