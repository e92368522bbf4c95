//! From flags and variables to checked values.

use super::{
    ConfigErrors, ConfigProblem, DatabaseConfig, DatabaseUrl, Environment, Network, ServerArgs, Variables,
    variables::TRUSTED_PROXY,
};
use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

/// Where the master key comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file that must exist.
    File(PathBuf),
    /// `CLINIC_MASTER_KEY`.
    Variable(String),
    /// A file that is written on the first start. Demonstrations only.
    Generated(PathBuf),
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Variable(_) => f.write_str("Variable(CLINIC_MASTER_KEY)"),
            Self::Generated(path) => write!(f, "Generated({})", path.display()),
        }
    }
}

/// How clients reach the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// HTTP, on this machine only.
    Loopback,
    /// HTTPS, ended here.
    Tls {
        /// The certificate chain.
        certificate: PathBuf,
        /// The private key.
        key: PathBuf,
    },
    /// HTTPS, ended by a proxy in one of these networks.
    BehindProxy(Vec<Network>),
}

/// A checked configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Demonstration or production.
    pub environment: Environment,
    /// The database.
    pub database: DatabaseConfig,
    /// The address to serve on.
    pub listen: SocketAddr,
    /// Where files live.
    pub data_dir: PathBuf,
    /// Where the master key comes from.
    pub key: KeySource,
    /// How clients reach the server.
    pub transport: Transport,
}

impl Config {
    /// Whether browsers speak HTTPS to this server or to the proxy before it.
    #[must_use]
    pub const fn is_https(&self) -> bool {
        matches!(self.transport, Transport::Tls { .. } | Transport::BehindProxy(_))
    }

    /// Checks flags and variables together.
    ///
    /// # Errors
    /// Every mistake at once.
    pub fn resolve(args: &ServerArgs, variables: &Variables) -> Result<Self, ConfigErrors> {
        let mut check = Check { args, variables, problems: Vec::new() };
        check.no_unknown_variables();
        let environment = check.environment();
        let data_dir = check.data_dir(environment);
        let database = check.database(environment, &data_dir);
        let listen = check.listen();
        let key = check.key(environment, &data_dir);
        let transport = check.transport(environment, listen);
        if check.problems.is_empty() {
            Ok(Self { environment, database, listen, data_dir, key, transport })
        } else {
            Err(ConfigErrors(check.problems))
        }
    }

    /// The owner's URL, for `migrate`.
    ///
    /// # Errors
    /// When it is missing, is not a PostgreSQL URL, or would send the owner's password in clear.
    pub fn owner_url(flag: Option<&str>, variables: &Variables) -> Result<DatabaseUrl, ConfigErrors> {
        const SETTING: &str = "--owner-url";
        let one = |problem: &str| ConfigErrors(vec![ConfigProblem::new(SETTING, problem)]);
        let text = flag.or_else(|| variables.get("CLINIC_OWNER_URL")).ok_or_else(|| {
            one("set it, or CLINIC_OWNER_URL, to the URL of the database's owner; SQLite needs no migrate")
        })?;
        let url = DatabaseUrl::postgres(text).map_err(one)?;
        if url.is_private() { Ok(url) } else { Err(one(IN_CLEAR)) }
    }
}

const IN_CLEAR: &str =
    "the connection would not be verified: add ?sslmode=verify-full, or use this machine or a Unix socket";

/// Collects problems while it reads settings; a setting that is wrong gets a harmless value so that the others are still read.
struct Check<'a> {
    args: &'a ServerArgs,
    variables: &'a Variables,
    problems: Vec<ConfigProblem>,
}

impl Check<'_> {
    fn report(&mut self, setting: &'static str, problem: impl fmt::Display) {
        self.problems.push(ConfigProblem::new(setting, problem));
    }

    fn text(&self, flag: Option<&str>, variable: &str) -> Option<String> {
        flag.or_else(|| self.variables.get(variable)).map(str::to_owned)
    }

    fn path(&self, flag: Option<&Path>, variable: &str) -> Option<PathBuf> {
        flag.map(Path::to_owned).or_else(|| self.variables.get(variable).map(PathBuf::from))
    }

    fn parsed<T: FromStr<Err: fmt::Display>>(
        &mut self,
        setting: &'static str,
        text: Option<String>,
    ) -> Option<T> {
        text?.parse().map_err(|error| self.report(setting, error)).ok()
    }

    fn no_unknown_variables(&mut self) {
        let unknown: Vec<_> = self.variables.unknown().map(str::to_owned).collect();
        for name in unknown {
            self.report("environment", format_args!("{name} is not a setting: see --help for the names"));
        }
    }

    fn environment(&mut self) -> Environment {
        let text = self.text(self.args.environment.as_deref(), "CLINIC_ENVIRONMENT");
        self.parsed("--environment", text).unwrap_or_default()
    }

    fn data_dir(&mut self, environment: Environment) -> PathBuf {
        let given = self.path(self.args.data_dir.as_deref(), "CLINIC_DATA_DIR");
        if given.is_none() && environment == Environment::Production {
            self.report(
                "--data-dir",
                "set it, or CLINIC_DATA_DIR, to a durable directory: the audit log lives there",
            );
        }
        given.unwrap_or_else(|| PathBuf::from("clinic-data"))
    }

    fn database(&mut self, environment: Environment, data_dir: &Path) -> DatabaseConfig {
        let embedded = DatabaseConfig::Sqlite(data_dir.join("clinic.db"));
        let given = self
            .text(self.args.database_url.as_deref(), "CLINIC_DATABASE_URL")
            .or_else(|| self.variables.get("DATABASE_URL").map(str::to_owned));
        let Some(url) = given else {
            if environment == Environment::Production {
                let which = "set it, or CLINIC_DATABASE_URL, to postgres://… (the application's login) or sqlite:PATH";
                self.report("--database-url", which);
            }
            return embedded;
        };
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.trim_start_matches("//");
            if path.is_empty() || path.contains(['?', '#']) || path == ":memory:" {
                self.report("--database-url", "write sqlite:PATH with the path of a file and no parameters");
            }
            return DatabaseConfig::Sqlite(PathBuf::from(path));
        }
        let relay = self.text(self.args.relay_url.as_deref(), "CLINIC_RELAY_URL");
        let application = self.postgres("--database-url", &url);
        let relay = match relay {
            Some(relay) => self.postgres("--relay-url", &relay),
            None => {
                self.report(
                    "--relay-url",
                    "set it, or CLINIC_RELAY_URL, to the relay's login: `migrate` creates it",
                );
                None
            }
        };
        match (application, relay) {
            (Some(application), Some(relay)) => DatabaseConfig::Postgres { application, relay },
            _ => embedded,
        }
    }

    fn postgres(&mut self, setting: &'static str, text: &str) -> Option<DatabaseUrl> {
        match DatabaseUrl::postgres(text) {
            Err(_) => {
                self.report(
                    setting,
                    "write postgres://user:password@host:5432/database, or sqlite:PATH for a file",
                );
                None
            }
            Ok(url) if !url.is_private() => {
                self.report(setting, IN_CLEAR);
                None
            }
            Ok(url) => Some(url),
        }
    }

    fn listen(&mut self) -> SocketAddr {
        let default = SocketAddr::from(([127, 0, 0, 1], 8088));
        match self.text(self.args.listen.as_deref(), "CLINIC_LISTEN").map(|text| text.parse()) {
            None => default,
            Some(Ok(address)) => address,
            Some(Err(_)) => {
                self.report("--listen", "write an IP address and a port, such as 127.0.0.1:8088");
                default
            }
        }
    }

    fn key(&mut self, environment: Environment, data_dir: &Path) -> KeySource {
        let file = self.path(self.args.key_file.as_deref(), "CLINIC_KEY_FILE");
        let variable = self.text(None, "CLINIC_MASTER_KEY");
        match (file, variable, environment) {
            (Some(file), Some(_), _) => {
                self.report("--key-file", "set either the file or CLINIC_MASTER_KEY, not both");
                KeySource::File(file)
            }
            (Some(file), None, Environment::Production) if file.ends_with(DEMO_KEY_FILE) => {
                self.report(
                    "--key-file",
                    "this key was generated for a demonstration: make one for this clinic",
                );
                KeySource::File(file)
            }
            (Some(file), None, _) => KeySource::File(file),
            (None, Some(key), _) => KeySource::Variable(key),
            (None, None, Environment::Demo) => KeySource::Generated(data_dir.join(DEMO_KEY_FILE)),
            (None, None, Environment::Production) => {
                let which =
                    "set it, or CLINIC_KEY_FILE or CLINIC_MASTER_KEY: production does not generate keys";
                self.report("--key-file", which);
                KeySource::File(PathBuf::new())
            }
        }
    }

    fn transport(&mut self, environment: Environment, listen: SocketAddr) -> Transport {
        let certificate = self.path(self.args.tls_cert.as_deref(), "CLINIC_TLS_CERT");
        let key = self.path(self.args.tls_key.as_deref(), "CLINIC_TLS_KEY");
        let proxies = self.proxies();
        if environment == Environment::Demo && !listen.ip().is_loopback() {
            let problem = "a demonstration has published passwords and serves this machine only: use 127.0.0.1, or --environment production";
            self.report("--listen", problem);
        }
        match (certificate, key) {
            (Some(_), Some(_)) if !proxies.is_empty() => {
                self.report("--trusted-proxy", "set either TLS files or trusted proxies, not both");
                Transport::Loopback
            }
            (Some(certificate), Some(key)) => Transport::Tls { certificate, key },
            (Some(_), None) => self.half_of_tls("--tls-key"),
            (None, Some(_)) => self.half_of_tls("--tls-cert"),
            (None, None) if !proxies.is_empty() => Transport::BehindProxy(proxies),
            (None, None) => {
                if environment == Environment::Production && !listen.ip().is_loopback() {
                    let problem = "patients' data would travel in clear: set --tls-cert and --tls-key, or --trusted-proxy to the proxy that ends TLS";
                    self.report("--listen", problem);
                }
                Transport::Loopback
            }
        }
    }

    fn half_of_tls(&mut self, missing: &'static str) -> Transport {
        self.report(missing, "--tls-cert and --tls-key are set together");
        Transport::Loopback
    }

    fn proxies(&mut self) -> Vec<Network> {
        let texts: Vec<String> = if self.args.trusted_proxy.is_empty() {
            let listed = self.variables.get(TRUSTED_PROXY).unwrap_or_default();
            listed.split(',').map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned).collect()
        } else {
            self.args.trusted_proxy.clone()
        };
        texts.into_iter().filter_map(|text| self.parsed("--trusted-proxy", Some(text))).collect()
    }
}

/// The name of the generated key's file. A production server refuses a key file of this name.
const DEMO_KEY_FILE: &str = "demo-master.key";
