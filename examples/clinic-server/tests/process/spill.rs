//! The disk of the audit log fails: all is refused but emergency access, whose records go to a second place.

use super::{
    client::{Answer, Client},
    server::Server,
    site::Site,
};
use serde_json::{Value, json};
use std::{fs, path::Path, process::Command};

const EMERGENCY: [(&str, &str); 1] = [("x-purpose-of-use", "ETREAT")];

/// A server that is told by the system when a file is as large as may be, and is not ended for it.
fn start(site: &Site, second: &Path) -> Server {
    let program = site.command(&site.data());
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(program.get_program());
    command.args(program.get_args()).arg("--audit-spill").arg(second);
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    Server::start(&mut command)
}

/// The log can be read and takes nothing more.
fn fail_log(site: &Site, server: &Server) {
    let segments = fs::read_dir(site.data().join("audit/serve")).unwrap();
    let longest = segments.map(|segment| segment.unwrap().metadata().unwrap().len()).max().unwrap();
    server.process.limit_files(longest + 10);
}

fn begin(doctor: &mut Client, path: &str) -> String {
    let body = json!({"reason": "Unconscious after a fall, nobody with her"});
    let glass = doctor.post(&format!("{path}/break-glass"), &body).unwrap().expect(201);
    glass["id"].as_str().unwrap().to_owned()
}

fn emergency(doctor: &mut Client, path: &str) -> Answer {
    doctor.send("GET", path, &EMERGENCY, None).unwrap()
}

fn emergency_access_outlives_the_logs_disk(site: &Site) {
    let second = site.path("second");
    let server = start(site, &second);
    let mut desk = Client::signed_in(server.address, "receptionist");
    let body = json!({"family": "Quillon", "given": "Test", "phone": "+1 202 555 0143"});
    let patient =
        desk.post("/api/v1/patients", &body).unwrap().expect(201)["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/patients/{patient}");
    let mut doctor = Client::signed_in(server.address, "doctor");
    // On SQLite the database is a file of the same process, and takes nothing more either.
    let before = (!site.is_postgres()).then(|| begin(&mut doctor, &path));
    fail_log(site, &server);
    for _ in 0..3 {
        let refused = desk.get(&path).unwrap();
        assert_eq!((refused.status(), refused.code().as_str()), (503, "AUDIT_UNAVAILABLE"));
    }
    let glass = before.unwrap_or_else(|| begin(&mut doctor, &path));
    assert_eq!(emergency(&mut doctor, &path).expect(200)["family"], "Quillon");
    assert_eq!(doctor.get("/api/v1/practitioners").unwrap().status(), 503, "nothing else");
    drop(server);

    let server = start(site, &second);
    let mut officer = Client::signed_in(server.address, "compliance-officer");
    let report = officer.get(&format!("/api/v1/break-glass/{glass}")).unwrap().expect(200);
    let read = |of: &Value| of["kind"] == "patient" && of["action"] == "read" && of["purpose"] == "ETREAT";
    assert!(report["accesses"].as_array().unwrap().iter().any(read), "{report}");
    let mut auditor = Client::signed_in(server.address, "auditor");
    let found = auditor.get(&format!("/api/v1/audit?place=second&patient_id={patient}")).unwrap().expect(200);
    assert!(found["items"].as_array().unwrap().iter().any(read), "{found}");
    let log = auditor.get(&format!("/api/v1/audit?patient_id={patient}&action=read")).unwrap().expect(200);
    assert!(!log["items"].as_array().unwrap().iter().any(read), "it could not take it: {log}");
    assert_eq!(auditor.get("/api/v1/audit?place=third").unwrap().status(), 422);
    let verdict = auditor.get("/api/v1/audit/verify").unwrap().expect(200);
    assert_eq!(verdict["sound"], true, "{verdict}");
    server.stop();
    let verified = site.run(&["audit", "verify", "--audit-spill", second.to_str().unwrap()]);
    assert!(verified.out.whole().contains(second.join("serve").to_str().unwrap()));
}

#[test]
fn emergency_access_outlives_the_logs_disk_on_sqlite() {
    emergency_access_outlives_the_logs_disk(&Site::sqlite());
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
fn emergency_access_outlives_the_logs_disk_on_postgres() {
    emergency_access_outlives_the_logs_disk(&Site::postgres());
}

/// A second place that cannot be used is no second place, and that is said before it is needed.
#[test]
fn a_second_place_that_cannot_be_used_is_refused_at_the_start() {
    let site = Site::sqlite();
    fs::write(site.path("file"), "").unwrap();
    let mut process = site.run(&["--audit-spill", site.path("file").to_str().unwrap()]);
    assert_eq!(process.wait().code(), Some(2));
    assert!(process.err.whole().contains("--audit-spill"), "{}", process.err.whole());
}
