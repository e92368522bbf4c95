//! What production refuses, and what it says to set.

use super::{
    server::Process,
    site::{Site, program},
};
use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

/// A file with a key of nobody's.
fn key_file(path: &Path, mode: u32) {
    let digits = |count: usize| "0123456789abcdef".chars().cycle().take(count).collect::<String>();
    fs::write(path, format!("{}:{}\n", digits(16), digits(64))).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// It does not serve, and says each of these.
fn refused(command: &mut Command, says: &[&str]) {
    let mut process = Process::spawn(command);
    assert_eq!(process.wait().code(), Some(2), "{}", process.out.text());
    let said = process.err.whole();
    says.iter().for_each(|words| assert!(said.contains(words), "{words:?} is not in: {said}"));
    assert!(!process.out.whole().contains("Serving"));
    for secret in ["of-the-test", "0123456789abcdef0123"] {
        assert!(!said.contains(secret), "a secret is in: {said}");
    }
}

fn production() -> Command {
    let mut command = program();
    command.args(["--environment", "production"]);
    command
}

#[test]
fn nothing_set_names_everything_that_is_missing() {
    refused(&mut production(), &["--data-dir", "--database-url", "--key-file", "CLINIC_MASTER_KEY"]);
}

#[test]
fn plaintext_off_this_machine_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    key_file(&dir.path().join("key"), 0o600);
    let base = || {
        let mut command = production();
        command.arg("--data-dir").arg(dir.path().join("data")).arg("--key-file").arg(dir.path().join("key"));
        command
    };
    let sqlite = format!("sqlite:{}", dir.path().join("clinic.db").display());
    refused(
        base().args(["--database-url", &sqlite, "--listen", "0.0.0.0:0"]),
        &["--listen", "--tls-cert", "--trusted-proxy"],
    );
    let remote = "postgres://app:of-the-test@db.example:5432/clinic";
    refused(
        base().args(["--database-url", remote, "--relay-url", remote]),
        &["--database-url", "--relay-url", "sslmode=verify-full"],
    );
    refused(
        base().args(["--database-url", "postgres://app:of-the-test@127.0.0.1/clinic"]),
        &["--relay-url", "migrate"],
    );
    assert!(!dir.path().join("data").exists(), "nothing was made");
}

#[test]
fn keys_and_directories_that_others_can_read_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite:{}", dir.path().join("clinic.db").display());
    let start = |key: &str, data: &str| {
        let mut command = production();
        command.arg("--data-dir").arg(dir.path().join(data)).arg("--key-file").arg(dir.path().join(key));
        command.args(["--database-url", &sqlite, "--listen", "127.0.0.1:0"]);
        command
    };
    key_file(&dir.path().join("open.key"), 0o644);
    refused(&mut start("open.key", "data"), &["master key", "600"]);
    key_file(&dir.path().join("key"), 0o600);
    fs::create_dir(dir.path().join("open")).unwrap();
    fs::set_permissions(dir.path().join("open"), fs::Permissions::from_mode(0o755)).unwrap();
    refused(&mut start("key", "open"), &["chmod 700"]);
    refused(&mut start("absent.key", "data"), &["master key"]);
}

#[test]
fn demonstrations_are_refused() {
    let site = Site::sqlite();
    site.start().stop();
    refused(
        site.command(&site.data()).args(["--environment", "production"]),
        &["--key-file", "does not generate keys"],
    );
    // The generated key, named.
    let mut command = site.command(&site.data());
    command.args(["--environment", "production", "--key-file"]).arg(site.key_file());
    refused(&mut command, &["--key-file", "demonstration"]);
    // The generated key under another name: the data are still a demonstration's.
    fs::copy(site.key_file(), site.path("key")).unwrap();
    let mut command = site.command(&site.data());
    command.args(["--environment", "production", "--key-file"]).arg(site.path("key"));
    refused(&mut command, &["holds a demonstration", "--database-url"]);
    // Off this machine.
    let mut command = program();
    command.arg("--data-dir").arg(site.path("other")).args(["--listen", "0.0.0.0:0"]);
    refused(&mut command, &["--listen", "published passwords"]);
    assert!(!site.path("other").exists());
}

#[test]
fn another_masters_key_is_refused() {
    let site = Site::sqlite();
    site.start().stop();
    key_file(&site.path("key"), 0o600);
    let mut command = site.command(&site.path("second"));
    command.arg("--key-file").arg(site.path("key"));
    let mut process = Process::spawn(&mut command);
    assert_eq!(process.wait().code(), Some(2), "{}", process.out.text());
    assert!(!process.out.whole().contains("Serving"));
}

#[test]
fn production_serves_when_all_is_set() {
    let site = Site::sqlite();
    key_file(&site.path("key"), 0o600);
    let mut command = site.command(&site.data());
    command.args(["--environment", "production", "--key-file"]).arg(site.path("key"));
    let server = super::server::Server::start(&mut command);
    let said = server.process.out.text();
    assert!(!said.contains(clinic_server::seed::DEMO_PASSWORD));
    let mut client = super::client::Client::new(server.address);
    client.get("/readyz").unwrap().expect(200);
    let body =
        serde_json::json!({"email": "nurse@harbour.example", "password": clinic_server::seed::DEMO_PASSWORD});
    assert_eq!(client.post("/api/v1/auth/login", &body).unwrap().status(), 401, "nobody was seeded");
    // The demonstration's door is not there.
    let door = client.get("/sign-in").unwrap().text();
    assert!(door.starts_with("200") && !door.contains("/sign-in/demo"), "{door}");
    assert_eq!(client.post("/sign-in/demo", &body).unwrap().status(), 404);
    server.stop();
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
fn an_owners_url_is_refused() {
    let site = Site::postgres();
    key_file(&site.path("key"), 0o600);
    let (owner, relay) = (site.owner_url(), site.relay_url());
    let start = |application: &str, relay: &str| {
        let mut command = production();
        command.arg("--data-dir").arg(site.path("data")).arg("--key-file").arg(site.path("key"));
        command.args(["--listen", "127.0.0.1:0", "--database-url", application, "--relay-url", relay]);
        command
    };
    refused(&mut start(&owner, &relay), &["--database-url", "migrate"]);
    refused(&mut start(&relay, &owner), &["--relay-url", "migrate"]);
}
