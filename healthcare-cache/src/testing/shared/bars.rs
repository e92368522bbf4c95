use super::{
    KEY, MINUTE, OTHER_KEY, OTHER_TAG, SharedRig, TAG, Way, fence, filled, found, kept, mark, scope,
};
use crate::{Filled, NewEntry, SharedTier as _, Verb, Verdict};
use std::time::Duration;

pub(super) async fn nothing_barred_is_found_or_kept<R: SharedRig>(rig: &R) {
    let (here, there, clinic) = (rig.node(), rig.node(), scope());
    kept(&here, clinic, KEY, b"before").await;
    let before = fence(&here, clinic, KEY).await;
    let bar = there.bar(clinic, &[TAG, OTHER_TAG], MINUTE, &[]).await.expect("the tier answers");
    assert!(found(&here, clinic, KEY).await.is_none());
    let during = fence(&here, clinic, KEY).await;
    for seen in [before, during] {
        assert_eq!(filled(&here, clinic, KEY, seen, b"x").await, Filled::Barred);
    }
    let free =
        NewEntry { key: OTHER_KEY, seen: during, marks: &[mark(7)], bytes: b"y", life: MINUTE, lease: None };
    assert_eq!(here.fill(clinic, free).await.expect("the tier answers"), Filled::Stored, "it is not barred");
    for _ in 0..2 {
        there.lift(&bar, &[]).await.expect("lifting again does no harm");
        assert!(found(&here, clinic, KEY).await.is_none(), "what was kept before stays forgotten");
        for seen in [before, during] {
            assert_eq!(filled(&here, clinic, KEY, seen, b"x").await, Filled::Stale);
        }
    }
    kept(&here, clinic, KEY, b"after").await;
}

pub(super) async fn bars_add_up<R: SharedRig>(rig: &R) {
    let (here, there, clinic) = (rig.node(), rig.node(), scope());
    let first = here.bar(clinic, &[TAG], MINUTE, &[]).await.expect("the tier answers");
    let second = there.bar(clinic, &[TAG], MINUTE / 2, &[]).await.expect("the tier answers");
    here.lift(&first, &[]).await.expect("the tier answers");
    here.lift(&first, &[]).await.expect("the tier answers");
    let seen = fence(&here, clinic, KEY).await;
    assert_eq!(filled(&here, clinic, KEY, seen, b"x").await, Filled::Barred, "the second holds");
    here.lift(&second, &[]).await.expect("any node can lift it");
    kept(&here, clinic, KEY, b"x").await;
    // The longer one ends the barring, not the one that was set or lifted last.
    let long = here.bar(clinic, &[TAG], MINUTE, &[]).await.expect("the tier answers");
    let short = Duration::from_millis(20);
    let _runs_out = here.bar(clinic, &[TAG], short, &[]).await.expect("the tier answers");
    rig.pass(short).await;
    let seen = fence(&here, clinic, KEY).await;
    assert_eq!(filled(&here, clinic, KEY, seen, b"x").await, Filled::Barred, "the longer holds");
    here.lift(&long, &[]).await.expect("the tier answers");
    kept(&here, clinic, KEY, b"x").await;
}

pub(super) async fn a_bar_that_runs_out_purges<R: SharedRig>(rig: &R) {
    let (tier, clinic, short) = (rig.node(), scope(), Duration::from_millis(30));
    kept(&tier, clinic, KEY, b"x").await;
    kept(&tier, clinic, OTHER_KEY, b"y").await;
    let bar = tier.bar(clinic, &[TAG], short, &[]).await.expect("the tier answers");
    let seen = fence(&tier, clinic, KEY).await;
    // On a slow machine the bar has ended by now, and then the load did not begin during it.
    let began = tier.check(clinic, &[TAG], seen).await.expect("the tier answers");
    rig.pass(short).await;
    if began == Verdict::Barred {
        assert_eq!(filled(&tier, clinic, KEY, seen, b"x").await, Filled::Stale, "it began during the bar");
    }
    for key in [KEY, OTHER_KEY] {
        assert!(found(&tier, clinic, key).await.is_none(), "it was kept before the bar");
    }
    kept(&tier, clinic, KEY, b"z").await;
    tier.lift(&bar, &[]).await.expect("the tier answers");
    assert!(found(&tier, clinic, KEY).await.is_none(), "a bar that ran out still purges when it is lifted");
}

pub(super) async fn too_many_bars_bar_the_clinic<R: SharedRig>(rig: &R) {
    let (tier, clinic, short) = (rig.node(), scope(), Duration::from_millis(20));
    let many: Vec<_> = (1_000..1_009).map(mark).collect();
    kept(&tier, clinic, KEY, b"x").await;
    let bar = tier.bar(clinic, &many, MINUTE, &[]).await.expect("it is not refused");
    assert!(found(&tier, clinic, KEY).await.is_none(), "there is no room for this bar: all is barred");
    let seen = fence(&tier, clinic, KEY).await;
    assert_eq!(filled(&tier, clinic, KEY, seen, b"x").await, Filled::Barred);
    tier.lift(&bar, &[]).await.expect("the tier answers");
    assert_eq!(
        filled(&tier, clinic, KEY, seen, b"x").await,
        Filled::Barred,
        "others may rely on it: it runs out"
    );
    let clinic = scope();
    kept(&tier, clinic, KEY, b"x").await;
    let seen = fence(&tier, clinic, KEY).await;
    let _bar = tier.bar(clinic, &many, short, &[]).await.expect("it is not refused");
    rig.pass(short).await;
    assert_eq!(filled(&tier, clinic, KEY, seen, b"x").await, Filled::Stale);
    assert!(found(&tier, clinic, KEY).await.is_none(), "its end is a purge of the clinic");
    kept(&tier, clinic, KEY, b"y").await;
}

pub(super) async fn a_purge_does_not_end_a_bar<R: SharedRig>(rig: &R) {
    let ways = [Way::Tag(Verb::Purge), Way::Tag(Verb::Expire), Way::Clinic(Verb::Purge), Way::All, Way::Bar];
    for way in ways {
        let (tier, clinic) = (rig.node(), scope());
        let bar = tier.bar(clinic, &[TAG], MINUTE, &[]).await.expect("the tier answers");
        way.go(&tier, clinic, KEY, TAG).await;
        let seen = fence(&tier, clinic, KEY).await;
        assert_eq!(filled(&tier, clinic, KEY, seen, b"x").await, Filled::Barred, "{way:?}");
        tier.lift(&bar, &[]).await.expect("the tier answers");
        kept(&tier, clinic, KEY, b"x").await;
    }
}
