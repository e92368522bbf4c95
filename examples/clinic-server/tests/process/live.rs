//! A board that is told at once, with three processes: one answers, one works, one holds the sockets.

use super::{DEADLINE, client::Client, poll, server::Server, site::Site};
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpStream};
use tokio_tungstenite::tungstenite::{
    Error, HandshakeError, Message, WebSocket, client, client::IntoClientRequest,
};

fn start(site: &Site, process: &str) -> Server {
    Server::start(site.command(&site.data()).args(["--ops-listen", "127.0.0.1:0", process]))
}

/// What operators read of it, of these names.
fn measured(server: &Server, names: &[&str]) -> Vec<String> {
    let ops = server.process.out.after("Operators on http://").unwrap();
    let ops = ops.split(": /").next().unwrap().parse().unwrap();
    let metrics = Client::new(ops).get("/metrics").unwrap().text();
    let found = metrics.lines().filter(|line| names.iter().any(|name| line.starts_with(&format!("{name} "))));
    found.map(str::to_owned).collect()
}

struct Board(WebSocket<TcpStream>);

impl Board {
    /// In the room, with a ticket of the process that holds the sockets, for a sign-in at the one that answers.
    fn join(at: SocketAddr, token: &str, since: &Value) -> (Self, Value) {
        Self::open(at, token).expect("a socket").joined(since)
    }

    /// The socket, or the status with which it was refused.
    fn open(at: SocketAddr, token: &str) -> Result<Self, u16> {
        let ticket = Client::with_token(at, token).post("/api/v1/ws-ticket", &json!({})).unwrap();
        if ticket.status() != 200 {
            return Err(ticket.status());
        }
        let ticket = ticket.json();
        let mut request = format!("ws://{at}/ws").into_client_request().unwrap();
        let offer = format!("healthcare.v1, ticket.{}", ticket["ticket"].as_str().unwrap());
        request.headers_mut().insert("sec-websocket-protocol", offer.parse().unwrap());
        let stream = TcpStream::connect(at).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        match client(request, stream) {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(HandshakeError::Failure(Error::Http(answer))) => Err(answer.status().as_u16()),
            Err(other) => panic!("{other}"),
        }
    }

    fn joined(mut self, since: &Value) -> (Self, Value) {
        let mut wish = json!({"type": "join", "room": "board"});
        if !since.is_null() {
            wish["since"] = json!({"epoch": since["epoch"], "offset": since["offset"]});
        }
        self.0.send(Message::text(wish.to_string())).unwrap();
        let joined = self.next();
        assert_eq!(joined["type"], "joined", "{joined}");
        (self, joined)
    }

    fn frame(&mut self) -> Message {
        loop {
            match self.0.read().unwrap() {
                Message::Ping(_) | Message::Pong(_) => {}
                frame => return frame,
            }
        }
    }

    fn next(&mut self) -> Value {
        match self.frame() {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// What happened to which appointment.
    fn told(&mut self) -> (String, String) {
        let told = self.next();
        let text = |name: &str| told[name].as_str().unwrap_or_else(|| panic!("{told}")).to_owned();
        (text("kind"), text("id"))
    }

    fn closed(&mut self) -> u16 {
        loop {
            match self.frame() {
                Message::Text(_) => {}
                Message::Close(Some(frame)) => return frame.code.into(),
                other => panic!("{other:?}"),
            }
        }
    }
}

/// Books a time of a Wednesday. Its id.
fn book(desk: &mut Client, time: &str) -> String {
    let day = jiff::Zoned::now().date().nth_weekday(2, jiff::civil::Weekday::Wednesday).unwrap();
    let body = json!({"patient_id": desk.ids("/api/v1/patients")[0], "practitioner_id": desk.ids("/api/v1/practitioners")[0],
        "location_id": desk.ids("/api/v1/locations")[0], "service": "consultation",
        "start": format!("{day}T{time}:00"), "duration_minutes": 15});
    let booked = desk.post("/api/v1/appointments", &body).unwrap().expect(201);
    booked["id"].as_str().unwrap().to_owned()
}

fn three_processes_have_one_board(site: &Site) {
    let serve = start(site, "serve");
    let (worker, realtime) = (start(site, "worker"), start(site, "realtime"));
    let mut desk = Client::signed_in(serve.address, "receptionist");
    let mut nurse = Client::signed_in(serve.address, "nurse");
    // Each answers for what it does, and says of the rest that it is not there.
    nurse.post("/api/v1/ws-ticket", &json!({})).unwrap().expect(404);
    Client::with_token(realtime.address, &nurse.token()).get("/api/v1/patients").unwrap().expect(404);
    Client::new(realtime.address).post("/api/v1/ws-ticket", &json!({})).unwrap().expect(401);
    Client::new(realtime.address).get("/readyz").unwrap().expect(200);

    let (mut board, joined) = Board::join(realtime.address, &nurse.token(), &Value::Null);
    let one = book(&mut desk, "11:00");
    assert_eq!(board.told(), ("appointment.booked".to_owned(), one.clone()));
    let names = ["live_events_delivered_total", "live_rooms", "live_sockets", "live_sockets_too_slow_total"];
    let mut expected =
        names.iter().zip([1, 1, 1, 0]).map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>();
    expected.sort();
    let mut found = measured(&realtime, &names);
    found.sort();
    assert_eq!(found, expected);
    assert!(measured(&serve, &names).is_empty(), "it has none");
    // Nobody waits for a worker to see what was booked.
    worker.kill();
    let two = book(&mut desk, "11:30");
    assert_eq!(board.told(), ("appointment.booked".to_owned(), two));
    // A process that was stopped for a while has passed over nothing.
    realtime.process.signal("STOP");
    let three = book(&mut desk, "12:00");
    let cancelled = json!({"reason": "feels better"});
    desk.post(&format!("/api/v1/appointments/{one}/cancel"), &cancelled).unwrap().expect(200);
    realtime.process.signal("CONT");
    let told = [board.told(), board.told()];
    assert_eq!(told, [("appointment.booked".to_owned(), three), ("appointment.cancelled".to_owned(), one)]);

    // One that was killed says that it does not know what was missed.
    realtime.kill();
    let four = book(&mut desk, "12:30");
    let realtime = start(site, "realtime");
    let (mut board, again) = Board::join(realtime.address, &nurse.token(), &joined);
    assert_eq!(again["recovered"], false, "{again}");
    assert_ne!(again["epoch"], joined["epoch"]);
    let five = book(&mut desk, "13:00");
    assert_eq!(board.told().1, five, "and not {four}, which is in what is read now");
    // Signed out at the other process, the socket ends as well.
    nurse.post("/api/v1/auth/logout", &json!({})).unwrap().expect(204);
    assert_eq!(board.closed(), 4001);
    realtime.stop();
    serve.stop();
}

#[test]
fn three_processes_on_one_file_have_one_board() {
    three_processes_have_one_board(&Site::sqlite());
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
fn three_processes_have_one_board_on_postgres() {
    three_processes_have_one_board(&Site::postgres());
}

/// A board that is not told what happens says so: its socket is closed, and opened again once it is told.
#[test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
fn a_board_that_cannot_be_told_is_closed() {
    let site = Site::postgres();
    let server = start(&site, "all");
    let mut desk = Client::signed_in(server.address, "receptionist");
    let (mut board, joined) = Board::join(server.address, &desk.token(), &Value::Null);
    site.execute("REVOKE SELECT ON outbox FROM healthcare_relay");
    let missed = book(&mut desk, "11:00");
    assert_eq!(board.closed(), 1013);
    // However many ask, nothing else is refused for it.
    for _ in 0..20 {
        assert_eq!(Board::open(server.address, &desk.token()).err(), Some(503));
    }
    Client::with_token(server.address, &desk.token()).get("/api/v1/locations").unwrap().expect(200);
    let health = Client::new(server.address).get("/health").unwrap().expect(200);
    assert_eq!(health["status"], "degraded", "{health}");
    site.execute("GRANT SELECT ON outbox TO healthcare_relay");
    let board = poll("the board to be told again", || Board::open(server.address, &desk.token()).ok());
    let (mut board, again) = board.joined(&joined);
    // What was committed meanwhile is one of the events that came back with the place.
    assert_eq!(again["recovered"], true, "{again}");
    assert_eq!(board.told(), ("appointment.booked".to_owned(), missed));
    server.stop();
}
