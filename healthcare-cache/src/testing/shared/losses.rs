use super::{KEY, Loss, MINUTE, SharedRig, TAG, fence, filled, found, kept, mark, scope};
use crate::{Filled, Forget, NewEntry, SharedTier as _, Verb};

pub(super) async fn lost_markers_leave_nothing_valid<R: SharedRig>(rig: &R) {
    for loss in [Loss::NUMBERS, Loss::MARKS, Loss::MARKERS, Loss::ALL, Loss::VALUES] {
        let (here, there, clinic) = (rig.node(), rig.node(), scope());
        kept(&here, clinic, KEY, b"x").await;
        let seen = fence(&here, clinic, KEY).await;
        // The very purge that is lost.
        there
            .forget(clinic, Forget { marks: &[TAG], keys: &[], verb: Verb::Purge }, &[])
            .await
            .expect("the tier answers");
        rig.lose(clinic, loss).await;
        assert!(found(&here, clinic, KEY).await.is_none(), "{loss:?}");
        assert_eq!(filled(&here, clinic, KEY, seen, b"x").await, Filled::Stale, "{loss:?}");
        kept(&there, clinic, KEY, b"y").await;
        assert!(found(&here, clinic, KEY).await.is_some(), "{loss:?}: it goes on");
    }
    for loss in [Loss::NUMBERS, Loss::MARKS, Loss::MARKERS] {
        let (tier, clinic) = (rig.node(), scope());
        kept(&tier, clinic, KEY, b"x").await;
        let seen = fence(&tier, clinic, KEY).await;
        rig.lose(clinic, loss).await;
        // Whoever comes first after the loss: a fill, too, or a purge.
        assert_eq!(filled(&tier, clinic, KEY, seen, b"x").await, Filled::Stale, "{loss:?}");
        rig.lose(clinic, loss).await;
        tier.forget_clinic(clinic, Verb::Expire, &[]).await.expect("the tier answers");
        assert!(found(&tier, clinic, KEY).await.is_none(), "{loss:?}: not even as over");
    }
}

pub(super) async fn bars_outlive_the_loss_of_one_half<R: SharedRig>(rig: &R) {
    for loss in [Loss::NUMBERS, Loss::MARKS] {
        let (tier, clinic) = (rig.node(), scope());
        let _held = tier.bar(clinic, &[TAG], MINUTE, &[]).await.expect("the tier answers");
        rig.lose(clinic, loss).await;
        let seen = fence(&tier, clinic, KEY).await;
        assert_eq!(filled(&tier, clinic, KEY, seen, b"x").await, Filled::Barred, "{loss:?}");
    }
}

pub(super) async fn dropped_marks_lift_the_floor<R: SharedRig>(rig: &R) {
    let (tier, clinic) = (rig.node(), scope());
    let purge = async |first: u128, count: u128| {
        let marks: Vec<_> = (first..first + count).map(mark).collect();
        let forget = Forget { marks: &marks, keys: &[], verb: Verb::Purge };
        tier.forget(clinic, forget, &[]).await.expect("the tier answers");
    };
    let old = fence(&tier, clinic, KEY).await;
    purge(101, 1).await;
    let between = fence(&tier, clinic, KEY).await;
    for round in 0..70 {
        purge(10_000 + round, 1).await;
    }
    assert_eq!(
        filled(&tier, clinic, KEY, old, b"x").await,
        Filled::Stale,
        "its purge was dropped, not undone"
    );
    let far = NewEntry { key: mark(3), seen: between, marks: &[], bytes: b"x", life: MINUTE, lease: None };
    assert_eq!(
        tier.fill(clinic, far).await.expect("the tier answers"),
        Filled::Stale,
        "it is below the floor"
    );
    kept(&tier, clinic, KEY, b"y").await;
    purge(20_000, 3).await;
    assert!(found(&tier, clinic, KEY).await.is_some(), "what is above the floor stays");
    purge(30_000, 200).await;
    assert!(found(&tier, clinic, KEY).await.is_none(), "one purge of more than are kept lifts it, too");
    kept(&tier, clinic, KEY, b"z").await;
}
