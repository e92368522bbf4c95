//! The mix: what is asked, how often, and what came of it.

use crate::{
    client::{Answer, Client},
    register::{Register, Seen, number},
    site::{Redis, Site, credentials},
};
use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// What is asked, and how many of a hundred questions are this one.
pub(crate) const MIX: [(Kind, usize); 6] = [
    (Kind::Patient, 45),
    (Kind::Chart, 25),
    (Kind::Patients, 10),
    (Kind::Day, 10),
    (Kind::Change, 7),
    (Kind::Book, 3),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Patient,
    Chart,
    Patients,
    Day,
    Change,
    Book,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Patient => "read a patient",
            Self::Chart => "read a chart",
            Self::Patients => "list patients",
            Self::Day => "a day's appointments",
            Self::Change => "change a patient",
            Self::Book => "book",
        }
    }
}

/// What came of one question.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) kind: Kind,
    pub(crate) at: Instant,
    pub(crate) took: Duration,
    /// Nothing when the connection broke.
    pub(crate) status: Option<u16>,
    pub(crate) retry_after: bool,
    pub(crate) wrong: bool,
    /// Older than what the other server acknowledged a moment ago, which it may be.
    pub(crate) late: bool,
}

#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) told: Vec<Told>,
    pub(crate) time: Duration,
    pub(crate) killed: Option<Instant>,
}

/// What all workers know.
#[derive(Debug)]
pub(crate) struct Run {
    addresses: Vec<SocketAddr>,
    desk: String,
    doctor: String,
    registers: Vec<Register>,
    charts: Vec<String>,
    /// Free times: practitioner, location, start.
    free: Vec<(Value, Value, Value)>,
    clients: usize,
}

async fn token(client: &mut Client, user: &str) -> String {
    let answer = client.ask("POST", "/api/v1/auth/login", "", Some(&credentials(user))).await.unwrap();
    answer.json()["access_token"].as_str().expect("signed in").to_owned()
}

impl Run {
    pub(crate) async fn prepare(site: &Site, clients: usize, patients: usize) -> Self {
        let mut client = Client::new(site.addresses[0]);
        let (desk, doctor) = (token(&mut client, "receptionist").await, token(&mut client, "doctor").await);
        let mut registers = Vec::new();
        for nth in 0..patients {
            let body = json!({"family": format!("Register{}", letters(nth)), "given": "R"});
            let made = client.ask("POST", "/api/v1/patients", &desk, Some(&body)).await.unwrap().json();
            registers.push(Register::new(made["id"].as_str().expect("made").to_owned(), 1));
        }
        let mine = client.ask("GET", "/api/v1/patients?limit=200", &doctor, None).await.unwrap().json();
        let items = mine["items"].as_array().expect("a list");
        let charts = items.iter().filter_map(|item| item["id"].as_str().map(str::to_owned)).collect();
        let free = free(&mut client, &desk).await;
        let addresses = site.addresses.clone();
        Self { addresses, desk, doctor, registers, charts, free, clients }
    }

    /// Runs the mix for so long; a Redis that is given is killed after a third of it and restarted after another.
    pub(crate) async fn go(self, time: Duration, redis: Option<Redis>) -> Outcome {
        let (run, start) = (Arc::new(self), Instant::now());
        let mut workers = JoinSet::new();
        for nth in 0..run.clients {
            let run = Arc::clone(&run);
            workers.spawn(async move { Worker::new(&run, nth).until(start + time).await });
        }
        let mut killed = None;
        if let Some(redis) = redis {
            let third = time / 3;
            let both = tokio::task::spawn_blocking(move || {
                std::thread::sleep(third);
                redis.kill();
                let at = Instant::now();
                std::thread::sleep(third);
                redis.restart();
                (at, redis)
            });
            let (at, redis) = both.await.unwrap();
            killed = Some(at);
            let told = workers.join_all().await.into_iter().flatten().collect();
            drop(redis);
            return Outcome { told, time, killed };
        }
        let told = workers.join_all().await.into_iter().flatten().collect();
        Outcome { told, time, killed }
    }
}

async fn free(client: &mut Client, desk: &str) -> Vec<(Value, Value, Value)> {
    let (from, to) = (Timestamp::now() + 24.hours(), Timestamp::now() + 720.hours());
    let listed = client.ask("GET", "/api/v1/practitioners", desk, None).await.unwrap().json();
    let mut free = Vec::new();
    for with in listed["items"].as_array().expect("a list") {
        let id = with["id"].as_str().unwrap_or_default();
        let path =
            format!("/api/v1/availability?practitioner_id={id}&service=consultation&from={from}&to={to}");
        let found = client.ask("GET", &path, desk, None).await.unwrap().json();
        let slots = found["slots"].as_array().cloned().unwrap_or_default();
        free.extend(
            slots.iter().map(|slot| (with["id"].clone(), with["location_id"].clone(), slot["start"].clone())),
        );
    }
    free
}

/// A name without digits: names have none.
fn letters(mut nth: usize) -> String {
    let mut text = String::new();
    loop {
        text.push(char::from(b'a' + u8::try_from(nth % 26).unwrap_or(0)));
        nth /= 26;
        if nth == 0 {
            return text;
        }
    }
}

struct Worker<'r> {
    run: &'r Run,
    nth: usize,
    server: usize,
    client: Client,
    random: u64,
    told: Vec<Told>,
    /// A write whose end is not known: its register is read before it is written again.
    unsure: bool,
    booked: usize,
}

impl<'r> Worker<'r> {
    fn new(run: &'r Run, nth: usize) -> Self {
        let server = nth % run.addresses.len();
        let client = Client::new(run.addresses[server]);
        let random = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(nth as u64 + 1);
        Self { run, nth, server, client, random, told: Vec::new(), unsure: false, booked: 0 }
    }

    /// Xorshift: the same questions in every run.
    fn below(&mut self, most: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random >> 33).unwrap_or(0) % most.max(1)
    }

    async fn until(mut self, end: Instant) -> Vec<Told> {
        while Instant::now() < end {
            let mut left = self.below(100);
            let kind = MIX.iter().find(|(_, share)| {
                let here = left < *share;
                left = left.saturating_sub(*share);
                here
            });
            self.one(kind.map_or(Kind::Patient, |(kind, _)| *kind)).await;
        }
        self.told
    }

    async fn one(&mut self, kind: Kind) {
        match kind {
            Kind::Patient => self.read(self.run.registers.len()).await,
            Kind::Change if self.unsure => self.read(0).await,
            Kind::Change => self.change().await,
            Kind::Chart => {
                let id = self.below(self.run.charts.len());
                let path = format!("/api/v1/patients/{}/record", self.run.charts[id]);
                self.ask(kind, "GET", &path, &self.run.doctor, None).await;
            }
            Kind::Patients => {
                drop(self.ask(kind, "GET", "/api/v1/patients?limit=50", &self.run.desk, None).await)
            }
            Kind::Day => {
                let (from, to) = (Timestamp::now(), Timestamp::now() + 24.hours());
                let path = format!("/api/v1/appointments?from={from}&to={to}&limit=200");
                self.ask(kind, "GET", &path, &self.run.desk, None).await;
            }
            Kind::Book => self.book().await,
        }
    }

    async fn ask(
        &mut self,
        kind: Kind,
        method: &str,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> Option<Answer> {
        let at = Instant::now();
        let answer = self.client.ask(method, path, token, body.as_ref()).await.ok();
        let (status, retry_after) = answer.as_ref().map(|answer| (answer.status, answer.retry_after)).unzip();
        let retry_after = retry_after.unwrap_or(false);
        self.told.push(Told { kind, at, took: at.elapsed(), status, retry_after, wrong: false, late: false });
        answer
    }

    /// The register that only this worker writes.
    fn own(&self) -> &'r Register {
        &self.run.registers[self.nth]
    }

    /// Reads one of so many registers, or the worker's own.
    async fn read(&mut self, among: usize) {
        let register = if among == 0 { self.own() } else { &self.run.registers[self.below(among)] };
        let (path, floor) = (format!("/api/v1/patients/{}", register.id), register.floor(self.server));
        let answer = self.ask(Kind::Patient, "GET", &path, &self.run.desk, None).await;
        let Some(answer) = answer.filter(|answer| answer.status == 200) else { return };
        let patient = answer.json();
        let seen = register.seen(&patient, floor);
        if seen == Seen::Wrong {
            eprintln!("wrong: version {} of {} for {floor:?}", patient["version"], register.id);
        }
        let last = self.told.last_mut().expect("just told");
        (last.wrong, last.late) = (seen == Seen::Wrong, seen == Seen::Late);
        if among == 0 && self.unsure {
            self.unsure = false;
            register.acknowledge(patient["version"].as_i64().unwrap_or(1), self.server);
        }
    }

    async fn change(&mut self) {
        let register = self.own();
        let version = register.version();
        register.write(version);
        let body = json!({"version": version, "phone": number(version + 1)});
        let path = format!("/api/v1/patients/{}", register.id);
        let answer = self.ask(Kind::Change, "PATCH", &path, &self.run.desk, Some(body)).await;
        match answer.filter(|answer| answer.status == 200) {
            Some(answer) => {
                let patient = answer.json();
                self.told.last_mut().expect("just told").wrong = patient["version"] != version + 1;
                register.acknowledge(version + 1, self.server);
            }
            None => self.unsure = true,
        }
    }

    async fn book(&mut self) {
        let nth = self.nth + self.booked * self.run.clients;
        self.booked += 1;
        let Some((practitioner, location, start)) = self.run.free.get(nth) else {
            return self.read(self.run.registers.len()).await;
        };
        let body = json!({
            "patient_id": self.own().id, "practitioner_id": practitioner, "location_id": location,
            "service": "consultation", "start": start,
        });
        self.ask(Kind::Book, "POST", "/api/v1/appointments", &self.run.desk, Some(body)).await;
    }
}

/// How often each status was answered.
pub(crate) fn statuses(told: &[Told]) -> BTreeMap<String, usize> {
    let mut statuses = BTreeMap::new();
    for one in told {
        let name = one.status.map_or("broken connection".to_owned(), |status| status.to_string());
        *statuses.entry(name).or_default() += 1;
    }
    statuses
}
