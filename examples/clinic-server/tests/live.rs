//! The board that is told at once, as a client of another make sees it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;

use clinic_server::commands::Running;
use common::{Client, Site};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::{net::SocketAddr, time::Duration};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest, http::Request},
};

on_both_databases!(
    a_booking_is_told_to_the_board_of_its_clinic_alone,
    what_was_missed_is_told_to_who_comes_back,
    a_sign_in_that_ends_takes_its_sockets_with_it,
);

/// A machine may be slow; a message that is never sent is missed by any limit.
const LONG: Duration = Duration::from_secs(30);

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

struct Socket(Stream);

fn request(address: SocketAddr, ticket: &str) -> Request<()> {
    let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
    let offer = format!("healthcare.v1, ticket.{ticket}");
    request.headers_mut().insert("sec-websocket-protocol", offer.parse().unwrap());
    request
}

async fn ticket(client: &Client) -> String {
    let view = client.post("/api/v1/ws-ticket", &json!({})).await.expect(200).json();
    assert_eq!((view["expires_in"].as_u64(), view["protocol"].as_str()), (Some(30), Some("healthcare.v1")));
    view["ticket"].as_str().unwrap().to_owned()
}

/// The status with which a handshake is refused.
async fn refused(request: Request<()>) -> u16 {
    match connect_async(request).await {
        Err(Error::Http(response)) => response.status().as_u16(),
        other => panic!("{other:?}"),
    }
}

impl Socket {
    async fn open(client: &Client) -> Self {
        let request = request(client.address, &ticket(client).await);
        let (stream, response) = connect_async(request).await.unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], "healthcare.v1");
        Self(stream)
    }

    async fn joined(client: &Client) -> (Self, Value) {
        let mut socket = Self::open(client).await;
        socket.say(&json!({"type": "join", "room": "board"})).await;
        let joined = socket.next().await;
        assert_eq!((joined["type"].as_str(), joined["room"].as_str()), (Some("joined"), Some("board")));
        (socket, joined)
    }

    async fn say(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    async fn frame(&mut self) -> Option<Message> {
        loop {
            match timeout(LONG, self.0.next()).await.expect("something comes") {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(frame)) => return Some(frame),
                Some(Err(_)) | None => return None,
            }
        }
    }

    async fn next(&mut self) -> Value {
        match self.frame().await {
            Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// The next message that is no news of who is here.
    async fn event(&mut self) -> Value {
        loop {
            let next = self.next().await;
            if next["type"] != "presence" {
                return next;
            }
        }
    }

    async fn presence(&mut self) -> Value {
        loop {
            let next = self.next().await;
            if next["type"] == "presence" {
                return next;
            }
        }
    }

    async fn closed(&mut self) -> u16 {
        match self.frame().await {
            Some(Message::Close(Some(frame))) => frame.code.into(),
            other => panic!("{other:?}"),
        }
    }
}

async fn first(client: &Client, path: &str) -> String {
    client.get(path).await.expect(200).json()["items"][0]["id"].as_str().unwrap().to_owned()
}

/// Books a time on a Wednesday, and says what the answer says.
async fn book(desk: &Client, time: &str) -> Value {
    let day = jiff::Zoned::now().date().nth_weekday(2, jiff::civil::Weekday::Wednesday).unwrap();
    let booking = json!({"patient_id": first(desk, "/api/v1/patients").await,
        "practitioner_id": first(desk, "/api/v1/practitioners").await,
        "location_id": first(desk, "/api/v1/locations").await, "service": "consultation",
        "start": format!("{day}T{time}"), "duration_minutes": 15});
    desk.post("/api/v1/appointments", &booking).await.expect(201).json()
}

async fn people(running: &Running) -> (Client, Client) {
    let desk = Client::signed_in(running.address, "receptionist@harbour.example").await;
    let nurse = Client::signed_in(running.address, "nurse@harbour.example").await;
    (desk, nurse)
}

async fn a_booking_is_told_to_the_board_of_its_clinic_alone(site: Site) {
    let running = site.start().await;
    let (desk, nurse) = people(&running).await;
    let hill = Client::signed_in(running.address, "nurse@hill.example").await;
    let (mut board, joined) = Socket::joined(&nurse).await;
    let (mut elsewhere, _) = Socket::joined(&hill).await;
    assert_eq!(
        (joined["recovered"].as_bool(), joined["present"].as_array().map(Vec::len)),
        (Some(false), Some(0))
    );

    let booked = book(&desk, "11:00:00").await;
    let told = board.event().await;
    let id = booked["id"].as_str().unwrap();
    let expected = json!({"type": "event", "room": "board", "offset": joined["offset"].as_u64().unwrap() + 1,
        "kind": "appointment.booked", "record": "appointment", "id": id, "version": 1});
    assert_eq!(told, expected, "ids and kinds, and nothing else");

    // The other clinic is told of its own, and that is the first it hears.
    let other_desk = Client::signed_in(running.address, "receptionist@hill.example").await;
    let other = book(&other_desk, "11:00:00").await;
    assert_eq!(elsewhere.event().await["id"], other["id"]);

    desk.post(&format!("/api/v1/appointments/{id}/cancel"), &json!({"reason": "feels better"}))
        .await
        .expect(200);
    let told = board.event().await;
    assert_eq!((told["kind"].as_str(), told["id"].as_str()), (Some("appointment.cancelled"), Some(id)));
    assert!(!told.to_string().contains("better"));
    running.stop().await;
    assert_eq!(board.closed().await, 1001);
}

async fn what_was_missed_is_told_to_who_comes_back(site: Site) {
    let running = site.start().await;
    let (desk, nurse) = people(&running).await;
    let (board, joined) = Socket::joined(&nurse).await;
    // Somebody else stays, so that it is seen when the events have come.
    let (mut watch, _) = Socket::joined(&desk).await;
    drop(board);
    let (one, two) = (book(&desk, "11:00:00").await, book(&desk, "11:30:00").await);
    watch.event().await;
    watch.event().await;
    let since = json!({"epoch": joined["epoch"], "offset": joined["offset"]});
    let mut board = Socket::open(&nurse).await;
    board.say(&json!({"type": "join", "room": "board", "since": since})).await;
    let again = board.next().await;
    assert_eq!((again["recovered"].as_bool(), &again["epoch"]), (Some(true), &joined["epoch"]), "{again}");
    assert_eq!(again["offset"].as_u64().unwrap(), joined["offset"].as_u64().unwrap() + 2);
    assert_eq!(
        (board.event().await["id"].clone(), board.event().await["id"].clone()),
        (one["id"].clone(), two["id"].clone())
    );
    // A place that nobody knows any more is said to be none.
    let mut lost = Socket::open(&nurse).await;
    let since = json!({"epoch": "0000000000000001", "offset": 0});
    lost.say(&json!({"type": "join", "room": "board", "since": since})).await;
    assert_eq!(lost.next().await["recovered"], false);
    running.stop().await;
}

async fn a_sign_in_that_ends_takes_its_sockets_with_it(site: Site) {
    let running = site.start().await;
    let (desk, nurse) = people(&running).await;
    let (mut board, _) = Socket::joined(&nurse).await;
    let unused = ticket(&nurse).await;
    nurse.post("/api/v1/auth/logout", &json!({})).await.expect(204);
    // Whoever has signed out is told nothing of what comes after.
    book(&desk, "11:00:00").await;
    assert_eq!(board.closed().await, 4001);
    assert_eq!(refused(request(running.address, &unused)).await, 401, "a ticket of an ended sign-in");
    // Ended elsewhere: it is found within the time that a sign-in is believed, and a recheck.
    let (mut other, _) = Socket::joined(&desk).await;
    let claims = running.server.app.tokens.verify(desk.token.as_deref().unwrap()).unwrap();
    end_elsewhere(&site, claims.session.as_uuid()).await;
    let end = loop {
        match other.frame().await {
            // The booking from before.
            Some(Message::Text(_)) => {}
            Some(Message::Close(Some(frame))) => break u16::from(frame.code),
            gone => panic!("{gone:?}"),
        }
    };
    assert_eq!(end, 4001);
    running.stop().await;
}

/// What another process does to end a sign-in.
async fn end_elsewhere(site: &Site, session: uuid::Uuid) {
    use clinic_server::config::DatabaseConfig;
    use sqlx::Connection;
    match &site.config.database {
        DatabaseConfig::Sqlite(path) => {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
            let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
            let ended = sqlx::query(
                "UPDATE session SET revoked_at = created_at, revoked_why = 'sign-out' WHERE id = $1",
            )
            .bind(session)
            .execute(&mut connection)
            .await
            .unwrap();
            assert_eq!(ended.rows_affected(), 1);
        }
        DatabaseConfig::Postgres { application, .. } => {
            let mut connection = sqlx::PgConnection::connect(application.expose()).await.unwrap();
            sqlx::query("SET search_path = main").execute(&mut connection).await.unwrap();
            let ended = sqlx::query(
                "UPDATE session SET revoked_at = created_at, revoked_why = 'sign-out' WHERE id = $1",
            )
            .bind(session)
            .execute(&mut connection)
            .await
            .unwrap();
            assert_eq!(ended.rows_affected(), 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_is_good_once_and_a_page_from_elsewhere_opens_nothing() {
    let site = Site::sqlite();
    let running = site.start().await;
    let (_, nurse) = people(&running).await;
    let used = ticket(&nurse).await;
    connect_async(request(running.address, &used)).await.unwrap();
    assert_eq!(refused(request(running.address, &used)).await, 401);
    assert_eq!(refused(request(running.address, &"0".repeat(64))).await, 401);
    let fresh = ticket(&nurse).await;
    let from = |origin: &str| {
        let mut request = request(running.address, &fresh);
        request.headers_mut().insert("origin", origin.parse().unwrap());
        request
    };
    assert_eq!(refused(from("http://evil.example")).await, 403);
    assert_eq!(refused(from("null")).await, 403);
    // Refused before it was looked at, the ticket is good still; and the address is no place for one.
    let mut in_address = format!("ws://{}/ws?ticket={fresh}", running.address).into_client_request().unwrap();
    in_address.headers_mut().insert("sec-websocket-protocol", "healthcare.v1".parse().unwrap());
    assert_eq!(refused(in_address).await, 401);
    connect_async(from(&format!("http://{}", running.address))).await.unwrap();
    // Without a handshake there is no socket.
    // A page shows its form token; a form without one, or a link from elsewhere, gets no ticket.
    let cookie = format!("clinic={}", nurse.token.as_deref().unwrap());
    let browser = Client::new(running.address).with("cookie", &cookie);
    let page = browser.get("/patients").await.expect(200);
    let seed = page.headers.iter().find(|(_, value)| value.starts_with("clinic-seed=")).unwrap().1.clone();
    let browser = browser.with("cookie", seed.split(';').next().unwrap());
    let token = page.body.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(browser.form("/live/ticket", &[]).await.expect(403).code(), "AUTH_CSRF_INVALID");
    let view = browser.form("/live/ticket", &[("csrf", token)]).await.expect(200).json();
    connect_async(request(running.address, view["ticket"].as_str().unwrap())).await.unwrap();
    let plain = nurse.get("/ws").await.expect(400);
    assert_eq!(plain.code(), "REQUEST_MALFORMED");
    Client::new(running.address).post("/api/v1/ws-ticket", &json!({})).await.expect(401);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_who_may_list_the_appointments_is_let_in() {
    let site = Site::sqlite();
    let running = site.start().await;
    let patient = Client::signed_in(running.address, "patient@harbour.example").await;
    let (desk, nurse) = people(&running).await;
    for (client, room) in [(&patient, "board"), (&nurse, "boards"), (&nurse, "chart:1")] {
        let mut socket = Socket::open(client).await;
        socket.say(&json!({"type": "join", "room": room})).await;
        assert_eq!(socket.next().await, json!({"type": "refused", "room": room, "reason": "denied"}));
        book_free(&desk).await;
        socket.say(&json!({"type": "leave", "room": room})).await;
        assert_eq!(socket.next().await["type"], "left", "nothing was told to who is not in");
    }
    // Colleagues see each other come and go, once for all tabs of one.
    let (mut first, _) = Socket::joined(&nurse).await;
    let (second, joined) = Socket::joined(&desk).await;
    assert_eq!(joined["present"].as_array().unwrap().len(), 1);
    let (third, _) = Socket::joined(&desk).await;
    let came = first.presence().await;
    assert_eq!((came["type"].as_str(), came["here"].as_bool()), (Some("presence"), Some(true)));
    drop(second);
    drop(third);
    let went = first.presence().await;
    assert_eq!((&went["user"], went["here"].as_bool()), (&came["user"], Some(false)));
    running.stop().await;
}

/// Books any time that is free.
async fn book_free(desk: &Client) {
    for hour in 9..16 {
        let day = jiff::Zoned::now().date().nth_weekday(3, jiff::civil::Weekday::Thursday).unwrap();
        let booking = json!({"patient_id": first(desk, "/api/v1/patients").await,
            "practitioner_id": first(desk, "/api/v1/practitioners").await,
            "location_id": first(desk, "/api/v1/locations").await, "service": "consultation",
            "start": format!("{day}T{hour:02}:00:00"), "duration_minutes": 15});
        if desk.post("/api/v1/appointments", &booking).await.status == 201 {
            return;
        }
    }
    panic!("nothing is free");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_documented_closes_the_socket_with_its_number() {
    let site = Site::sqlite();
    let running = site.start().await;
    let (_, nurse) = people(&running).await;
    let long = json!({"type": "leave", "room": "x".repeat(5_000)}).to_string();
    let faults = [
        (Message::text("hello"), 4004),
        (Message::text(r#"{"type":"publish","room":"board"}"#), 4004),
        (Message::text(r#"{"type":"join","room":"Board"}"#), 4004),
        (Message::binary(vec![1, 2, 3]), 4004),
        (Message::text(long), 1009),
        (Message::text("x".repeat(20_000)), 1009),
    ];
    for (fault, code) in faults {
        let mut socket = Socket::open(&nurse).await;
        socket.0.send(fault.clone()).await.unwrap();
        assert_eq!(socket.closed().await, code, "{:.60}", fault.to_string());
    }
    let mut socket = Socket::open(&nurse).await;
    for _ in 0..65 {
        let _ = socket.0.send(Message::text(r#"{"type":"leave","room":"board"}"#)).await;
    }
    loop {
        match socket.frame().await {
            Some(Message::Text(_)) => {}
            Some(Message::Close(Some(frame))) => break assert_eq!(u16::from(frame.code), 4005),
            // The rest of what was sent may have come to a closed door, and taken the reason with it.
            _ => break,
        }
    }
    running.stop().await;
}
