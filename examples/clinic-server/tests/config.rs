//! What the configuration accepts, refuses and says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use clap::{CommandFactory, Parser};
use clinic_server::config::{
    Args, AuditCommand, Command, Config, DatabaseConfig, Environment, KeySource, LogFormat, Transport,
    Variables,
};
use healthcare_core::SettingErrors;
use std::fs;

fn resolve(flags: &str, variables: &[(&str, &str)]) -> Result<Config, SettingErrors> {
    let args = Args::try_parse_from(["clinic-server"].into_iter().chain(flags.split_whitespace())).unwrap();
    Config::resolve(&args.server, &environment(variables))
}

fn environment(variables: &[(&str, &str)]) -> Variables {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The settings that a refusal names.
fn refused(flags: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let told = resolve(flags, variables).unwrap_err().0;
    told.into_iter().map(|problem| problem.setting.into_owned()).collect()
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
        assert!(found.iter().any(|found| found == setting), "{setting} in {found:?}");
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
    let migrate = |variables: &[(&str, &str)]| {
        let args = Args::try_parse_from(["clinic-server"]).unwrap();
        Config::migrate_urls(&args.server, &environment(variables))
    };
    assert!(migrate(&[]).unwrap_err().to_string().contains("CLINIC_OWNER_URL"));
    assert!(migrate(&[("CLINIC_OWNER_URL", "postgres://o:p@db.example/c")]).is_err());
    let urls = migrate(&[
        ("CLINIC_OWNER_URL", "postgres://o:p@localhost/c"),
        ("CLINIC_RELAY_URL", "postgres://r:p@localhost/c"),
    ]);
    let urls = urls.unwrap();
    assert!(urls.application.is_none());
    assert_eq!(urls.relay.unwrap().login().0, "r");
}

#[test]
fn a_redis_is_reached_in_clear_on_this_machine_alone() {
    assert!(resolve("", &[("REDIS_URL", "redis://127.0.0.1:6379")]).unwrap().redis.is_some());
    let both = [("REDIS_URL", "redis://127.0.0.1:1"), ("CLINIC_REDIS_URL", "redis://127.0.0.1:2")];
    assert_eq!(format!("{:?}", resolve("", &both).unwrap().redis.unwrap()), "redis://127.0.0.1:2");
    let sqlite = format!("{PRODUCTION} --database-url sqlite:/srv/clinic.db");
    let url = "--redis-url redis://:geheim@cache.example:6379";
    assert_eq!(refused(&format!("{sqlite} {url}"), &[]), ["--redis-url"]);
    assert!(!resolve(url, &[]).unwrap_err().to_string().contains("geheim"));
    assert!(resolve(&format!("{sqlite} {}", url.replace("redis://", "rediss://")), &[]).is_ok());
}

#[test]
fn a_mail_server_is_reached_in_clear_on_this_machine_alone_and_somebody_writes() {
    assert!(resolve("", &[]).unwrap().email.is_none());
    let from = [("CLINIC_MAIL_FROM", "Quay Practice <post@quay.example>")];
    let local = resolve("--smtp-url smtp://127.0.0.1:1025", &from).unwrap().email.unwrap();
    assert!(local.server.is_in_clear());
    let sqlite = format!("{PRODUCTION} --database-url sqlite:/srv/clinic.db");
    let email = |url: &str| resolve(&format!("{sqlite} --smtp-url {url}"), &from);
    for url in ["smtp://u:geheim@mail.example", "smtps://u:geheim@mail.example"] {
        let config = email(url).unwrap();
        assert!(!config.email.as_ref().unwrap().server.is_in_clear(), "{url}");
        assert!(!format!("{config:?}").contains("geheim"), "{url}");
    }
    let in_clear = email("smtp://u:geheim@mail.example?tls=none").unwrap_err().to_string();
    assert!(in_clear.contains("--smtp-url") && !in_clear.contains("geheim"), "{in_clear}");
    assert_eq!(refused("--smtp-url smtp://127.0.0.1:1025", &[]), ["--mail-from"]);
    assert_eq!(refused("--smtp-url smtp://127.0.0.1:1025 --mail-from nobody", &[]), ["--mail-from"]);
    assert!(resolve("--mail-from post@quay.example", &[]).unwrap().email.is_none(), "said and not used");
}

#[test]
fn a_payer_is_asked_in_clear_on_this_machine_alone() {
    assert!(resolve("", &[]).unwrap().eligibility.is_none());
    let local = resolve("--eligibility-url http://127.0.0.1:8081/fhir", &[]).unwrap().eligibility.unwrap();
    assert!(local.authorization.is_none());
    let sqlite = format!("{PRODUCTION} --database-url sqlite:/srv/clinic.db");
    let token = [("CLINIC_ELIGIBILITY_TOKEN", "geheim")];
    let config =
        resolve(&format!("{sqlite} --eligibility-url https://payer.example/geheim"), &token).unwrap();
    assert!(!format!("{config:?}").contains("geheim"), "{config:?}");
    assert_eq!(config.eligibility.unwrap().authorization.unwrap(), "Bearer geheim");
    for url in ["http://payer.example/geheim", "https://u:geheim@payer.example/"] {
        let told = resolve(&format!("{sqlite} --eligibility-url {url}"), &token).unwrap_err().to_string();
        assert!(told.contains("--eligibility-url") && !told.contains("geheim"), "{told}");
    }
    assert_eq!(refused("", &token), ["--eligibility-url"]);
    let bad = [("CLINIC_ELIGIBILITY_TOKEN", "ge heim")];
    assert_eq!(refused("--eligibility-url http://[::1]/", &bad), ["CLINIC_ELIGIBILITY_TOKEN"]);
}

#[test]
fn operators_off_this_machine_show_a_token() {
    assert!(resolve("", &[]).unwrap().ops.is_none());
    assert!(resolve("--ops-listen 127.0.0.1:9464", &[]).unwrap().ops.unwrap().token.is_none());
    assert_eq!(refused("--ops-listen 0.0.0.0:9464", &[]), ["--ops-listen"]);
    let token = [("CLINIC_OPS_TOKEN", "0123456789abcdef0123456789abcdef")];
    assert!(resolve("--ops-listen 0.0.0.0:9464", &token).is_ok());
    assert_eq!(
        refused("--ops-listen 127.0.0.1:9464", &[("CLINIC_OPS_TOKEN", "short")]),
        ["CLINIC_OPS_TOKEN"]
    );
}

#[test]
fn the_second_place_of_the_log_is_not_in_the_first() {
    assert_eq!(resolve("", &[]).unwrap().audit_spill, None);
    let given = resolve("--data-dir /srv/clinic", &[("CLINIC_AUDIT_SPILL", "/mnt/second")]).unwrap();
    assert_eq!(given.audit_spill.unwrap().to_str(), Some("/mnt/second"));
    for within in ["/srv/clinic", "/srv/clinic/second", "/srv"] {
        assert_eq!(
            refused(&format!("--data-dir /srv/clinic --audit-spill {within}"), &[]),
            ["--audit-spill"]
        );
    }
    assert!(resolve("--data-dir /srv/clinic --audit-spill /srv/clinic-second", &[]).is_ok());
}

#[test]
fn the_edges_numbers_are_checked() {
    let config = resolve("--rate-user 20/s --max-requests 64", &[("CLINIC_RATE_USER", "1/s")]).unwrap();
    assert_eq!((config.limits.user.to_string(), config.limits.requests.0), ("20/s".to_owned(), 64));
    assert_eq!(config.log.format, LogFormat::Text);
    let wrong = "--rate-address 0/s --rate-user many --rate-clinic 1/d --max-requests 0 --log =,= --log-format xml \
                 --allowed-origin * --allowed-origin http://portal.example";
    let expected = [
        "--allowed-origin",
        "--allowed-origin",
        "--rate-address",
        "--rate-user",
        "--rate-clinic",
        "--max-requests",
        "--log",
        "--log-format",
    ];
    assert_eq!(refused(wrong, &[]), expected);
    let sqlite = format!("{PRODUCTION} --database-url sqlite:/srv/clinic.db");
    assert_eq!(resolve(&sqlite, &[]).unwrap().log.format, LogFormat::Json);
}

/// A directory with these files, and what is made of them.
fn with_files(
    files: &[(&str, &str)],
    flags: &str,
    variables: &[(&str, &str)],
) -> Result<(Config, Vec<String>), SettingErrors> {
    let dir = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, text)| fs::write(dir.path().join(name), text).unwrap());
    let args = Args::try_parse_from(["clinic-server"].into_iter().chain(flags.split_whitespace())).unwrap();
    let (config, effective) = Config::explain(&args.server, &environment(variables).with_files(dir.path()))?;
    let told = effective.iter().map(|it| format!("{} {} {}", it.name, it.value, it.source)).collect();
    Ok((config, told))
}

#[test]
fn flags_stand_over_variables_over_the_three_files() {
    let files = [
        (".env.local", "CLINIC_LISTEN=127.0.0.1:3\n"),
        (".env.demo", "CLINIC_LISTEN=127.0.0.1:4\nCLINIC_DATA_DIR=/demo\n"),
        (".env", "CLINIC_LISTEN=127.0.0.1:5\nCLINIC_DATA_DIR=/plain\nCLINIC_LOG=debug\nOTHER=1\n"),
        (".env.production", "CLINIC_LOG=trace\n"),
    ];
    let port = |flags: &str, variables: &[(&str, &str)], skip: usize| {
        with_files(&files[skip..], flags, variables).unwrap().0.listen.port()
    };
    assert_eq!(port("--listen 127.0.0.1:1", &[("CLINIC_LISTEN", "127.0.0.1:2")], 0), 1);
    assert_eq!(port("", &[("CLINIC_LISTEN", "127.0.0.1:2")], 0), 2);
    assert_eq!((port("", &[], 0), port("", &[], 1), port("", &[], 2)), (3, 4, 5));
    let (config, told) = with_files(&files, "", &[]).unwrap();
    assert_eq!(config.data_dir.to_str(), Some("/demo"));
    assert_eq!(config.log.filter, "debug");
    assert!(told.contains(&"--data-dir /demo CLINIC_DATA_DIR in .env.demo".to_owned()), "{told:?}");
    assert!(told.contains(&"--rate-user 3000/m default".to_owned()), "{told:?}");
}

#[test]
fn production_reads_no_file() {
    let files = [(".env", "CLINIC_LISTEN=0.0.0.0:1\nnonsense\n"), (".env.production", "CLINIC_NONSENSE=1\n")];
    let flags = format!("{PRODUCTION} --database-url sqlite:/srv/clinic.db");
    assert_eq!(with_files(&files, &flags, &[]).unwrap().0.listen.port(), 8088);
}

#[test]
fn a_file_that_is_wrong_is_refused_with_its_line_and_without_its_text() {
    let text = "CLINIC_LISTN=geheim\nCLINIC_ENVIRONMENT=production\nCLINIC_MASTER_KEY=geheim\n";
    let errors = with_files(&[(".env", text), (".env.local", "a geheim\n")], "", &[]).unwrap_err();
    let said = errors.to_string();
    for words in
        [".env.local: line 1", ".env: CLINIC_LISTN", ".env: CLINIC_ENVIRONMENT", ".env: CLINIC_MASTER_KEY"]
    {
        assert!(said.contains(words), "{words} in {said}");
    }
    assert!(!said.contains("geheim"), "{said}");
}

#[test]
fn what_is_in_force_shows_no_secret() {
    let variables = [
        ("CLINIC_MASTER_KEY", "geheim"),
        ("CLINIC_DATABASE_URL", "postgres://a:geheim@127.0.0.1/c"),
        ("CLINIC_RELAY_URL", "postgres://b:geheim@127.0.0.1/c"),
        ("REDIS_URL", "redis://:geheim@127.0.0.1:6379/0"),
        ("CLINIC_OPS_TOKEN", "geheim0123456789geheim0123456789"),
        ("CLINIC_ELIGIBILITY_URL", "https://payer.example/geheim"),
        ("CLINIC_ELIGIBILITY_TOKEN", "geheim"),
    ];
    let (config, told) = with_files(&[], "--ops-listen 127.0.0.1:9464", &variables).unwrap();
    let told = told.join("\n");
    assert!(!told.contains("geheim") && !format!("{config:?}").contains("geheim"), "{told}");
    for line in
        ["CLINIC_MASTER_KEY (hidden) CLINIC_MASTER_KEY", "--redis-url redis://127.0.0.1:6379/0 REDIS_URL"]
    {
        assert!(told.contains(line), "{told}");
    }
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
    assert!(matches!(command("clinic-server worker"), Some(Command::Worker)));
    assert!(matches!(command("clinic-server realtime"), Some(Command::Realtime)));
    assert!(matches!(command("clinic-server all"), Some(Command::All)));
    assert!(matches!(command("clinic-server config"), Some(Command::Config)));
    assert!(matches!(command("clinic-server audit verify"), Some(Command::Audit(AuditCommand::Verify))));
    let Some(Command::Import(import)) = command("clinic-server import --clinic 1 a.json b") else {
        panic!("import")
    };
    assert_eq!(import.paths.len(), 2);
    assert!(Args::try_parse_from(["clinic-server", "import"]).is_err());
}
