//! A real browser, driven by its own DevTools protocol over a pair of pipes: no driver, no port, no library.

use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, channel},
    },
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Nothing a page does here takes longer on a machine that works.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Nothing but what the pages ask for: no update, no first run, no talking to anybody.
const FLAGS: [&str; 12] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
];

/// The protocol's pipes are descriptors 3 and 4; a shell puts ours there.
const PIPES: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>/dev/null"#;

struct Pipes {
    commands: ChildStdin,
    answers: Receiver<Value>,
    complaints: Vec<String>,
}

/// The browser. It ends with this value.
pub struct Chromium {
    child: Child,
    pipes: Mutex<Pipes>,
    sent: AtomicU64,
    _profile: TempDir,
}

impl Chromium {
    pub fn start() -> Self {
        let program = std::env::var("HEALTHCARE_TEST_CHROMIUM")
            .expect("set HEALTHCARE_TEST_CHROMIUM, or run cargo xtask test");
        let profile = tempfile::tempdir().unwrap();
        let mut child = Command::new("sh")
            .args(["-c", PIPES, &program])
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .env("HOME", profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let commands = child.stdin.take().unwrap();
        let output = child.stdout.take().unwrap();
        let (heard, answers) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(output).split(0) {
                let Some(value) = message.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()) else {
                    return;
                };
                if heard.send(value).is_err() {
                    return;
                }
            }
        });
        let pipes = Mutex::new(Pipes { commands, answers, complaints: Vec::new() });
        Self { child, pipes, sent: AtomicU64::new(1), _profile: profile }
    }

    /// Sends a command and waits for its answer.
    pub fn call(&self, session: Option<&str>, method: &str, params: Value) -> Value {
        let id = self.sent.fetch_add(1, Ordering::Relaxed);
        let mut message = json!({"id": id, "method": method, "params": params});
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut pipes = self.pipes.lock().unwrap();
        pipes.commands.write_all(format!("{message}\0").as_bytes()).unwrap();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let answer = pipes.answers.recv_timeout(left).unwrap_or_else(|_| panic!("no answer to {method}"));
            if answer["id"] == id {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
            // A script that fails or something that the policy forbids is never in order.
            match answer["method"].as_str() {
                Some("Runtime.exceptionThrown") => pipes.complaints.push(answer["params"].to_string()),
                Some("Log.entryAdded") if answer["params"]["entry"]["source"] == "security" => {
                    pipes.complaints.push(answer["params"]["entry"].to_string());
                }
                _ => {}
            }
        }
    }

    /// What scripts and the content policy had to complain about.
    pub fn complaints(&self) -> Vec<String> {
        std::mem::take(&mut self.pipes.lock().unwrap().complaints)
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        if let Ok(mut pipes) = self.pipes.lock() {
            let _ = pipes.commands.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        }
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if let Ok(Some(_)) = self.child.try_wait() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
