#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;

use async_trait::async_trait;
use common::{World, poll};
use healthcare_core::{
    AccessError, Change, Committed, Create, Guard, Id, Record as _, Writer, record, testing::Stage,
};
use healthcare_messaging::{Wake, WakingWriter};
use healthcare_resilience::Shutdown;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

record! {
    /// A room; it is about nobody.
    pub struct Room in room = "room" {
        subject: none,
        plain {
            /// Its floor.
            floor: i64,
        },
        protected {},
    }
}

const DONE: u8 = 0;
const REFUSED: u8 = 1;
const UNKNOWN: u8 = 2;
const NEVER: u8 = 3;

#[derive(Debug, Clone)]
struct Told(Arc<AtomicU8>);

#[async_trait]
impl Writer<Room> for Told {
    async fn commit_guarded(&self, _: Change<Room>, _: &dyn Guard) -> Result<Committed, AccessError> {
        match self.0.load(Ordering::SeqCst) {
            DONE => Ok(Committed::default()),
            REFUSED => Err(AccessError::VersionConflict),
            UNKNOWN => Err(AccessError::CommitUnknown),
            _ => std::future::pending().await,
        }
    }
}

async fn change(stage: &Stage) -> Change<Room> {
    let room = Room::new(Id::random(), stage.clinic, room::Plain { floor: 2 }, room::Protected {});
    stage
        .boundary
        .gate
        .open(&stage.context(), Create::new(room.id()))
        .await
        .unwrap()
        .fill(room)
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_may_have_happened_wakes_the_relay() {
    let (world, wake, stage) = (World::new(), Wake::new(), Stage::default());
    let told = Told(Arc::new(DONE.into()));
    let writer = WakingWriter::new(told.clone(), wake.clone());
    let relay = world.builder().poll(Duration::from_secs(86_400)).wake(&wake).build().unwrap();
    let shutdown = Shutdown::builder().stage("relay", Duration::ZERO).build().unwrap();
    let running = tokio::spawn(relay.run(shutdown.stage("relay").unwrap().token()));
    let looks = async || {
        tokio::time::sleep(Duration::from_millis(1)).await;
        world.outbox.leases.load(Ordering::SeqCst)
    };
    assert_eq!(looks().await, 1);
    writer.commit(change(&stage).await).await.unwrap();
    assert_eq!(looks().await, 2, "a commit");
    told.0.store(UNKNOWN, Ordering::SeqCst);
    writer.commit(change(&stage).await).await.unwrap_err();
    assert_eq!(looks().await, 3, "one whose outcome is not known");
    told.0.store(REFUSED, Ordering::SeqCst);
    writer.commit(change(&stage).await).await.unwrap_err();
    assert_eq!(looks().await, 3, "not one that was refused");
    told.0.store(NEVER, Ordering::SeqCst);
    let mut dropped = Box::pin(writer.commit(change(&stage).await));
    assert!(poll(dropped.as_mut()).is_pending());
    drop(dropped);
    assert_eq!(looks().await, 4, "one whose writer was dropped");
    running.abort();
}
