use super::{KEY, OTHER_KEY, SharedRig, TAG, WAYS, Way, fence, filled, found, kept, mark, scope};
use crate::{Filled, Forget, SharedTier as _, Verb};

pub(super) async fn an_old_load_does_not_land<R: SharedRig>(rig: &R) {
    for way in WAYS {
        let (here, there, clinic) = (rig.node(), rig.node(), scope());
        let seen = fence(&here, clinic, KEY).await;
        way.go(&there, clinic, KEY, TAG).await;
        here.generation().await.expect("the tier answers");
        assert_eq!(filled(&here, clinic, KEY, seen, b"old").await, Filled::Stale, "{way:?}");
        assert!(found(&there, clinic, KEY).await.is_none(), "{way:?}");
        kept(&here, clinic, KEY, b"new").await;
    }
}

pub(super) async fn an_old_load_does_not_replace_a_new_value<R: SharedRig>(rig: &R) {
    for way in WAYS {
        let (here, there, clinic) = (rig.node(), rig.node(), scope());
        kept(&here, clinic, KEY, b"A").await;
        let seen = fence(&here, clinic, KEY).await;
        way.go(&there, clinic, KEY, TAG).await;
        kept(&there, clinic, KEY, b"B").await;
        way.go(&there, clinic, KEY, TAG).await;
        kept(&there, clinic, KEY, b"A").await;
        assert_eq!(filled(&here, clinic, KEY, seen, b"A of before").await, Filled::Stale, "{way:?}");
        let entry = found(&here, clinic, KEY).await.expect("the last value is kept");
        assert_eq!((&entry.bytes[..], entry.is_over), (&b"A"[..], false), "{way:?}");
    }
}

pub(super) async fn what_was_kept_is_forgotten<R: SharedRig>(rig: &R) {
    for way in WAYS {
        let (here, there, clinic, elsewhere) = (rig.node(), rig.node(), scope(), scope());
        here.generation().await.expect("the tier answers");
        kept(&here, clinic, KEY, b"x").await;
        kept(&here, clinic, OTHER_KEY, b"y").await;
        kept(&here, elsewhere, KEY, b"z").await;
        // Nothing is filled with a fence of before the last purge, so this key's fence is later than that of the others.
        way.go(&there, clinic, KEY, TAG).await;
        here.generation().await.expect("the tier answers");
        let entry = found(&here, clinic, KEY).await;
        match entry {
            Some(entry) => assert!(entry.is_over && !way.is_purge(), "{way:?}"),
            None => assert!(way.is_purge(), "{way:?}: what is only over may still be served"),
        }
        let other = found(&here, clinic, OTHER_KEY).await.is_some_and(|entry| !entry.is_over);
        assert_eq!(other, matches!(way, Way::Key(_)), "{way:?}: a key's purge is that key's alone");
        assert_eq!(found(&here, elsewhere, KEY).await.is_some(), way != Way::All, "{way:?}: another clinic");
    }
    let (tier, clinic) = (rig.node(), scope());
    kept(&tier, clinic, KEY, b"x").await;
    let forget = Forget { marks: &[mark(777)], keys: &[mark(778)], verb: Verb::Purge };
    tier.forget(clinic, forget, &[]).await.expect("the tier answers");
    assert!(found(&tier, clinic, KEY).await.is_some(), "what does not depend on it stays");
}

pub(super) async fn a_purge_beats_an_expiry<R: SharedRig>(rig: &R) {
    for way in WAYS.into_iter().filter(|way| way.is_purge()) {
        for expiry in WAYS.into_iter().filter(|way| !way.is_purge()) {
            for order in [[way, expiry], [expiry, way]] {
                let (tier, clinic) = (rig.node(), scope());
                kept(&tier, clinic, KEY, b"x").await;
                for step in order {
                    step.go(&tier, clinic, KEY, TAG).await;
                }
                assert!(found(&tier, clinic, KEY).await.is_none(), "{order:?}");
            }
        }
    }
}

pub(super) async fn everything_is_forgotten_by_whoever_heard<R: SharedRig>(rig: &R) {
    let (here, there, clinic) = (rig.node(), rig.node(), scope());
    kept(&there, clinic, KEY, b"x").await;
    let generation = here.purge_all(&[]).await.expect("the tier answers");
    assert!(found(&here, clinic, KEY).await.is_none(), "who purged finds nothing");
    assert!(found(&there, clinic, KEY).await.is_none(), "nor does anyone where it is known");
    let next = here.purge_all(&[]).await.expect("the tier answers");
    assert!(next > generation, "each has a generation of its own");
    assert_eq!(there.generation().await.expect("the tier answers"), next);
    let (late, other) = (rig.node(), scope());
    kept(&there, other, KEY, b"y").await;
    let entry =
        found(&late, other, KEY).await.expect("what was kept after it is found by nodes that never heard");
    assert_eq!(entry.now.generation, next, "and they hear of it by that");
}
