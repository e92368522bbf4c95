//! An SMTP server that does one thing wrong.

use std::sync::{Arc, Mutex};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// What it does instead of what it should.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    Says(&'static str),
    Hangs,
    Closes,
}

/// Where: the command's first word, `.` for the end of the message, `greeting`.
#[derive(Clone)]
pub(crate) struct Scripted {
    pub(crate) port: u16,
    said: Arc<Mutex<Vec<String>>>,
    open: watch::Receiver<usize>,
}

impl Scripted {
    pub(crate) async fn start(fault: Option<(&'static str, Fault)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let said = Arc::default();
        let (count, open) = watch::channel(0);
        let scripted = Self { port, said: Arc::clone(&said), open };
        let count = Arc::new(count);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (said, count) = (Arc::clone(&said), Arc::clone(&count));
                count.send_modify(|open| *open += 1);
                tokio::spawn(async move {
                    converse(stream, fault, &said).await;
                    count.send_modify(|open| *open -= 1);
                });
            }
        });
        scripted
    }

    /// The first words that it was told, of every connection.
    pub(crate) fn words(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    /// How many messages it was given whole.
    pub(crate) fn messages(&self) -> usize {
        self.words().iter().filter(|word| *word == ".").count()
    }

    pub(crate) async fn until_heard(&self, word: &str) {
        while !self.words().iter().any(|said| said == word) {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn until_closed(&mut self) {
        self.open.wait_for(|open| *open == 0).await.unwrap();
    }
}

async fn converse(stream: TcpStream, fault: Option<(&'static str, Fault)>, said: &Mutex<Vec<String>>) {
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading).lines();
    let mut word = "greeting".to_owned();
    loop {
        let answer = match fault {
            Some((at, Fault::Says(text))) if at == word => text,
            Some((at, Fault::Closes)) if at == word => return,
            Some((at, Fault::Hangs)) if at == word => {
                // Until the other side is gone.
                while let Ok(Some(_)) = lines.next_line().await {}
                return;
            }
            _ => match word.as_str() {
                "greeting" => "220 scripted",
                "EHLO" => "250-scripted\r\n250 8BITMIME",
                "DATA" => "354 go on",
                "QUIT" => "221 bye",
                _ => "250 fine",
            },
        };
        let in_data = word == "DATA" && answer.starts_with("354");
        if writing.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() || word == "QUIT" {
            return;
        }
        let Ok(Some(line)) = lines.next_line().await else { return };
        word = line.split_whitespace().next().unwrap_or_default().to_owned();
        if in_data {
            let mut last = line;
            while last != "." {
                let Ok(Some(line)) = lines.next_line().await else { return };
                last = line;
            }
            word = ".".to_owned();
        }
        said.lock().unwrap().push(word.clone());
    }
}
