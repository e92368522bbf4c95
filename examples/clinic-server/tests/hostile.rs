//! What a client may send who means no good: every byte of it is answered as the client's doing, and nobody else notices.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;

use common::{Answer, Client, Site, send_bytes};
use serde_json::{Value, json};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const LOGIN: &str = "POST /api/v1/auth/login HTTP/1.1\r\nhost: t\r\nconnection: close\r\n";

async fn raw(address: SocketAddr, head: &str, body: &[u8]) -> Answer {
    send_bytes(address, &[head.as_bytes(), b"\r\n", body].concat()).await
}

async fn login_with(address: SocketAddr, headers: &str, body: &[u8]) -> Answer {
    raw(address, &format!("{LOGIN}content-length: {}\r\n{headers}", body.len()), body).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_two_programs_could_read_differently_is_refused() {
    let site = Site::sqlite();
    let running = site.start().await;
    let at = running.address;
    let get = |headers: &str| format!("GET /livez HTTP/1.1\r\nconnection: close\r\n{headers}");
    raw(at, &get("host: t\r\n"), b"").await.expect(200);
    raw(at, &get(""), b"").await.expect(400);
    raw(at, &get("host: a\r\nhost: b\r\n"), b"").await.expect(400);
    raw(at, "GET /livez HTTP/1.0\r\n", b"").await.expect(200);
    let json = "content-type: application/json\r\n";
    login_with(at, &format!("{json}content-length: 3\r\n"), b"{}").await.expect(400);
    let twice = login_with(at, &format!("{json}content-type: text/plain\r\n"), b"{}").await.expect(415);
    assert_eq!(twice.code(), "REQUEST_UNSUPPORTED_MEDIA_TYPE");
    login_with(at, &format!("{json}content-encoding: gzip\r\n"), b"{}").await.expect(415);
    for wrong in ["transfer-encoding: chunked, gzip\r\n", "x: a\r\n b\r\n", "x\r\n", " x: y\r\n"] {
        let answer = login_with(at, &format!("{json}{wrong}"), b"{}").await;
        assert_eq!(answer.status, 400, "{wrong:?}: {answer:?}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_is_an_object_in_json_and_nothing_else() {
    let site = Site::sqlite();
    let running = site.start().await;
    let desk = Client::signed_in(running.address, "receptionist@harbour.example").await;
    // serde reads a list as the fields in their order.
    for body in [json!([]), json!([null, null]), json!("x"), json!(1), Value::Null] {
        let answer = desk.post("/api/v1/patients/search", &body).await.expect(400);
        assert_eq!(answer.code(), "REQUEST_MALFORMED", "{body}");
    }
    let address =
        json!({"family": "A", "given": "B", "address": [["1 Quay Street"], "Boston", null, null, null]});
    desk.post("/api/v1/patients", &address).await.expect(400);
    for body in
        [&b"{\"family\": \"\xff\xfe\"}"[..], b"{\"family\": \"a\", \"family\": \"b\"}", b"\xef\xbb\xbf{}"]
    {
        desk.send("POST", "/api/v1/patients/search", "application/json", body).await.expect(400);
    }
    // A body that may be left out may be null as well: it is described so.
    let missing = "/api/v1/appointments/0196d000-0000-7000-8000-00000000ffff/cancel";
    for body in [&b""[..], b"null", b" null ", b"{}"] {
        desk.send("POST", missing, "application/json", body).await.expect(404);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_names_its_methods_to_who_uses_another() {
    let site = Site::sqlite();
    let running = site.start().await;
    let desk = Client::signed_in(running.address, "receptionist@harbour.example").await;
    let document: Value = serde_json::from_str(clinic_server::api::document()).unwrap();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let called = path.replace("{id}", "0196d000-0000-7000-8000-00000000ffff").replace("{step}", "cancel");
        let answer = desk.send("DELETE", &called, "", b"").await;
        if methods["delete"].is_object() {
            continue;
        }
        assert_eq!((answer.status, answer.code().as_str()), (405, "METHOD_NOT_ALLOWED"), "{path}");
        let allowed = answer.header("allow").expect("it names them").to_lowercase();
        for method in methods.as_object().unwrap().keys() {
            assert!(allowed.contains(method.as_str()), "{path}: {allowed}");
        }
    }
    running.stop().await;
}

/// How a connection ends on which this is sent and then nothing.
async fn held(address: SocketAddr, sent: &'static [u8]) -> String {
    let talk = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(sent).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    // Far more than any limit of the server's: only one that waits for ever is not back by then.
    tokio::time::timeout(Duration::from_secs(120), talk).await.expect("the server ends it")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn slow_clients_are_let_go_and_open_no_circuit() {
    const BODY: &[u8] = b"POST /api/v1/auth/login HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\
        content-type: application/json\r\ncontent-length: 9\r\n\r\n{";
    let site = Site::sqlite();
    let running = site.start().await;
    let at = running.address;
    let slow: Vec<_> = (0..40).map(|_| tokio::spawn(held(at, BODY))).collect();
    let (silent, half, head) =
        tokio::join!(held(at, b""), held(at, b"PRI * HT"), held(at, b"GET / HTTP/1.1\r\nho"));
    assert_eq!((silent.as_str(), half.as_str(), head.as_str()), ("", "", ""));
    for one in slow {
        let answer = one.await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("REQUEST_BODY_TIMEOUT"), "{answer}");
    }
    assert!(running.server.app.limits.database().try_acquire().is_ok(), "nobody else is kept out");
    running.stop().await;
}

/// Each of the described routes says what the layers around it answer, and every error has its schema.
#[test]
fn the_description_says_what_every_route_may_answer() {
    let document: Value = serde_json::from_str(clinic_server::api::document()).unwrap();
    let mut names = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            names.push(operation["operationId"].as_str().unwrap().to_owned());
            let answers = operation["responses"].as_object().unwrap();
            if !path.starts_with("/api") {
                continue;
            }
            for status in ["401", "429", "503"] {
                assert!(answers.contains_key(status), "{method} {path}: {status}");
            }
            for (status, answer) in answers {
                assert_ne!(answer["description"], "", "{method} {path}: {status}");
                let schema = &answer["content"]["application/json"]["schema"]["$ref"];
                assert!(!status.starts_with('4') || schema == "#/components/schemas/ErrorAnswer", "{path}");
            }
        }
    }
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all, "no two operations share a name");
}
