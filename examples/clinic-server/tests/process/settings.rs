//! What the program says of its settings, and how it writes its log.

use super::{
    client::Client,
    poll,
    server::{Process, Server},
    site::{Site, program},
};
use serde_json::Value;
use std::fs;

fn config_in(files: &[(&str, &str)], args: &[&str]) -> (Option<i32>, String, String) {
    let dir = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, text)| fs::write(dir.path().join(name), text).unwrap());
    let mut command = program();
    command
        .current_dir(dir.path())
        .arg("config")
        .args(args)
        .env("CLINIC_MASTER_KEY", "geheim")
        .env("CLINIC_LOG", "warn");
    let mut process = Process::spawn(&mut command);
    let code = process.wait().code();
    (code, process.out.whole(), process.err.whole())
}

#[test]
fn config_prints_what_is_in_force_and_where_it_came_from() {
    let files = [
        (".env.local", "CLINIC_LISTEN=127.0.0.1:7\nCLINIC_LOG=trace\n"),
        (".env", "REDIS_URL=redis://:geheim@localhost:1/\n"),
    ];
    let (code, out, err) = config_in(&files, &["--rate-user", "9/s"]);
    assert_eq!(code, Some(0), "{err}");
    let line = |name: &str| {
        let found = out.lines().find(|line| line.split_whitespace().next() == Some(name));
        found.unwrap_or_else(|| panic!("{name} in {out}")).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("--listen"), "--listen 127.0.0.1:7 (CLINIC_LISTEN in .env.local)");
    assert_eq!(line("--log"), "--log warn (CLINIC_LOG)");
    assert_eq!(line("--rate-user"), "--rate-user 9/s (flag)");
    assert_eq!(line("--rate-clinic"), "--rate-clinic 30000/m (default)");
    assert_eq!(line("--redis-url"), "--redis-url redis://localhost:1/ (REDIS_URL in .env)");
    assert_eq!(line("CLINIC_MASTER_KEY"), "CLINIC_MASTER_KEY (hidden) (CLINIC_MASTER_KEY)");
    assert!(!out.contains("geheim"), "{out}");
}

#[test]
fn production_says_all_that_is_missing_and_reads_no_file() {
    let (code, out, err) =
        config_in(&[(".env", "CLINIC_DATA_DIR=/srv\nnonsense\n")], &["--environment", "production"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(
        err.contains("--data-dir") && err.contains("--database-url") && !err.contains("nonsense"),
        "{err}"
    );
}

#[test]
fn a_log_in_json_names_request_trace_and_route_and_no_address() {
    let site = Site::sqlite();
    let mut command = site.command(&site.data());
    let server = Server::start(command.args(["--log-format", "json"]));
    let mut nurse = Client::signed_in(server.address, "nurse");
    let patient = nurse.ids("/api/v1/patients").remove(0);
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let header = format!("00-{trace}-00f067aa0ba902b7-01");
    let path = format!("/api/v1/patients/{patient}");
    let answer = nurse.send("GET", &path, &[("traceparent", header.as_str())], None).unwrap();
    let correlation = answer.head.correlation();
    answer.expect(200);
    let line = poll("the request in the log", || {
        let text = server.process.err.text();
        text.lines().find(|line| line.contains(&correlation) && line.contains("answered")).map(str::to_owned)
    });
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["level"], &line["status"]), (&Value::from("INFO"), &Value::from(200)));
    let span = &line["span"];
    assert_eq!((&span["correlation"], &span["trace"]), (&Value::from(correlation), &Value::from(trace)));
    assert_eq!(
        (&span["route"], &span["method"]),
        (&Value::from("/api/v1/patients/{id}"), &Value::from("GET"))
    );
    // A trace of its own for who is part of none.
    let answer = nurse.get(&path).unwrap();
    let own = answer.head.correlation();
    answer.expect(200);
    let own_trace = own.replace('-', "");
    poll("its trace", || server.process.err.text().contains(&own_trace).then_some(()));
    let log = server.stop().err.whole();
    assert!(!log.contains(&patient) && !log.contains("127.0.0.1:"), "{log}");
    assert!(log.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{log}");
}
