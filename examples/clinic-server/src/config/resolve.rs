//! From flags and variables to checked values.

use super::{
    DatabaseConfig, DatabaseUrl, EdgeLimits, EligibilityConfig, EmailConfig, Environment, LogConfig,
    LogFormat, OpsConfig, RedisUrl, ServerArgs, Transport, Variables, WebOrigin, database, eligibility,
    email, log::Filter, settings, transport,
};
use healthcare_core::{EffectiveSetting, SettingErrors, SettingSource, Settings};
use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
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

/// A checked configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Demonstration or production.
    pub environment: Environment,
    /// The database.
    pub database: DatabaseConfig,
    /// What several processes share, if there is one.
    pub redis: Option<RedisUrl>,
    /// Where e-mail is handed over; without it the log tells that there would have been one.
    pub email: Option<EmailConfig>,
    /// Who is asked whether a visit is covered, if anybody.
    pub eligibility: Option<EligibilityConfig>,
    /// The address to serve on.
    pub listen: SocketAddr,
    /// Where operators look, if anywhere.
    pub ops: Option<OpsConfig>,
    /// Where files live.
    pub data_dir: PathBuf,
    /// Where emergency access is recorded when the audit log cannot be written.
    pub audit_spill: Option<PathBuf>,
    /// Where the master key comes from.
    pub key: KeySource,
    /// How clients reach the server.
    pub transport: Transport,
    /// Whose scripts may call the API from a browser, besides our own pages.
    pub allowed_origins: Vec<WebOrigin>,
    /// How much is let in.
    pub limits: EdgeLimits,
    /// What is logged, and how.
    pub log: LogConfig,
}

/// The logins of `migrate`: the owner's, and those that are set of the others.
#[derive(Debug)]
pub struct MigrateUrls {
    /// The owner's.
    pub owner: DatabaseUrl,
    /// The application's.
    pub application: Option<DatabaseUrl>,
    /// The relay's.
    pub relay: Option<DatabaseUrl>,
    /// What is logged, and how.
    pub log: LogConfig,
}

const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8088);
/// The fewest characters of a token that is not guessed.
const OPS_TOKEN_MIN: usize = 32;

impl Config {
    /// A demonstration in this directory, as it is when nothing is set.
    #[must_use]
    pub fn demonstration(data_dir: PathBuf) -> Self {
        Self {
            environment: Environment::Demo,
            database: DatabaseConfig::Sqlite(data_dir.join("clinic.db")),
            redis: None,
            email: None,
            eligibility: None,
            listen: LISTEN,
            ops: None,
            audit_spill: None,
            key: KeySource::Generated(data_dir.join(DEMO_KEY_FILE)),
            transport: Transport::Loopback,
            allowed_origins: Vec::new(),
            limits: EdgeLimits::default(),
            log: LogConfig::default(),
            data_dir,
        }
    }

    /// Whether browsers speak HTTPS to this server or to the proxy before it.
    #[must_use]
    pub const fn is_https(&self) -> bool {
        matches!(self.transport, Transport::Tls { .. } | Transport::BehindProxy(_))
    }

    /// Checks flags and variables together.
    ///
    /// # Errors
    /// Every mistake at once.
    pub fn resolve(args: &ServerArgs, variables: &Variables) -> Result<Self, SettingErrors> {
        Self::explain(args, variables).map(|(config, _)| config)
    }

    /// As [`resolve`](Self::resolve), with what is in force and where each value came from; secrets are not in it.
    ///
    /// # Errors
    /// Every mistake at once.
    pub fn explain(
        args: &ServerArgs,
        variables: &Variables,
    ) -> Result<(Self, Vec<EffectiveSetting>), SettingErrors> {
        let (mut settings, environment) = variables.settings(args);
        let read = &mut settings;
        let data_dir = data_dir(read, environment);
        let database = database::read(read, environment, &data_dir);
        let redis = read.parse(&settings::REDIS_URL);
        let email = email::read(read);
        let eligibility = eligibility::read(read);
        let listen = address(read, &settings::LISTEN).unwrap_or(LISTEN);
        read.fall_back(&settings::LISTEN, listen);
        let ops = ops(read);
        let audit_spill = audit_spill(read, &data_dir);
        let key = key(read, environment, &data_dir);
        let transport = transport::read(read, environment, listen);
        let allowed_origins: Vec<WebOrigin> = read.list(&settings::ALLOWED_ORIGIN);
        let limits = limits(read);
        let log = log(read, environment);
        settings.finish(Self {
            environment,
            database,
            redis,
            email,
            eligibility,
            listen,
            ops,
            data_dir,
            audit_spill,
            key,
            transport,
            allowed_origins,
            limits,
            log,
        })
    }

    /// The logins for `migrate`.
    ///
    /// # Errors
    /// When the owner's is missing, is not a PostgreSQL URL, or would send the owner's password in clear.
    pub fn migrate_urls(args: &ServerArgs, variables: &Variables) -> Result<MigrateUrls, SettingErrors> {
        let (mut settings, environment) = variables.settings(args);
        let name = settings::OWNER_URL.name();
        let owner = match settings.text(&settings::OWNER_URL) {
            None => {
                let problem = "set it, or CLINIC_OWNER_URL, to the URL of the database's owner; SQLite needs no migrate";
                settings.report(name, problem);
                None
            }
            Some(text) => database::postgres(&mut settings, name, &text),
        };
        let others = [&settings::DATABASE_URL, &settings::RELAY_URL]
            .map(|setting| settings.text(setting).as_deref().and_then(DatabaseUrl::parse));
        let [application, relay] = others;
        let log = log(&mut settings, environment);
        let (owner, _) = settings.finish(owner)?;
        // What is missing was reported.
        let owner = owner.ok_or_else(|| SettingErrors(Vec::new()))?;
        Ok(MigrateUrls { owner, application, relay, log })
    }
}

fn data_dir(settings: &mut Settings, environment: Environment) -> PathBuf {
    let given = settings.text(&settings::DATA_DIR).map(PathBuf::from);
    if given.is_none() && environment == Environment::Production {
        let which = "set it, or CLINIC_DATA_DIR, to a durable directory: the audit log lives there";
        settings.report(settings::DATA_DIR.name(), which);
    }
    settings.fall_back(&settings::DATA_DIR, "clinic-data");
    given.unwrap_or_else(|| PathBuf::from("clinic-data"))
}

/// A second place in the first one would fail with it.
fn audit_spill(settings: &mut Settings, data_dir: &Path) -> Option<PathBuf> {
    let dir = PathBuf::from(settings.text(&settings::AUDIT_SPILL)?);
    if dir.starts_with(data_dir) || data_dir.starts_with(&dir) {
        let which = "name a directory outside --data-dir, on another disk: it is for when that one fails";
        settings.report(settings::AUDIT_SPILL.name(), which);
    }
    Some(dir)
}

fn address(settings: &mut Settings, setting: &healthcare_core::Setting) -> Option<SocketAddr> {
    let text = settings.text(setting)?;
    let problem = "write an IP address and a port, such as 127.0.0.1:8088";
    text.parse().map_err(|_| settings.report(setting.name(), problem)).ok()
}

fn ops(settings: &mut Settings) -> Option<OpsConfig> {
    let listen = address(settings, &settings::OPS_LISTEN);
    let token = settings.text(&settings::OPS_TOKEN);
    if token
        .as_ref()
        .is_some_and(|token| token.len() < OPS_TOKEN_MIN || !token.bytes().all(|b| b.is_ascii_graphic()))
    {
        settings.report(settings::OPS_TOKEN.name(), "32 or more visible characters, drawn at random");
    }
    let listen = listen?;
    if token.is_none() && !listen.ip().is_loopback() {
        let problem = "off this machine operators show a token: set CLINIC_OPS_TOKEN, or use 127.0.0.1";
        settings.report(settings::OPS_LISTEN.name(), problem);
    }
    Some(OpsConfig { listen, token })
}

fn limits(settings: &mut Settings) -> EdgeLimits {
    let default = EdgeLimits::default();
    EdgeLimits {
        address: settings.parse_or(&settings::RATE_ADDRESS, default.address),
        user: settings.parse_or(&settings::RATE_USER, default.user),
        clinic: settings.parse_or(&settings::RATE_CLINIC, default.clinic),
        requests: settings.parse_or(&settings::MAX_REQUESTS, default.requests),
    }
}

fn log(settings: &mut Settings, environment: Environment) -> LogConfig {
    let format = match environment {
        Environment::Demo => LogFormat::Text,
        Environment::Production => LogFormat::Json,
    };
    let Filter(filter) = settings.parse_or(&settings::LOG, Filter(LogConfig::default().filter));
    LogConfig { filter, format: settings.parse_or(&settings::LOG_FORMAT, format) }
}

fn key(settings: &mut Settings, environment: Environment, data_dir: &Path) -> KeySource {
    const SETTING: &str = settings::KEY_FILE.name();
    let file = settings.text(&settings::KEY_FILE).map(PathBuf::from);
    let variable = settings.text(&settings::MASTER_KEY);
    match (file, variable, environment) {
        (Some(file), Some(_), _) => {
            settings.report(SETTING, "set either the file or CLINIC_MASTER_KEY, not both");
            KeySource::File(file)
        }
        (Some(file), None, Environment::Production) if file.ends_with(DEMO_KEY_FILE) => {
            settings.report(SETTING, "this key was generated for a demonstration: make one for this clinic");
            KeySource::File(file)
        }
        (Some(file), None, _) => KeySource::File(file),
        (None, Some(key), _) => KeySource::Variable(key),
        (None, None, Environment::Demo) => {
            let file = data_dir.join(DEMO_KEY_FILE);
            settings.fall_back(&settings::KEY_FILE, file.display());
            KeySource::Generated(file)
        }
        (None, None, Environment::Production) => {
            let which = "set it, or CLINIC_KEY_FILE or CLINIC_MASTER_KEY: production does not generate keys";
            settings.report(SETTING, which);
            KeySource::File(PathBuf::new())
        }
    }
}

/// The name of the generated key's file. A production server refuses a key file of this name.
const DEMO_KEY_FILE: &str = "demo-master.key";

/// A line for each setting that is in force: its name, its value, and where it came from.
impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |text: fn(&EffectiveSetting) -> usize| self.0.iter().map(text).max().unwrap_or(0);
        let (names, values) = (width(|it| it.name.len()), width(|it| it.value.chars().count()).min(60));
        for it in self.0 {
            writeln!(f, "{:names$}  {:values$}  {}", it.name, it.value, Place(&it.source))?;
        }
        Ok(())
    }
}

/// Settings as `clinic-server config` prints them.
#[derive(Debug)]
pub(crate) struct Shown<'s>(pub(crate) &'s [EffectiveSetting]);

struct Place<'s>(&'s SettingSource);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({})", self.0)
    }
}
