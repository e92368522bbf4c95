//! PostgreSQL: found or installed, started in a directory of its own, stopped.

use crate::{
    failure::{Failure, Outcome},
    process,
};
use serde_json::{Value, json};
use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The oldest major version that is tested.
const OLDEST: u32 = 15;

/// Where a PostgreSQL's programs are.
#[derive(Debug, Clone)]
pub(crate) struct Install {
    bin: PathBuf,
    pub(crate) version: String,
}

impl Install {
    /// An installed PostgreSQL that is new enough; on Debian and Ubuntu root gets it installed.
    ///
    /// # Errors
    /// With the command that installs it, where this command must not.
    pub(crate) fn find_or_install() -> Outcome<Self> {
        if let Some(found) = Self::find() {
            return Ok(found);
        }
        let debian = Path::new("/etc/debian_version").exists();
        if debian && rustix::process::geteuid().is_root() {
            // The package starts a cluster of its own; it is not used here and does no harm.
            eprintln!("PostgreSQL {OLDEST} or newer is missing: installing it with apt-get");
            process::run(apt().args(["update", "-qq"]))?;
            process::run(apt().args(["install", "-y", "-qq", "--no-install-recommends", "postgresql"]))?;
            if let Some(found) = Self::find() {
                return Ok(found);
            }
        }
        Err(Failure::new(missing(debian)))
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

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    // The environment lines of `services up` are the only thing on standard output.
    command.env("DEBIAN_FRONTEND", "noninteractive").stdout(std::io::stderr());
    command
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
        super::POSTGRES_URL
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
pub(crate) struct Server {
    bin: PathBuf,
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
    pub(crate) fn create(install: &Install, directory: PathBuf) -> Outcome<Self> {
        let user = if rustix::process::geteuid().is_root() { Some(unprivileged()?) } else { None };
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(&directory, Some(uid), Some(gid))
                .map_err(Failure::while_doing(format_args!("cannot hand over {}", directory.display())))?;
        }
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .map_err(Failure::while_doing("no free port"))?
            .port();
        Ok(Self { bin: install.bin.clone(), directory, port, user })
    }

    /// Creates the cluster and waits until it takes connections.
    ///
    /// # Errors
    /// When `initdb` or the server fails; the server's log is in the message.
    pub(crate) fn start(&self) -> Outcome<()> {
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

    /// Whether the server runs.
    pub(crate) fn answers(&self) -> bool {
        let mut status = self.program("pg_ctl");
        status.arg("--pgdata").arg(self.directory.join("data")).arg("status");
        quiet(&mut status)
    }

    /// Stops the server and deletes its directory. Does nothing that fails when either is gone.
    pub(crate) fn stop(&self) {
        let mut stop = self.program("pg_ctl");
        stop.arg("--pgdata").arg(self.directory.join("data")).args([
            "--mode=immediate",
            "--timeout=30",
            "stop",
        ]);
        quiet(&mut stop);
        if let Err(error) = fs::remove_dir_all(&self.directory)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            eprintln!("cannot delete {}: {error}", self.directory.display());
        }
    }

    /// The superuser's URL.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({ "bin": self.bin, "directory": self.directory, "port": self.port, "user": self.user })
    }

    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let path = |name: &str| value.get(name)?.as_str().map(PathBuf::from);
        let number = |at: &Value| u32::try_from(at.as_u64()?).ok();
        let user = value.get("user").and_then(|user| Some((number(user.get(0)?)?, number(user.get(1)?)?)));
        let port = u16::try_from(value.get("port")?.as_u64()?).ok()?;
        Some(Self { bin: path("bin")?, directory: path("directory")?, port, user })
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

/// Runs without output, and outside the interruptible group: stopping must work after an interrupt, too.
fn quiet(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
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
            directory: PathBuf::from("/d"),
            port: 5433,
            user: Some((104, 111)),
        };
        let json = server.to_json();
        assert_eq!(Server::from_json(&json).map(|again| again.to_json()), Some(json));
    }
}
