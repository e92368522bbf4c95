//! Somebody else's server, byte by byte.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use serde_json::Value as Json;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What it does with an inquiry.
#[derive(Debug, Clone)]
pub enum Reply {
    Whole(Vec<u8>),
    /// Says nothing.
    Hang,
    /// The head of an answer, and nothing after it.
    Drip,
    /// Ends the connection.
    Close,
    /// Ends it in the midst of a body.
    CutOff,
    /// A body without an end.
    Endless,
}

impl Reply {
    pub fn typed(kind: &str, body: Vec<u8>) -> Self {
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len());
        Self::Whole([head.into_bytes(), body].concat())
    }
    pub fn json(body: &Json) -> Self {
        Self::typed("application/fhir+json; charset=utf-8", body.to_string().into_bytes())
    }
    /// With these headers, each with its end of line.
    pub fn status(status: u16, headers: &str) -> Self {
        Self::Whole(format!("HTTP/1.1 {status} So\r\n{headers}content-length: 0\r\n\r\n").into_bytes())
    }
}

/// An inquiry as it came.
#[derive(Debug, Clone)]
pub struct Heard {
    head: String,
    pub body: Json,
}

impl Heard {
    /// In small letters.
    pub fn head(&self) -> &str {
        &self.head
    }
    pub fn text(&self) -> String {
        format!("{}{}", self.head, self.body)
    }
}

type Answer = dyn Fn(usize, &Json) -> Reply + Send + Sync;

#[derive(Default)]
struct Kept {
    heard: Vec<Heard>,
    raw: Vec<u8>,
}

/// Answers inquiries as it is told to, and keeps them.
pub struct Desk {
    address: SocketAddr,
    kept: Arc<Mutex<Kept>>,
}

impl Desk {
    pub async fn open(answer: impl Fn(usize, &Json) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let desk = Self { address: listener.local_addr().unwrap(), kept: Arc::default() };
        let (kept, answer) = (Arc::clone(&desk.kept), Arc::new(answer) as Arc<Answer>);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&kept), Arc::clone(&answer)));
            }
        });
        desk
    }

    pub fn url(&self) -> String {
        format!("http://{}/fhir/CoverageEligibilityRequest", self.address)
    }

    pub fn heard(&self) -> Vec<Heard> {
        self.kept.lock().unwrap().heard.clone()
    }

    /// Every byte that came.
    pub fn raw(&self) -> Vec<u8> {
        self.kept.lock().unwrap().raw.clone()
    }
}

async fn serve(mut stream: TcpStream, kept: Arc<Mutex<Kept>>, answer: Arc<Answer>) {
    while let Some(heard) = hear(&mut stream, &kept).await {
        let nth = {
            let mut kept = kept.lock().unwrap();
            kept.heard.push(heard.clone());
            kept.heard.len() - 1
        };
        let said = match answer(nth, &heard.body) {
            Reply::Whole(bytes) => stream.write_all(&bytes).await,
            Reply::Close => return,
            Reply::Hang => std::future::pending().await,
            Reply::Drip => {
                let _ = stream.write_all(&begun(100)).await;
                std::future::pending().await
            }
            Reply::CutOff => {
                let _ = stream.write_all(&begun(100)).await;
                return;
            }
            Reply::Endless => {
                let head =
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
                let mut said = stream.write_all(head.as_bytes()).await;
                while said.is_ok() {
                    said = stream.write_all(format!("400\r\n{}\r\n", " ".repeat(0x400)).as_bytes()).await;
                }
                said
            }
        };
        if said.is_err() {
            return;
        }
    }
}

fn begun(length: usize) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{{")
        .into_bytes()
}

async fn hear(stream: &mut TcpStream, kept: &Mutex<Kept>) -> Option<Heard> {
    let mut bytes = Vec::new();
    loop {
        let mut some = [0; 4096];
        let count = stream.read(&mut some).await.ok().filter(|count| *count > 0)?;
        kept.lock().unwrap().raw.extend_from_slice(&some[..count]);
        bytes.extend_from_slice(&some[..count]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            // Not HTTP: whoever speaks TLS is told nothing that is TLS.
            if bytes.first() == Some(&0x16) {
                return None;
            }
            continue;
        };
        let head = head.to_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
        if body.len() >= length.unwrap().parse().unwrap() {
            return Some(Heard { body: serde_json::from_str(body).unwrap(), head });
        }
    }
}
