//! The log in PostgreSQL.
#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use healthcare_audit::{
    AuditLog, CheckpointSigner, OpenError, Query,
    postgres::{MIGRATION, grants},
    testing::{allowed, cipher, clinic, run_contract, run_durable_contract},
    verify::{Report, Verdict, Wrong},
};
use healthcare_core::AuditSink as _;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection,
    postgres::PgConnectOptions,
};
use std::collections::HashSet;

/// A database of the test's own, with the tables and a login that may only add.
struct Home {
    owner: PgConnectOptions,
    writer: PgConnectOptions,
}

async fn home() -> Home {
    let url = std::env::var("HEALTHCARE_TEST_POSTGRES_URL")
        .expect("set HEALTHCARE_TEST_POSTGRES_URL, or run cargo xtask test");
    let server: PgConnectOptions = url.parse().unwrap();
    let name = format!("audit_{}", uuid::Uuid::now_v7().simple());
    let mut admin = server.connect().await.unwrap();
    run(&mut admin, format!("CREATE DATABASE {name}")).await;
    run(&mut admin, format!("CREATE ROLE {name} LOGIN PASSWORD 'writer'")).await;
    let owner = server.clone().database(&name);
    let mut connection = owner.connect().await.unwrap();
    run(&mut connection, MIGRATION.to_owned()).await;
    run(&mut connection, MIGRATION.to_owned()).await;
    run(&mut connection, grants(&name).unwrap()).await;
    let writer = owner.clone().username(&name).password("writer");
    Home { owner, writer }
}

async fn run(connection: &mut PgConnection, text: String) {
    connection.execute(sqlx::raw_sql(AssertSqlSafe(text))).await.unwrap();
}

impl Home {
    fn open(&self) -> Result<AuditLog, OpenError> {
        AuditLog::on_postgres(self.writer.clone(), cipher()).open()
    }
    async fn as_owner(&self, text: &str) {
        let mut connection = self.owner.connect().await.unwrap();
        let text = format!("SET session_replication_role = replica; {text}");
        run(&mut connection, text).await;
        connection.close().await.unwrap();
    }
}

/// Verifies where blocking is allowed, as a host would.
async fn verify(log: &AuditLog) -> std::io::Result<Report> {
    let log = log.clone();
    tokio::task::spawn_blocking(move || log.verifier().run()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn the_log_in_postgresql_keeps_the_contract() {
    let home = home().await;
    let log = home.open().unwrap();
    run_contract(log.clone()).await;
    let report = verify(&log).await.unwrap();
    assert_eq!(report.verdict(), Verdict::Sound, "{report}");
    assert_eq!(report.entries, log.head().entries);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn the_log_in_postgresql_keeps_it_through_restarts() {
    let home = home().await;
    run_durable_contract(&|| home.open().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn several_writers_take_turns_on_one_chain() {
    let home = home().await;
    let logs: Vec<AuditLog> = (0..3).map(|_| home.open().unwrap()).collect();
    let tasks: Vec<_> = (0..48_u128)
        .map(|task| {
            let log = logs[usize::try_from(task % 3).unwrap()].clone();
            tokio::spawn(async move {
                for number in 0..20 {
                    log.submit(allowed(clinic(1), task * 1_000 + number)).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    // A fresh reader knows the latest head.
    let log = home.open().unwrap();
    let report = verify(&log).await.unwrap();
    assert_eq!((report.verdict(), report.events), (Verdict::Sound, 48 * 20), "{report}");
    let entries = log.read(&Query::new(clinic(1)).limit(1_000)).unwrap().entries;
    assert_eq!(entries.iter().map(|entry| entry.id).collect::<HashSet<_>>().len(), 48 * 20);
    assert!(entries.iter().map(|entry| entry.epoch).collect::<HashSet<_>>().len() > 3, "turns were taken");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn the_writers_login_can_only_add() {
    let home = home().await;
    let log = home.open().unwrap();
    log.submit(allowed(clinic(1), 1)).await.unwrap();
    let mut connection = home.writer.connect().await.unwrap();
    for text in [
        "UPDATE audit.audit_log SET clinic_id = log",
        "DELETE FROM audit.audit_log",
        "TRUNCATE audit.audit_log",
        "DELETE FROM audit.audit_segment",
        "DELETE FROM audit.audit_head",
    ] {
        let refused = connection.execute(text).await.unwrap_err();
        assert!(refused.to_string().contains("permission denied"), "{text}: {refused}");
    }
    // The owner has the right, and the trigger.
    let mut owner = home.owner.connect().await.unwrap();
    for text in ["UPDATE audit.audit_log SET clinic_id = log", "DELETE FROM audit.audit_log"] {
        let refused = owner.execute(text).await.unwrap_err();
        assert!(refused.to_string().contains("only added to"), "{text}: {refused}");
    }
    assert_eq!(grants("x; DROP TABLE y"), None);
    assert_eq!(grants(""), None);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn what_the_owner_changes_is_found_by_name() {
    let home = home().await;
    let log = home.open().unwrap();
    for number in 0..6 {
        log.submit(allowed(clinic(1), number)).await.unwrap();
    }
    let flip = "UPDATE audit.audit_log SET entry = set_byte(entry, 100, 255 - get_byte(entry, 100)) WHERE sequence = 3";
    home.as_owner(flip).await;
    let report = verify(&log).await.unwrap();
    assert_eq!(
        (report.findings.len(), report.findings[0].sequence, report.findings[0].wrong),
        (1, 3, Wrong::Changed)
    );
    home.as_owner(flip).await;
    assert_eq!(verify(&log).await.unwrap().verdict(), Verdict::Sound);

    home.as_owner("UPDATE audit.audit_log SET clinic_id = log WHERE sequence = 4").await;
    let refused = verify(&log).await.unwrap_err();
    assert!(refused.to_string().contains("entry 4"), "{refused}");
    home.as_owner("UPDATE audit.audit_log o SET clinic_id = i.clinic_id FROM audit.audit_log i WHERE o.sequence = 4 AND i.sequence = 3").await;

    home.as_owner("DELETE FROM audit.audit_log WHERE sequence = 5").await;
    let report = verify(&log).await.unwrap();
    assert_eq!((report.findings[0].sequence, report.findings[0].wrong), (5, Wrong::OutOfPlace { found: 6 }));
    home.as_owner("DELETE FROM audit.audit_log WHERE sequence >= 5").await;
    assert_eq!(verify(&log).await.unwrap().findings[0].wrong, Wrong::Missing);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn a_database_restored_from_an_older_copy_is_refused() {
    let home = home().await;
    let signer = CheckpointSigner::from_seed(&[7; 32]).unwrap();
    let log = home.open().unwrap();
    for number in 0..4 {
        log.submit(allowed(clinic(1), number)).await.unwrap();
    }
    let checkpoint = log.checkpoint(&signer);
    drop(log);
    let open = || {
        AuditLog::on_postgres(home.writer.clone(), cipher()).expect(checkpoint.clone(), signer.key()).open()
    };
    drop(open().unwrap());
    home.as_owner(
        "DELETE FROM audit.audit_log WHERE sequence > 3; \
         UPDATE audit.audit_head SET sequence = 3, \
         head = (SELECT substr(entry, length(entry) - 31) FROM audit.audit_log WHERE sequence = 3), \
         chain = (SELECT substr(entry, length(entry) - 31) FROM audit.audit_log WHERE sequence = 3)",
    )
    .await;
    assert!(matches!(open(), Err(OpenError::RolledBack { expected: 5, found: 3 })));
    // Without the checkpoint it goes on, as whole as it looks; the checkpoint finds it afterwards too.
    let log = home.open().unwrap();
    for number in 10..14 {
        log.submit(allowed(clinic(1), number)).await.unwrap();
    }
    assert_eq!(verify(&log).await.unwrap().verdict(), Verdict::Sound);
    let against = {
        let log = log.clone();
        let (checkpoint, key) = (checkpoint.clone(), signer.key());
        tokio::task::spawn_blocking(move || log.verifier().against(checkpoint, key).run())
            .await
            .unwrap()
            .unwrap()
    };
    assert_eq!(against.findings[0].wrong, Wrong::Rewritten);
    assert!(matches!(open(), Err(OpenError::Forked { .. })));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn a_lost_connection_fails_what_was_in_flight_and_the_next_event_finds_another() {
    let home = home().await;
    let log = home.open().unwrap();
    log.submit(allowed(clinic(1), 1)).await.unwrap();
    // Whoever holds the head row holds up the writer; then its connection is cut.
    let mut owner = home.owner.connect().await.unwrap();
    let mut holder = owner.begin().await.unwrap();
    holder.execute("SELECT * FROM audit.audit_head FOR UPDATE").await.unwrap();
    let receipt = log.submit(allowed(clinic(1), 2));
    let mut cutter = home.owner.connect().await.unwrap();
    let waiting = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let mut cut = 0;
    let started = std::time::Instant::now();
    while cut == 0 && started.elapsed() < std::time::Duration::from_secs(30) {
        cut = sqlx::query(waiting).fetch_all(&mut cutter).await.unwrap().len();
    }
    assert_eq!(cut, 1, "the writer never waited");
    receipt.await.unwrap_err();
    assert!(log.fault().is_some());
    holder.rollback().await.unwrap();
    log.submit(allowed(clinic(1), 3)).await.unwrap();
    assert!(log.fault().is_none(), "the log has recovered by itself");
    let report = verify(&log).await.unwrap();
    assert_eq!((report.verdict(), report.events), (Verdict::Sound, 2), "{report}");
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
fn it_outlives_the_hosts_runtime_and_opens_without_one() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let home = runtime.block_on(home());
    let inside = runtime.block_on(async { home.open().unwrap() });
    drop(runtime);
    let outside = home.open().unwrap();
    let small = tokio::runtime::Builder::new_current_thread().build().unwrap();
    small.block_on(inside.submit(allowed(clinic(1), 1))).unwrap();
    small.block_on(outside.submit(allowed(clinic(1), 2))).unwrap();
    assert_eq!(outside.recent(clinic(1), 10).unwrap().entries.len(), 2);
    small.block_on(async { drop((inside, outside)) });
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn after_ten_thousand_entries_a_segment_begins_and_verification_can_begin_there() {
    let home = home().await;
    let signer = CheckpointSigner::from_seed(&[7; 32]).unwrap();
    let log = home.open().unwrap();
    for from in (0..10_500).step_by(500) {
        let receipts: Vec<_> =
            (from..from + 500).map(|number| log.submit(allowed(clinic(1), number))).collect();
        for receipt in receipts {
            receipt.await.unwrap();
        }
    }
    let report = verify(&log).await.unwrap();
    assert_eq!((report.verdict(), report.segments, report.events), (Verdict::Sound, 2, 10_500), "{report}");
    let since = {
        let (log, checkpoint, key) = (log.clone(), log.checkpoint(&signer), signer.key());
        let verifier = move || log.verifier().against(checkpoint, key).since_checkpoint().run();
        tokio::task::spawn_blocking(verifier).await.unwrap().unwrap()
    };
    assert_eq!((since.segments, since.agrees_with_checkpoint), (1, true), "{since}");
    assert!(since.from > 9_000, "{since}");
}

#[test]
fn a_database_on_another_machine_must_prove_who_it_is() {
    for url in
        ["postgres://writer@198.51.100.7/clinic", "postgres://writer@db.example/clinic?sslmode=require"]
    {
        let refused = AuditLog::on_postgres(url.parse().unwrap(), cipher()).open().unwrap_err();
        assert!(matches!(refused, OpenError::Unverified), "{url}: {refused:?}");
    }
}
