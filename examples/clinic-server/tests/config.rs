//! What the configuration accepts, refuses and says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use clap::{CommandFactory, Parser};
use clinic_server::config::{
    Args, AuditCommand, Command, Config, ConfigErrors, DatabaseConfig, Environment, KeySource, Transport,
    Variables,
};

fn resolve(flags: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let args = Args::try_parse_from(["clinic-server"].into_iter().chain(flags.split_whitespace())).unwrap();
    Config::resolve(&args.server, &environment(variables))
}

fn environment(variables: &[(&str, &str)]) -> Variables {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The settings that a refusal names.
fn refused(flags: &str, variables: &[(&str, &str)]) -> Vec<&'static str> {
    resolve(flags, variables).unwrap_err().0.iter().map(|problem| problem.setting).collect()
}

const PRODUCTION: &str = "--environment production --data-dir /srv/clinic --key-file /etc/clinic.key";

#[test]
fn nothing_set_is_a_demonstration_on_this_machine() {
    let config = resolve("", &[]).unwrap();
    assert_eq!(config.environment, Environment::Demo);
    assert_eq!(config.listen.to_string(), "127.0.0.1:8088");
    assert_eq!(config.database, DatabaseConfig::Sqlite("clinic-data/clinic.db".into()));
    assert_eq!(config.key, KeySource::Generated("clinic-data/demo-master.key".into()));
    assert_eq!(config.transport, Transport::Loopback);
    assert!(!config.is_https());
}

#[test]
fn a_flag_wins_over_its_variable_and_that_over_database_url() {
    let variables = [
        ("CLINIC_LISTEN", "127.0.0.1:1"),
        ("CLINIC_DATA_DIR", "/a"),
        ("DATABASE_URL", "sqlite:/plain.db"),
        ("CLINIC_KEY_FILE", ""),
    ];
    let config = resolve("--listen 127.0.0.1:2", &variables).unwrap();
    assert_eq!(config.listen.port(), 2);
    assert_eq!(config.database, DatabaseConfig::Sqlite("/plain.db".into()));
    assert_eq!(config.key, KeySource::Generated("/a/demo-master.key".into()));
    let more = [&variables[..], &[("CLINIC_DATABASE_URL", "sqlite:///ours.db")]].concat();
    assert_eq!(resolve("", &more).unwrap().database, DatabaseConfig::Sqlite("/ours.db".into()));
}

#[test]
fn every_mistake_is_named_at_once() {
    let found = refused(
        "--environment staging --listen here --tls-cert a.pem --trusted-proxy proxy --database-url mysql://root:geheim@db/x",
        &[("CLINIC_LISTN", "x")],
    );
    let expected = [
        "environment",
        "--environment",
        "--database-url",
        "--relay-url",
        "--listen",
        "--trusted-proxy",
        "--tls-key",
    ];
    for setting in expected {
        assert!(found.contains(&setting), "{setting} in {found:?}");
    }
    let printed = resolve("--database-url mysql://root:geheim@db/x", &[]).unwrap_err().to_string();
    assert!(!printed.contains("geheim"), "{printed}");
}

#[test]
fn production_generates_nothing_and_sends_nothing_in_clear() {
    assert_eq!(refused("--environment production", &[]), ["--data-dir", "--database-url", "--key-file"]);
    let sqlite = format!("{PRODUCTION} --database-url sqlite:/srv/clinic.db");
    assert_eq!(resolve(&sqlite, &[]).unwrap().transport, Transport::Loopback);
    assert_eq!(refused(&format!("{sqlite} --listen 0.0.0.0:443"), &[]), ["--listen"]);
    let tls = resolve(&format!("{sqlite} --listen 0.0.0.0:443 --tls-cert c --tls-key k"), &[]).unwrap();
    assert!(tls.is_https());
    let proxied =
        resolve(&format!("{sqlite} --listen 0.0.0.0:80"), &[("CLINIC_TRUSTED_PROXY", "10.0.0.1, fd00::/8")]);
    assert!(matches!(proxied.unwrap().transport, Transport::BehindProxy(networks) if networks.len() == 2));
    let both = format!("{sqlite} --tls-cert c --tls-key k --trusted-proxy 10.0.0.1");
    assert_eq!(refused(&both, &[]), ["--trusted-proxy"]);

    let remote = format!(
        "{PRODUCTION} --database-url postgres://a:b@db.example/c --relay-url postgres://a:b@127.0.0.1/c"
    );
    assert_eq!(refused(&remote, &[]), ["--database-url"]);
    let verified = remote.replace("/c --relay", "/c?sslmode=verify-full --relay");
    assert!(matches!(resolve(&verified, &[]).unwrap().database, DatabaseConfig::Postgres { .. }));
    assert_eq!(refused(&sqlite, &[("CLINIC_MASTER_KEY", "0")]), ["--key-file"]);
    assert_eq!(refused(&sqlite.replace("/etc/clinic.key", "/x/demo-master.key"), &[]), ["--key-file"]);
}

#[test]
fn a_demonstration_stays_on_this_machine() {
    assert_eq!(refused("--listen 0.0.0.0:8088", &[]), ["--listen"]);
    assert_eq!(refused("--listen 0.0.0.0:8088 --tls-cert c --tls-key k", &[]), ["--listen"]);
    assert!(resolve("--listen [::1]:8088", &[]).is_ok());
}

#[test]
fn postgres_needs_both_logins_and_migrate_the_owners() {
    assert_eq!(refused("--database-url postgres://a:b@127.0.0.1/c", &[]), ["--relay-url"]);
    let none = environment(&[]);
    assert!(Config::owner_url(None, &none).unwrap_err().to_string().contains("CLINIC_OWNER_URL"));
    assert!(Config::owner_url(Some("postgres://o:p@db.example/c"), &none).is_err());
    let variables = environment(&[("CLINIC_OWNER_URL", "postgres://o:p@localhost/c")]);
    assert!(Config::owner_url(None, &variables).is_ok());
}

#[test]
fn nothing_printed_shows_a_secret() {
    let flags = "--database-url postgres://a:geheim@127.0.0.1/c --relay-url postgres://r:geheim@127.0.0.1/c";
    let config = resolve(flags, &[("CLINIC_MASTER_KEY", "geheim")]).unwrap();
    assert!(!format!("{config:?}").contains("geheim"));
    assert!(!format!("{:?}", environment(&[("CLINIC_MASTER_KEY", "geheim")])).contains("geheim"));
}

#[test]
fn the_commands_parse() {
    Args::command().debug_assert();
    let command = |line: &str| Args::try_parse_from(line.split_whitespace()).unwrap().command;
    assert!(command("clinic-server").is_none());
    assert!(matches!(command("clinic-server serve --listen 127.0.0.1:1"), Some(Command::Serve)));
    assert!(matches!(command("clinic-server audit verify"), Some(Command::Audit(AuditCommand::Verify))));
    let Some(Command::Import(import)) = command("clinic-server import --clinic 1 a.json b") else {
        panic!("import")
    };
    assert_eq!(import.paths.len(), 2);
    assert!(Args::try_parse_from(["clinic-server", "import"]).is_err());
}
