#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;

use common::{Answer, LEASE, World, poll};
use healthcare_core::Outbox as _;
use healthcare_messaging::{RelayConfigError, RelayError, Wake};
use healthcare_resilience::{Shutdown, time_out};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn events_go_to_the_bus_and_outcome_records_to_the_log() {
    let world = World::new();
    let (event, outcome) = world.commit(Uuid::now_v7(), 1);
    let pass = world.relay().pass().await.unwrap();
    assert_eq!((pass.leased, pass.delivered), (2, 2));
    assert_eq!(*world.bus.published.lock().unwrap(), [event]);
    assert_eq!(world.audit.memory.events(), [outcome]);
    assert!(world.outbox.memory.is_empty());
    assert_eq!(world.relay().pass().await.unwrap().leased, 0);
}

/// A relay that dies at any of its awaits: nothing is lost, records are stored once, and each aggregate's events come
/// first in their order, whatever comes twice.
#[tokio::test]
async fn a_relay_dropped_at_any_await_loses_nothing() {
    let mut is_covered = false;
    for polls in 0..40 {
        let world = World::new();
        let aggregates = [Uuid::now_v7(), Uuid::now_v7()];
        let committed: Vec<_> = (1..=3)
            .flat_map(|version| aggregates.map(|aggregate| world.commit(aggregate, version)))
            .collect();
        let dying = world.relay();
        let mut pass = Box::pin(dying.pass());
        for _ in 0..polls {
            if poll(pass.as_mut()).is_ready() {
                is_covered = true;
                break;
            }
        }
        drop(pass);
        world.clock.advance(LEASE);
        world.settle().await;
        let published = world.bus.published.lock().unwrap().clone();
        for aggregate in aggregates {
            let mut versions: Vec<i64> = Vec::new();
            for event in published.iter().filter(|event| event.aggregate_id == aggregate) {
                if !versions.contains(&event.aggregate_version) {
                    versions.push(event.aggregate_version);
                }
            }
            assert_eq!(versions, [1, 2, 3], "dropped after {polls} polls");
        }
        assert!(published.len() <= 6 + 2, "only what was in flight comes twice: {}", published.len());
        let mut recorded: Vec<_> = world.audit.memory.events().into_iter().map(|event| event.id).collect();
        let mut wanted: Vec<_> = committed.into_iter().map(|(_, outcome)| outcome.id).collect();
        recorded.sort();
        wanted.sort();
        assert_eq!(recorded, wanted, "each record once, dropped after {polls} polls");
    }
    assert!(is_covered, "a pass takes more steps than were tried");
}

#[tokio::test]
async fn what_fails_is_tried_again_later_each_time_and_holds_up_only_its_aggregate() {
    let world = World::new();
    let (bad, good) = (Uuid::now_v7(), Uuid::now_v7());
    world.bus.answer(bad, Answer::Refuse);
    let (first, _) = world.commit(bad, 1);
    let (second, _) = world.commit(bad, 2);
    let (other, _) = world.commit(good, 1);
    let relay = world.relay();
    let pass = relay.pass().await.unwrap();
    assert_eq!((pass.delivered, pass.retried), (4, 1), "three records and the other event; one failed");
    assert_eq!(world.bus.ids(), [other.id]);
    // Each wait lies in the upper half of the doubled time.
    for whole in [1_u32, 2, 4, 8, 16, 32, 60, 60] {
        world.clock.advance(SECOND * whole / 2 - Duration::from_millis(1));
        assert_eq!(relay.pass().await.unwrap().leased, 0, "tried again too early, at {whole}");
        world.clock.advance(SECOND * whole / 2 + Duration::from_millis(1));
        assert_eq!(relay.pass().await.unwrap().retried, 1, "not tried again, at {whole}");
    }
    world.bus.answer(bad, Answer::Take);
    world.clock.advance(60 * SECOND);
    assert_eq!(relay.pass().await.unwrap().delivered, 1);
    assert_eq!(relay.pass().await.unwrap().delivered, 1);
    assert_eq!(world.bus.ids(), [other.id, first.id, second.id]);
    assert_eq!((relay.status().retried(), relay.status().delivered()), (9, 6));
}

#[tokio::test]
async fn a_log_that_cannot_take_a_record_gets_it_later() {
    let world = World::new();
    world.audit.is_full.store(true, Ordering::SeqCst);
    let (_, outcome) = world.commit(Uuid::now_v7(), 1);
    assert_eq!(world.relay().pass().await.unwrap().retried, 1);
    assert_eq!(world.outbox.memory.len(), 1);
    world.audit.is_full.store(false, Ordering::SeqCst);
    world.settle().await;
    assert_eq!(world.audit.memory.events(), [outcome]);
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_panics_or_hangs_does_not_take_the_relay_with_it() {
    for answer in [Answer::Panic, Answer::Hang] {
        let world = World::new();
        let (bad, good) = (Uuid::now_v7(), Uuid::now_v7());
        world.bus.answer(bad, answer);
        world.commit(bad, 1);
        let (other, _) = world.commit(good, 1);
        let begun = Instant::now();
        let pass = world.relay().pass().await.unwrap();
        assert_eq!((pass.delivered, pass.retried), (3, 1), "{answer:?}");
        assert!(begun.elapsed() <= LEASE / 2, "given up before the lease is over");
        assert_eq!(world.bus.ids(), [other.id]);
    }
}

#[tokio::test]
async fn a_lease_that_was_lost_is_counted_and_nothing_else() {
    let world = World::new();
    let aggregate = Uuid::now_v7();
    let (event, _) = world.commit(aggregate, 1);
    let slow = world.relay();
    let mut pass = Box::pin(slow.pass());
    while world.bus.ids().is_empty() {
        assert!(poll(pass.as_mut()).is_pending());
    }
    // The slow one's lease runs out, and another relay takes over.
    world.clock.advance(LEASE);
    let taken = world.outbox.memory.lease(100, LEASE, world.now()).await.unwrap();
    assert_eq!(taken.iter().filter(|entry| entry.attempts == 1).count(), taken.len());
    let pass = pass.await.unwrap();
    assert_eq!((pass.lost, pass.delivered), (taken.len() as u64, 2 - taken.len() as u64));
    assert_eq!(world.outbox.memory.len(), taken.len(), "still the other's to deliver");
    assert_eq!(world.bus.ids(), [event.id]);
}

#[tokio::test]
async fn a_settling_that_fails_leaves_the_entry_to_its_lease() {
    let world = World::new();
    let (event, outcome) = world.commit(Uuid::now_v7(), 1);
    world.outbox.is_down_for_settling.store(true, Ordering::SeqCst);
    let pass = world.relay().pass().await.unwrap();
    assert_eq!((pass.unsettled, pass.delivered), (2, 0));
    world.outbox.is_down_for_settling.store(false, Ordering::SeqCst);
    assert_eq!(world.relay().pass().await.unwrap().leased, 0);
    world.clock.advance(LEASE);
    world.settle().await;
    assert_eq!(world.bus.ids(), [event.id, event.id], "at least once");
    assert_eq!(world.audit.memory.events(), [outcome], "and recorded once");
}

#[tokio::test(start_paused = true)]
async fn an_idle_relay_looks_once_an_interval_and_a_signal_wakes_it() {
    let (world, wake) = (World::new(), Wake::new());
    let relay = world.builder().poll(10 * SECOND).wake(&wake).build().unwrap();
    let shutdown = Shutdown::builder().stage("relay", SECOND).build().unwrap();
    let running = tokio::spawn(relay.run(shutdown.stage("relay").unwrap().token()));
    let looks = || world.outbox.leases.load(Ordering::SeqCst);
    sleep(95 * SECOND).await;
    assert_eq!(looks(), 10, "at 0, 10, … 90 seconds");
    let (event, _) = world.commit(Uuid::now_v7(), 1);
    wake.signal();
    sleep(Duration::from_millis(1)).await;
    assert_eq!(world.bus.ids(), [event.id], "long before the interval is over");
    assert_eq!(looks(), 12, "woken, and looked again after it had delivered something");
    shutdown.begin();
    shutdown.drain().await;
    let total = time_out(SECOND, running).await.unwrap().unwrap();
    assert_eq!(total.delivered, 2);
}

#[tokio::test(start_paused = true)]
async fn nothing_that_fails_makes_it_busy() {
    // An outbox that is down, entries that always fail, entries that cannot be settled; and signals all the while.
    for trouble in 0..3 {
        let (world, wake) = (World::new(), Wake::new());
        let aggregates: Vec<Uuid> = (0..10).map(|_| Uuid::now_v7()).collect();
        for aggregate in &aggregates {
            world.commit(*aggregate, 1);
            world.bus.answer(*aggregate, Answer::Refuse);
        }
        world.outbox.is_down.store(trouble == 0, Ordering::SeqCst);
        world.audit.is_full.store(trouble == 1, Ordering::SeqCst);
        world.outbox.is_down_for_settling.store(trouble == 2, Ordering::SeqCst);
        let relay = world.builder().poll(SECOND).wake(&wake).build().unwrap();
        let status = relay.status();
        let shutdown = Shutdown::builder().stage("relay", SECOND).build().unwrap();
        let running = tokio::spawn(relay.run(shutdown.stage("relay").unwrap().token()));
        for _ in 0..60 {
            sleep(SECOND).await;
            wake.signal();
        }
        let looks = world.outbox.leases.load(Ordering::SeqCst);
        assert!(looks <= 130, "trouble {trouble}: looked {looks} times in a minute");
        assert!(
            trouble != 0 || (looks < 15 && status.failures() > 3),
            "an outbox that is down is asked ever less: {looks}"
        );
        running.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_burst_is_relayed_without_waiting_between_batches() {
    let world = World::new();
    for _ in 0..500 {
        world.commit(Uuid::now_v7(), 1);
    }
    let relay = world.builder().batch(16).build().unwrap();
    let shutdown = Shutdown::builder().stage("relay", SECOND).build().unwrap();
    let running = tokio::spawn(relay.run(shutdown.stage("relay").unwrap().token()));
    let begun = Instant::now();
    while !world.outbox.memory.is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(begun.elapsed() < SECOND);
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn told_to_stop_it_finishes_what_it_holds_and_takes_nothing_new() {
    let world = World::new();
    for version in 1..=3 {
        world.commit(Uuid::from_u128(1), version);
    }
    let shutdown = Shutdown::builder().stage("relay", 10 * SECOND).build().unwrap();
    let stage = shutdown.stage("relay").unwrap();
    let running = stage.spawn("relay", world.relay().run(stage.token())).unwrap();
    while world.bus.tried.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    shutdown.begin();
    let report = shutdown.drain().await;
    assert!(report.is_clean(), "{report}");
    let total = running.await.unwrap().unwrap();
    // One event, because an aggregate's events go one after the other; and the records of all three.
    assert_eq!((total.delivered, world.outbox.memory.len()), (4, 2));
    assert_eq!(world.outbox.leases.load(Ordering::SeqCst), 1);
    world.settle().await;
    assert_eq!(world.bus.ids().len(), 3, "what it left is not lost");
}

#[tokio::test(start_paused = true)]
async fn cut_off_at_the_deadline_it_leaves_its_leases_to_run_out() {
    let world = World::new();
    let stuck = Uuid::now_v7();
    world.bus.answer(stuck, Answer::Hang);
    let (event, _) = world.commit(stuck, 1);
    let shutdown = Shutdown::builder().stage("relay", 5 * SECOND).build().unwrap();
    let stage = shutdown.stage("relay").unwrap();
    let running = stage.spawn("relay", world.relay().run(stage.token())).unwrap();
    while world.bus.tried.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    shutdown.begin();
    let report = shutdown.drain().await;
    assert_eq!((report.took, &*report.stages[0].cut_off), (5 * SECOND, &[("relay", 1)][..]));
    assert!(running.await.unwrap().is_err());
    world.bus.answer(stuck, Answer::Take);
    world.clock.advance(LEASE);
    world.settle().await;
    assert_eq!(world.bus.ids(), [event.id]);
}

/// A listener that hangs holds up its own event until that is given up, and not what is committed meanwhile.
#[tokio::test(start_paused = true)]
async fn what_hangs_does_not_hold_up_what_comes_after_it() {
    let (world, wake, stuck) = (World::new(), Wake::new(), Uuid::now_v7());
    world.bus.answer(stuck, Answer::Hang);
    world.commit(stuck, 1);
    let relay = world.builder().poll(SECOND).wake(&wake).build().unwrap();
    let status = relay.status();
    let shutdown = Shutdown::builder().stage("relay", LEASE).build().unwrap();
    let running = tokio::spawn(relay.run(shutdown.stage("relay").unwrap().token()));
    let mut committed = Vec::new();
    for _ in 0..3 {
        sleep(2 * SECOND).await;
        assert_eq!(world.outbox.memory.len(), 1, "all but what hangs was delivered, and marked so");
        committed.push(world.commit(Uuid::now_v7(), 1).0.id);
        wake.signal();
        sleep(Duration::from_millis(1)).await;
        assert_eq!(world.bus.ids(), committed, "at once, because it was woken");
    }
    assert_eq!((status.delivered(), status.retried()), (7, 0));
    shutdown.begin();
    shutdown.drain().await;
    let total = time_out(LEASE, running).await.unwrap().unwrap();
    assert_eq!((total.leased, total.delivered, total.retried), (8, 7, 1), "it ends with what it had leased");
}

#[tokio::test(start_paused = true)]
async fn what_hangs_takes_room_of_the_batch_and_no_more() {
    let world = World::new();
    for _ in 0..5 {
        let stuck = Uuid::now_v7();
        world.bus.answer(stuck, Answer::Hang);
        world.commit(stuck, 1);
    }
    world.audit.is_full.store(true, Ordering::SeqCst);
    let relay = world.builder().batch(3).poll(SECOND).build().unwrap();
    let shutdown = Shutdown::builder().stage("relay", LEASE).build().unwrap();
    let running = tokio::spawn(relay.run(shutdown.stage("relay").unwrap().token()));
    sleep(LEASE / 2 - SECOND).await;
    assert_eq!(world.bus.tried.load(Ordering::SeqCst), 3, "as many as a batch are under way");
    sleep(10 * SECOND).await;
    assert_eq!(world.bus.tried.load(Ordering::SeqCst), 5, "then the others have their turn");
    running.abort();
}

#[tokio::test]
async fn an_outbox_that_cannot_be_read_is_an_error_with_its_cause() {
    let world = World::new();
    world.outbox.is_down.store(true, Ordering::SeqCst);
    let relay = world.relay();
    let error = relay.pass().await.unwrap_err();
    assert!(matches!(error, RelayError::Outbox(_)));
    assert_eq!(error.to_string(), "the outbox could not be read");
    assert_eq!((relay.status().failures(), relay.status().looked_at()), (1, None));
    world.outbox.is_down.store(false, Ordering::SeqCst);
    relay.pass().await.unwrap();
    assert_eq!((relay.status().failures(), relay.status().looked_at()), (0, Some(world.now())));
    let then = world.now();
    world.clock.advance(SECOND);
    world.outbox.is_down.store(true, Ordering::SeqCst);
    relay.pass().await.unwrap_err();
    assert_eq!((relay.status().failures(), relay.status().looked_at()), (1, Some(then)));
}

#[tokio::test]
async fn two_relays_share_the_work() {
    let world = World::new();
    let events: Vec<_> = (0..200).map(|_| world.commit(Uuid::now_v7(), 1).0.id).collect();
    let (one, two) = (world.builder().batch(7).build().unwrap(), world.builder().batch(7).build().unwrap());
    while !world.outbox.memory.is_empty() {
        let (one, two) = tokio::join!(one.pass(), two.pass());
        assert_eq!((one.unwrap().lost, two.unwrap().lost), (0, 0));
    }
    let (mut published, mut wanted) = (world.bus.ids(), events);
    published.sort();
    wanted.sort();
    assert_eq!(published, wanted, "each once, when nobody dies");
}

#[test]
fn a_relay_that_makes_no_sense_is_not_built() {
    let world = World::new();
    let refused = |builder: healthcare_messaging::RelayBuilder| builder.build().err();
    assert!(matches!(refused(world.builder().batch(0)), Some(RelayConfigError::Batch { max: 1_000 })));
    assert!(matches!(refused(world.builder().batch(1_001)), Some(RelayConfigError::Batch { .. })));
    for lease in [SECOND - Duration::from_millis(1), Duration::MAX] {
        assert!(matches!(refused(world.builder().lease(lease)), Some(RelayConfigError::Lease { .. })));
    }
    assert!(matches!(refused(world.builder().poll(Duration::ZERO)), Some(RelayConfigError::Poll { .. })));
    for (first, last) in [(Duration::ZERO, SECOND), (2 * SECOND, SECOND)] {
        assert!(matches!(refused(world.builder().backoff(first, last)), Some(RelayConfigError::Backoff)));
    }
    let _: Arc<dyn std::fmt::Debug> = Arc::new(world.relay());
}
