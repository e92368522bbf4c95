//! A small HTTP client: one connection, whole answers, and the head of an answer before its body.

use super::DEADLINE;
use serde_json::{Value, json};
use std::{
    fmt::Write as _,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
};

pub(crate) struct Client {
    address: SocketAddr,
    connection: Option<BufReader<TcpStream>>,
    token: Option<String>,
}

#[derive(Clone)]
pub(crate) struct Head {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
}

pub(crate) struct Answer {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
}

impl Head {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
    pub(crate) fn correlation(&self) -> String {
        self.header("x-correlation-id").expect("every answer names its request").to_owned()
    }
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head.status
    }
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON, status {}", self.status()))
    }
    /// The error's code.
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or("no error").to_owned()
    }
    /// The body, of an answer with this status.
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status(), status, "{}", String::from_utf8_lossy(&self.body));
        if self.body.is_empty() { Value::Null } else { self.json() }
    }
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{}\n", self.status());
        self.head.headers.iter().for_each(|(name, value)| writeln!(text, "{name}: {value}").unwrap());
        text + &String::from_utf8_lossy(&self.body)
    }
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, connection: None, token: None }
    }

    pub(crate) fn with_token(address: SocketAddr, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..Self::new(address) }
    }

    /// Signed in as the first clinic's user with this role.
    pub(crate) fn signed_in(address: SocketAddr, role: &str) -> Self {
        let tokens = sign_in(address, role);
        Self::with_token(address, tokens["access_token"].as_str().unwrap())
    }

    /// Speaks to the same server as another client.
    pub(crate) fn move_to(&mut self, other: &Self) {
        self.address = other.address;
        self.connection = None;
    }

    pub(crate) fn token(&self) -> String {
        self.token.clone().unwrap()
    }

    pub(crate) fn get(&mut self, path: &str) -> io::Result<Answer> {
        self.send("GET", path, &[], None)
    }

    pub(crate) fn post(&mut self, path: &str, body: &Value) -> io::Result<Answer> {
        self.send("POST", path, &[], Some(body))
    }

    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> io::Result<Answer> {
        let body = body.map(Value::to_string).unwrap_or_default();
        self.raw(method, path, headers, &body)?;
        let head = self.head()?;
        let body = self.body(&head)?;
        Ok(Answer { head, body })
    }

    /// Sends a request and reads the head of its answer: the body waits in [`body`](Self::body).
    pub(crate) fn ask(&mut self, path: &str) -> io::Result<Head> {
        self.raw("GET", path, &[], "")?;
        self.head()
    }

    pub(crate) fn raw(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<()> {
        let mut text = self.start(method, path, headers);
        if !body.is_empty() {
            write!(text, "content-type: application/json\r\ncontent-length: {}\r\n", body.len()).unwrap();
        }
        text.push_str("\r\n");
        text.push_str(body);
        self.write(text.as_bytes())
    }

    /// Sends the head of a request whose body will have so many bytes, and waits until the server asks for the body: then the request
    /// is inside.
    pub(crate) fn begin(&mut self, path: &str, length: usize) -> io::Result<()> {
        let mut text = self.start("POST", path, &[]);
        write!(
            text,
            "content-type: application/json\r\ncontent-length: {length}\r\nexpect: 100-continue\r\n\r\n"
        )
        .unwrap();
        self.write(text.as_bytes())?;
        let go_on = self.head()?;
        assert_eq!(go_on.status, 100);
        Ok(())
    }

    /// Sends the body of what was begun, and reads the answer.
    pub(crate) fn finish(&mut self, body: &str) -> io::Result<Answer> {
        self.write(body.as_bytes())?;
        let head = self.head()?;
        let body = self.body(&head)?;
        Ok(Answer { head, body })
    }

    fn start(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> String {
        let mut text = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.address);
        if let Some(token) = &self.token {
            write!(text, "authorization: Bearer {token}\r\n").unwrap();
        }
        headers.iter().for_each(|(name, value)| write!(text, "{name}: {value}\r\n").unwrap());
        text
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.connection.is_none() {
            let stream = TcpStream::connect(self.address)?;
            stream.set_read_timeout(Some(DEADLINE))?;
            stream.set_nodelay(true)?;
            self.connection = Some(BufReader::new(stream));
        }
        self.connection.as_mut().unwrap().get_mut().write_all(bytes)
    }

    fn head(&mut self) -> io::Result<Head> {
        let connection = self.connection.as_mut().unwrap();
        let mut line = || -> io::Result<String> {
            let mut line = String::new();
            match connection.read_line(&mut line)? {
                0 => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
                _ => Ok(line.trim_end().to_owned()),
            }
        };
        let first = line()?;
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        let mut headers = Vec::new();
        loop {
            let line = line()?;
            match line.split_once(':') {
                Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.trim().to_owned())),
                None => return Ok(Head { status, headers }),
            }
        }
    }

    pub(crate) fn body(&mut self, head: &Head) -> io::Result<Vec<u8>> {
        let length = head.header("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.connection.as_mut().unwrap().read_exact(&mut body)?;
        if head.header("connection") == Some("close") {
            self.connection = None;
        }
        Ok(body)
    }

    /// Every item of a list, page by page.
    pub(crate) fn all(&mut self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut next = String::new();
        loop {
            let page = self.get(&format!("{path}?limit=200{next}")).unwrap().expect(200);
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next"].as_str() {
                Some(after) => next = format!("&after={after}"),
                None => return items,
            }
        }
    }

    /// The ids of a list's items.
    pub(crate) fn ids(&mut self, path: &str) -> Vec<String> {
        self.all(path).iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    }
}

/// The tokens of the first clinic's user with this role.
pub(crate) fn sign_in(address: SocketAddr, role: &str) -> Value {
    let email = format!("{role}@harbour.example");
    let body = json!({"email": email, "password": clinic_server::seed::DEMO_PASSWORD});
    Client::new(address).post("/api/v1/auth/login", &body).unwrap().expect(200)
}
