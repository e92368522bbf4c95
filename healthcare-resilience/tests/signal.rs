//! Real signals to a real process: this test program starts itself again.
#![cfg(all(unix, feature = "signal"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use healthcare_resilience::{SecondSignal, Shutdown, time_out};
use std::{process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

const PATIENCE: Duration = Duration::from_secs(30);

/// What the child does: prints `ready`, drains after the first signal, prints `begun` and its report.
#[tokio::test]
async fn child() {
    let Ok(mode) = std::env::var("RESILIENCE_SIGNAL_CHILD") else { return };
    let shutdown = Shutdown::builder().stage("http", Duration::from_secs(60)).build().unwrap();
    let second = if mode == "exit" { SecondSignal::Exit } else { SecondSignal::CutOff };
    let _listening = shutdown.listen(second).unwrap();
    let http = shutdown.stage("http").unwrap();
    let _endless = (mode != "idle").then(|| http.spawn("download", std::future::pending::<()>()).unwrap());
    println!("\nready");
    shutdown.until_begun().await;
    println!("\nbegun");
    let report = shutdown.drain().await;
    println!("\nreport hurried={} {report}", report.hurried);
}

async fn start(mode: &str) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env("RESILIENCE_SIGNAL_CHILD", mode)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    until(&mut lines, "ready").await;
    (child, lines)
}

async fn until(lines: &mut Lines<BufReader<ChildStdout>>, start: &str) -> String {
    time_out(PATIENCE, async {
        loop {
            let line = lines.next_line().await.unwrap().expect("the child ended early");
            if line.starts_with(start) {
                return line;
            }
        }
    })
    .await
    .unwrap()
}

async fn send(child: &Child, signal: &str) {
    let sent = Command::new("kill").arg(signal).arg(child.id().unwrap().to_string()).status().await.unwrap();
    assert!(sent.success());
}

#[tokio::test]
async fn sigterm_and_ctrl_c_begin_the_shutdown() {
    for signal in ["-TERM", "-INT"] {
        let (mut child, mut lines) = start("idle").await;
        send(&child, signal).await;
        let report = until(&mut lines, "report").await;
        assert!(report.starts_with("report hurried=false http: 0 finished"), "{report}");
        let status = time_out(PATIENCE, child.wait()).await.unwrap().unwrap();
        assert!(status.success(), "{status}");
    }
}

#[tokio::test]
async fn a_second_signal_exits_at_once_with_its_number() {
    for (signal, code) in [("-TERM", 143), ("-INT", 130)] {
        let (mut child, mut lines) = start("exit").await;
        send(&child, "-TERM").await;
        until(&mut lines, "begun").await;
        send(&child, signal).await;
        let status = time_out(PATIENCE, child.wait()).await.unwrap().unwrap();
        assert_eq!(status.code(), Some(code));
    }
}

#[tokio::test]
async fn a_second_signal_can_cut_off_and_leave_the_end_to_the_program() {
    let (mut child, mut lines) = start("cut off").await;
    send(&child, "-INT").await;
    until(&mut lines, "begun").await;
    send(&child, "-TERM").await;
    let report = until(&mut lines, "report").await;
    assert!(report.contains("hurried=true") && report.contains("cut off: 1 download"), "{report}");
    assert!(time_out(PATIENCE, child.wait()).await.unwrap().unwrap().success());
}
