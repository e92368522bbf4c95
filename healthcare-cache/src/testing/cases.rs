use super::{Rig, SampleKey};
use crate::{CacheTier as _, Fence, Lookup, Purge as _, PurgeScope, Put};
use healthcare_core::ClinicId;
use std::{
    future::Future,
    pin::pin,
    task::{Context, Waker},
    time::Duration,
};
use uuid::Uuid;

const MINUTE: Duration = Duration::from_secs(60);

fn key() -> SampleKey {
    SampleKey { clinic: ClinicId::random(), subject: Some(Uuid::now_v7()), item: 1 }
}

pub(super) async fn found<R: Rig>(rig: &R, key: &SampleKey) -> Option<Vec<u8>> {
    match rig.tier().get(key).await.expect("the tier answers") {
        Lookup::Hit(value) => Some(value),
        Lookup::Miss(_) => None,
    }
}

pub(super) async fn miss<R: Rig>(rig: &R, key: &SampleKey) -> Fence<SampleKey> {
    match rig.tier().get(key).await.expect("the tier answers") {
        Lookup::Hit(value) => panic!("{key:?} was found: {value:?}"),
        Lookup::Miss(fence) => fence,
    }
}

pub(super) async fn put<R: Rig>(rig: &R, fence: Fence<SampleKey>, value: &[u8]) -> Put {
    rig.tier().put(fence, value.to_vec(), MINUTE).await.expect("the tier answers")
}

async fn stored<R: Rig>(rig: &R, key: SampleKey) {
    let fence = miss(rig, &key).await;
    assert_eq!(put(rig, fence, b"value").await, Put::Stored);
    assert_eq!(found(rig, &key).await.as_deref(), Some(&b"value"[..]), "a stored value is found at once");
}

pub(super) async fn a_stored_value_is_found_under_its_key_alone<R: Rig>(rig: &R) {
    let key = key();
    stored(rig, key).await;
    let others = [
        SampleKey { clinic: ClinicId::random(), ..key },
        SampleKey { subject: Some(Uuid::now_v7()), ..key },
        SampleKey { subject: None, ..key },
        SampleKey { item: 2, ..key },
    ];
    for other in others {
        assert_eq!(found(rig, &other).await, None, "{other:?} is another key");
    }
}

pub(super) async fn a_life_ends_exactly<R: Rig>(rig: &R) {
    let key = key();
    stored(rig, key).await;
    rig.pass(MINUTE - Duration::from_millis(1)).await;
    assert!(found(rig, &key).await.is_some(), "it lives until its life is over");
    rig.pass(Duration::from_millis(1)).await;
    assert!(found(rig, &key).await.is_none(), "it is gone the moment its life is over");
}

pub(super) async fn a_life_of_zero_is_no_life<R: Rig>(rig: &R) {
    let key = key();
    let fence = miss(rig, &key).await;
    rig.tier().put(fence, b"value".to_vec(), Duration::ZERO).await.expect("the tier answers");
    assert!(found(rig, &key).await.is_none());
}

async fn purged<R: Rig>(rig: &R, key: &SampleKey, how: usize) {
    let subject = key.subject.unwrap_or_else(Uuid::nil);
    let done = match how {
        0 => rig.tier().purge_key(key).await,
        1 => rig.tier().purge(PurgeScope::Subject(key.clinic, subject)).await,
        2 => rig.tier().purge(PurgeScope::Clinic(key.clinic)).await,
        3 => rig.tier().purge(PurgeScope::All).await,
        _ => match rig.tier().bar(key.clinic, subject, MINUTE).await {
            Ok(bar) => rig.tier().lift(bar).await,
            Err(error) => Err(error),
        },
    };
    done.expect("the tier forgets");
}
const WAYS: usize = 5;

pub(super) async fn every_scope_forgets<R: Rig>(rig: &R) {
    for how in 0..WAYS {
        let key = key();
        stored(rig, key).await;
        purged(rig, &key, how).await;
        assert!(found(rig, &key).await.is_none(), "purged in way {how}, and found");
        stored(rig, key).await;
    }
    // About nobody: only its key, its clinic and everything reach it.
    for how in [0, 2, 3] {
        let key = SampleKey { subject: None, ..key() };
        stored(rig, key).await;
        purged(rig, &key, how).await;
        assert!(found(rig, &key).await.is_none(), "purged in way {how}, and found");
    }
}

pub(super) async fn a_load_that_began_before_a_purge_does_not_land<R: Rig>(rig: &R) {
    for how in 0..WAYS {
        let key = key();
        let old = miss(rig, &key).await;
        purged(rig, &key, how).await;
        put(rig, old, b"old").await;
        assert!(found(rig, &key).await.is_none(), "an old load landed behind a purge of way {how}");
        // And not over a newer one either: then the newer one may be lost, never replaced.
        let old = miss(rig, &key).await;
        purged(rig, &key, how).await;
        let new = miss(rig, &key).await;
        put(rig, new, b"new").await;
        put(rig, old, b"old").await;
        assert_ne!(found(rig, &key).await.as_deref(), Some(&b"old"[..]), "way {how}");
    }
}

pub(super) async fn a_purge_leaves_most_others<R: Rig>(rig: &R) {
    let others: Vec<SampleKey> = (0..64).map(|_| key()).collect();
    for other in &others {
        stored(rig, *other).await;
    }
    for how in [0, 1, 2, 4] {
        purged(rig, &key(), how).await;
    }
    let mut left = 0;
    for other in &others {
        left += usize::from(found(rig, other).await.is_some());
    }
    assert!(left >= 48, "a purge of one thing forgot {} of 64 others", 64 - left);
}

pub(super) async fn nothing_is_kept_while_a_bar_is_held<R: Rig>(rig: &R) {
    let key = key();
    let before = miss(rig, &key).await;
    let bar = rig.tier().bar(key.clinic, key.subject.unwrap(), MINUTE).await.expect("the tier bars");
    let during = miss(rig, &key).await;
    assert_ne!(put(rig, during.clone(), b"during").await, Put::Stored);
    assert!(found(rig, &key).await.is_none());
    let neighbour = SampleKey { item: 2, ..key };
    let during_too = miss(rig, &neighbour).await;
    rig.tier().lift(bar).await.expect("the tier lifts");
    // Loads that began before or while it was held do not land afterwards either.
    for (key, fence) in [(key, before), (key, during), (neighbour, during_too)] {
        put(rig, fence, b"old").await;
        assert!(found(rig, &key).await.is_none(), "a load from before the lift landed after it");
    }
    stored(rig, key).await;
}

pub(super) async fn a_bar_runs_out<R: Rig>(rig: &R) {
    let key = key();
    let abandoned = rig.tier().bar(key.clinic, key.subject.unwrap(), MINUTE).await.expect("the tier bars");
    drop(abandoned);
    rig.pass(MINUTE - Duration::from_millis(1)).await;
    let during = miss(rig, &key).await;
    put(rig, during, b"during").await;
    assert!(found(rig, &key).await.is_none(), "the bar is held to its end");
    rig.pass(Duration::from_millis(1)).await;
    stored(rig, key).await;
}

pub(super) async fn bars_add_up<R: Rig>(rig: &R) {
    let key = key();
    let bar = async |longest| {
        rig.tier().bar(key.clinic, key.subject.unwrap(), longest).await.expect("the tier bars")
    };
    let (first, second) = (bar(MINUTE).await, bar(2 * MINUTE).await);
    rig.tier().lift(first).await.expect("the tier lifts");
    let during = miss(rig, &key).await;
    assert_ne!(put(rig, during, b"during").await, Put::Stored, "lifting one bar lifted another");
    rig.tier().lift(second).await.expect("the tier lifts");
    stored(rig, key).await;
}

pub(super) async fn a_bar_that_ran_out_still_forgets_when_lifted<R: Rig>(rig: &R) {
    let key = key();
    let bar = rig.tier().bar(key.clinic, key.subject.unwrap(), MINUTE).await.expect("the tier bars");
    rig.pass(2 * MINUTE).await;
    stored(rig, key).await;
    rig.tier().lift(bar).await.expect("the tier lifts");
    assert!(
        found(rig, &key).await.is_none(),
        "what was loaded before the write was known to be over is still found"
    );
}

pub(super) async fn what_belongs_to_another_tier_changes_nothing<R: Rig>(rig: &R, other: &R) {
    let key = key();
    let foreign = miss(other, &key).await;
    assert_ne!(put(rig, foreign, b"foreign").await, Put::Stored, "a fence of another tier was accepted");
    let bar = rig.tier().bar(key.clinic, key.subject.unwrap(), MINUTE).await.expect("the tier bars");
    let foreign = other.tier().bar(key.clinic, key.subject.unwrap(), MINUTE).await.expect("the tier bars");
    rig.tier().lift(foreign).await.expect("nothing to do");
    let during = miss(rig, &key).await;
    assert_ne!(put(rig, during, b"during").await, Put::Stored, "a bar of another tier lifted this one's");
    rig.tier().lift(bar).await.expect("the tier lifts");
}

/// Polls once and drops.
fn begun<F: Future>(future: F) {
    let _ = pin!(future).as_mut().poll(&mut Context::from_waker(Waker::noop()));
}

pub(super) async fn dropped_futures_leave_it_usable<R: Rig>(rig: &R) {
    let key = key();
    let tier = rig.tier();
    for _ in 0..3 {
        drop(tier.get(&key));
        begun(tier.get(&key));
        let fence = miss(rig, &SampleKey { item: 2, ..key }).await;
        drop(tier.put(fence.clone(), b"value".to_vec(), MINUTE));
        begun(tier.put(fence, b"value".to_vec(), MINUTE));
        begun(tier.purge_key(&key));
        begun(tier.purge(PurgeScope::All));
        drop(tier.bar(key.clinic, Uuid::nil(), MINUTE));
        begun(tier.bar(key.clinic, Uuid::nil(), MINUTE));
        stored(rig, key).await;
        purged(rig, &key, 1).await;
    }
}
