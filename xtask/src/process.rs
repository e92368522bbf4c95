//! Running programs: to the terminal, captured, or line by line.

use crate::{
    failure::{Failure, Outcome},
    interrupt::{self, Group},
};
use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Command, ExitStatus, Stdio},
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

/// The `cargo` that runs this command.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The command line, for messages.
pub(crate) fn line(command: &Command) -> String {
    let mut text = String::new();
    if command.get_program().to_string_lossy().ends_with("cargo") {
        text.push_str("cargo");
    } else {
        text.push_str(&command.get_program().to_string_lossy());
    }
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}

/// Runs to the end, output to the terminal.
///
/// # Errors
/// Interrupted, not found, or an exit status other than 0.
pub(crate) fn run(command: &mut Command) -> Outcome<()> {
    let mut group = Group::spawn(command.stdin(Stdio::null()))?;
    let status = group.child.wait().map_err(Failure::while_doing("waiting for a program"))?;
    interrupt::check()?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(format!("`{}` failed ({status})", line(command))))
    }
}

/// Runs to the end and returns what it printed to standard output.
///
/// # Errors
/// As [`run`]; what it wrote to standard error is in the message.
pub(crate) fn capture(command: &mut Command) -> Outcome<String> {
    let mut group = Group::spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let stderr = group.child.stderr.take();
    let errors = thread::spawn(move || {
        let mut text = String::new();
        if let Some(mut stderr) = stderr {
            let _ = stderr.read_to_string(&mut text);
        }
        text
    });
    let mut text = String::new();
    if let Some(mut stdout) = group.child.stdout.take() {
        stdout.read_to_string(&mut text).map_err(Failure::while_doing("reading a program's output"))?;
    }
    let status = group.child.wait().map_err(Failure::while_doing("waiting for a program"))?;
    let errors = errors.join().unwrap_or_default();
    interrupt::check()?;
    if status.success() {
        return Ok(text);
    }
    Err(Failure::new(format!("`{}` failed ({status})\n{}", line(command), errors.trim_end())))
}

/// How a streamed program ended.
#[derive(Debug)]
pub(crate) enum End {
    /// By itself.
    Exit(ExitStatus),
    /// It was killed after the time limit, with all it had started.
    TimedOut,
}

/// Runs to the end and hands over standard output line by line; standard error goes to the terminal.
///
/// # Errors
/// Interrupted, or the program cannot be started.
pub(crate) fn stream(command: &mut Command, limit: Duration, mut on_line: impl FnMut(&str)) -> Outcome<End> {
    let mut group = Group::spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
    let stdout = group.child.stdout.take();
    let (sender, lines) = channel();
    thread::spawn(move || {
        let Some(stdout) = stdout else { return };
        let mut reader = BufReader::new(stdout);
        let mut bytes = Vec::new();
        while reader.read_until(b'\n', &mut bytes).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']).to_owned();
            if sender.send(text).is_err() {
                return;
            }
            bytes.clear();
        }
    });
    let deadline = Instant::now() + limit;
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(text) => on_line(&text),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                // Also reached when the program ended but something it started still holds its output open.
                group.kill();
                interrupt::check()?;
                return Ok(End::TimedOut);
            }
        }
    }
    let status = group.child.wait().map_err(Failure::while_doing("waiting for a program"))?;
    interrupt::check()?;
    Ok(End::Exit(status))
}
