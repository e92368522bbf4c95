//! A running process.

use super::{DEADLINE, poll};
use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Instant,
};

/// What a process wrote, while it writes.
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<(Mutex<(String, bool)>, Condvar)>);

impl Written {
    fn of(source: impl Read + Send + 'static) -> Self {
        let written = Self::default();
        let shared = written.clone();
        thread::spawn(move || {
            let mut source = BufReader::new(source);
            let mut line = Vec::new();
            while source.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                shared.0.0.lock().unwrap().0.push_str(&String::from_utf8_lossy(&line));
                shared.0.1.notify_all();
                line.clear();
            }
            shared.0.0.lock().unwrap().1 = true;
            shared.0.1.notify_all();
        });
        written
    }

    pub(crate) fn text(&self) -> String {
        self.0.0.lock().unwrap().0.clone()
    }

    /// The rest of the line after these words; nothing when the process ended without them.
    pub(crate) fn after(&self, words: &str) -> Option<String> {
        let end = Instant::now() + DEADLINE;
        let mut state = self.0.0.lock().unwrap();
        loop {
            let rest = state.0.split_once(words).and_then(|(_, rest)| rest.split_once('\n'));
            if let Some((found, _)) = rest {
                return Some(found.to_owned());
            }
            let left = end.checked_duration_since(Instant::now());
            let left = left.filter(|_| !state.1)?;
            state = self.0.1.wait_timeout(state, left).unwrap().0;
        }
    }

    /// Everything, once the process has closed it.
    pub(crate) fn whole(&self) -> String {
        poll("the end of the output", || {
            let state = self.0.0.lock().unwrap();
            state.1.then(|| state.0.clone())
        })
    }
}

/// A process that may not have got so far as to serve.
pub(crate) struct Process {
    child: Child,
    pub(crate) out: Written,
    pub(crate) err: Written,
}

impl Process {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = Written::of(child.stdout.take().unwrap());
        let err = Written::of(child.stderr.take().unwrap());
        Self { child, out, err }
    }

    /// The code it ended with.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        poll("the process to end", || self.child.try_wait().unwrap())
    }

    /// SIGKILL, and gone when this returns.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }

    pub(crate) fn signal(&self, name: &str) {
        let status =
            Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]).status().unwrap();
        assert!(status.success());
    }

    /// No file of its can become larger than this. Whoever starts it must have it ignore SIGXFSZ.
    pub(crate) fn limit_files(&self, bytes: u64) {
        let pid = self.child.id().to_string();
        let status =
            Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={bytes}")]).status().unwrap();
        assert!(status.success());
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A server that serves.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn start(command: &mut Command) -> Self {
        let process = Process::spawn(command);
        let Some(address) = process.out.after("Serving on http://") else {
            panic!("the server did not start: {}", process.err.text());
        };
        Self { process, address: address.trim().parse().unwrap() }
    }

    pub(crate) fn kill(mut self) {
        self.process.kill();
    }

    /// Ends it in order; it must end well.
    pub(crate) fn stop(mut self) -> Process {
        self.process.signal("TERM");
        let status = self.process.wait();
        assert_eq!(status.code(), Some(0), "{}", self.process.err.text());
        self.process
    }
}
