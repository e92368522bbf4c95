//! From a booking to a mail server of another make; and what of it anybody else can see.

use super::{client::Client, poll, server::Server, site::Site};
use serde_json::{Value, json};
use std::{fs, path::PathBuf, process::Command};

/// The sink of `cargo xtask test`: where it listens, and the directory in which it keeps what it is given.
struct Sink {
    url: String,
    directory: PathBuf,
}

impl Sink {
    fn find() -> Self {
        let url = std::env::var("HEALTHCARE_TEST_SMTP_SINK").expect("set it, or run cargo xtask test");
        let at = url.strip_prefix("smtp://").and_then(|rest| rest.find('/')).unwrap() + "smtp://".len();
        Self { directory: PathBuf::from(&url[at..]), url: url[..at].to_owned() }
    }

    /// What it has for this address, in the order in which it came.
    fn kept(&self, to: &str) -> Vec<Value> {
        let entries = fs::read_dir(self.directory.join("mail")).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> =
            entries.filter(|path| path.extension().is_some_and(|kind| kind == "json")).collect();
        files.sort();
        let kept =
            files.iter().map(|path| serde_json::from_slice::<Value>(&fs::read(path).unwrap()).unwrap());
        kept.filter(|kept| kept["to"][0] == to).collect()
    }

    fn until(&self, to: &str, count: usize) -> Vec<Value> {
        poll("the e-mail to arrive", || Some(self.kept(to)).filter(|kept| kept.len() >= count))
    }
}

fn start(site: &Site, process: &str, data: &str, url: &str) -> Server {
    let data = site.path(data);
    let mut command: Command = site.command(&data);
    command.args(["--smtp-url", url, "--mail-from", "Quay Practice <post@quay.example>"]);
    command.args(["--ops-listen", "127.0.0.1:0", process]);
    if data != site.data() {
        command.arg("--key-file").arg(site.key_file());
    }
    Server::start(&mut command)
}

/// Registers somebody at this address and books for them; the appointment's id and version.
fn booked(client: &mut Client, address: &str) -> (String, i64) {
    let patient = json!({"family": "Canary", "given": "Yellow", "email": address});
    let patient = client.post("/api/v1/patients", &patient).unwrap().expect(201);
    let practitioner = client.ids("/api/v1/practitioners").remove(0);
    let location = client.ids("/api/v1/locations").remove(0);
    let now = jiff::Timestamp::now();
    let day = |days: i64| now + jiff::SignedDuration::from_hours(24 * days);
    let path = format!(
        "/api/v1/availability?practitioner_id={practitioner}&service=consultation&from={}&to={}",
        day(5),
        day(12)
    );
    let slot = client.get(&path).unwrap().expect(200)["slots"][0]["start"].clone();
    let body = json!({"patient_id": patient["id"], "practitioner_id": practitioner, "location_id": location,
                      "service": "consultation", "start": slot, "note": "a canary note"});
    let made = client.post("/api/v1/appointments", &body).unwrap().expect(201);
    (made["id"].as_str().unwrap().to_owned(), made["version"].as_i64().unwrap())
}

fn cancel(client: &mut Client, (id, version): &(String, i64)) {
    let body = json!({"version": version, "reason": "a canary reason"});
    client.post(&format!("/api/v1/appointments/{id}/cancel"), &body).unwrap().expect(200);
}

fn address() -> String {
    format!("canary-{}@patients.example", uuid::Uuid::now_v7().simple())
}

/// In one process, and in two: who answers enqueues nothing of its own, the worker hears of it through the outbox.
fn a_booking_arrives(site: &Site, processes: &[(&str, &str)]) {
    let sink = Sink::find();
    let servers: Vec<_> =
        processes.iter().map(|(process, data)| start(site, process, data, &sink.url)).collect();
    let mut client = Client::signed_in(servers[0].address, "receptionist");
    let address = address();
    let appointment = booked(&mut client, &address);
    let kept = sink.until(&address, 1);
    assert_eq!(kept[0]["subject"], "Your appointment at Harbour Clinic");
    assert_eq!(kept[0]["from"], "post@quay.example");
    cancel(&mut client, &appointment);
    let kept = sink.until(&address, 2);
    assert_eq!(kept[1]["subject"], "Your appointment at Harbour Clinic is cancelled");
    poll("the reminder to be cancelled", || {
        let cancelled = "SELECT count(*) FROM job WHERE kind = 'appointment.remind' AND state = 'cancelled'";
        (site.number(cancelled) == 1).then_some(())
    });
    for message in &kept {
        let whole = message.to_string();
        for canary in ["Canary", "Yellow", "canary note", "canary reason", "onsultation"] {
            assert!(!whole.contains(canary), "{canary} in {whole}");
        }
    }
    let written: String = servers
        .into_iter()
        .map(|server| {
            let process = server.stop();
            process.out.whole() + &process.err.whole()
        })
        .collect();
    for canary in [address.as_str(), "Canary", "canary note", "You are expected", "is booked for"] {
        assert!(!written.contains(canary), "{canary} in the log: {written}");
    }
    assert_eq!(sink.kept(&address).len(), 2, "each once");
}

#[test]
#[ignore = "needs an SMTP sink: cargo xtask test"]
fn a_booking_is_told_by_email() {
    a_booking_arrives(&Site::sqlite(), &[("all", "data")]);
}

#[test]
#[ignore = "needs PostgreSQL and an SMTP sink: cargo xtask test"]
fn a_booking_at_one_process_is_told_by_another() {
    a_booking_arrives(&Site::postgres(), &[("serve", "data"), ("worker", "data")]);
}

/// A production that was given no mail server does not count as told what went to the log alone.
#[test]
fn what_goes_to_the_log_alone_is_counted_as_that_and_said_at_the_start() {
    let site = Site::sqlite();
    let server = Server::start(site.command(&site.data()).args(["--ops-listen", "127.0.0.1:0"]));
    let ops = server.process.out.after("Operators on http://").unwrap();
    let ops = ops.split(':').take(2).collect::<Vec<_>>().join(":").parse().unwrap();
    assert!(server.process.err.text().contains("no mail server is set: patients are told nothing"));
    let mut client = Client::signed_in(server.address, "receptionist");
    booked(&mut client, &address());
    let metrics = poll("it to be counted", || {
        let metrics = Client::new(ops).get("/metrics").unwrap().text();
        metrics.contains("clinic_emails_total{").then_some(metrics)
    });
    assert!(metrics.contains("outcome=\"logged\"") && !metrics.contains("outcome=\"accepted\""), "{metrics}");
    server.stop();
}

#[test]
fn a_mail_server_that_is_away_costs_a_booking_nothing_and_is_told_to_operators() {
    let site = Site::sqlite();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", closed.local_addr().unwrap());
    drop(closed);
    let server = start(&site, "all", "data", &url);
    let ops = server.process.out.after("Operators on http://").unwrap();
    let ops = ops.split(':').take(2).collect::<Vec<_>>().join(":").parse().unwrap();
    let mut client = Client::signed_in(server.address, "receptionist");
    for _ in 0..5 {
        booked(&mut client, &address());
    }
    poll("the circuit to open", || {
        let detailed = Client::new(ops).get("/health/detailed").unwrap().text();
        detailed.contains("\"email\"").then_some(())?;
        let waiting = "SELECT count(*) FROM job WHERE kind = 'appointment.email' AND state = 'waiting'";
        (site.number(waiting) == 5).then_some(())
    });
    assert_eq!(client.get("/readyz").unwrap().status(), 200);
    let process = server.stop();
    assert!(!process.err.whole().contains("@patients.example"));
}
