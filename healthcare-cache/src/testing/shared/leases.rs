use super::{KEY, Loss, MINUTE, OTHER_KEY, SharedRig, TAG, Way, filled, kept, mark, scope};
use crate::{
    Filled, Lease, LeaseToken, Leased, Mark, NewEntry, ScopeMark, Seen, SharedEntry, SharedLimits,
    SharedTier, Verb,
};
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(40);

fn lease(token: LeaseToken) -> Lease {
    Lease { token, longest: MINUTE, renew: Duration::ZERO }
}

async fn asked(tier: &impl SharedTier, scope: ScopeMark, key: Mark, lease: Lease) -> Leased {
    tier.fetch_or_lease(scope, key.into(), lease).await.expect("the tier answers")
}

async fn yours(tier: &impl SharedTier, scope: ScopeMark, key: Mark, lease: Lease) -> Seen {
    match asked(tier, scope, key, lease).await {
        Leased::Yours(seen) => seen,
        other => panic!("not its turn: {other:?}"),
    }
}

async fn theirs(tier: &impl SharedTier, scope: ScopeMark, key: Mark, lease: Lease) -> Seen {
    match asked(tier, scope, key, lease).await {
        Leased::Theirs(seen) => seen,
        other => panic!("not another's turn: {other:?}"),
    }
}

async fn hit(tier: &impl SharedTier, scope: ScopeMark, key: Mark, lease: Lease) -> (SharedEntry, bool) {
    match asked(tier, scope, key, lease).await {
        Leased::Hit { entry, is_leased } => (entry, is_leased),
        other => panic!("nothing found: {other:?}"),
    }
}

/// Two who ask.
fn two() -> [LeaseToken; 2] {
    [LeaseToken::random(), LeaseToken::random()]
}

pub(super) async fn one_loads_and_the_others_wait<R: SharedRig>(rig: &R) {
    let (here, there, clinic, [one, other]) = (rig.node(), rig.node(), scope(), two());
    let seen = yours(&here, clinic, KEY, lease(one)).await;
    assert_eq!(theirs(&there, clinic, KEY, lease(other)).await, seen, "who does not wait has a fence, too");
    assert_eq!(yours(&here, clinic, KEY, lease(one)).await, seen, "its answer may have been lost");
    yours(&there, clinic, OTHER_KEY, lease(other)).await;
    yours(&there, scope(), KEY, lease(other)).await;
    let entry = NewEntry { key: KEY, seen, marks: &[TAG], bytes: b"x", life: MINUTE, lease: Some(one) };
    assert_eq!(here.fill(clinic, entry).await.expect("the tier answers"), Filled::Stored);
    let (entry, is_leased) = hit(&there, clinic, KEY, lease(other)).await;
    assert_eq!((&entry.bytes[..], &entry.marks[..], is_leased), (&b"x"[..], &[TAG][..], false));
    // The fill gave the lease back: after a purge it is anybody's turn.
    Way::Tag(Verb::Purge).go(&here, clinic, KEY, TAG).await;
    yours(&there, clinic, KEY, lease(other)).await;
}

pub(super) async fn a_lease_is_given_back_by_its_token_alone<R: SharedRig>(rig: &R) {
    let (here, there, clinic, [one, other]) = (rig.node(), rig.node(), scope(), two());
    let seen = yours(&here, clinic, KEY, lease(one)).await;
    there.release(clinic, KEY, other).await.expect("nothing to give back is no error");
    there.release(clinic, OTHER_KEY, one).await.expect("nothing to give back is no error");
    theirs(&there, clinic, KEY, lease(other)).await;
    // Fills under another's lease, or none, leave it; they are refused or not by their fence alone.
    for lease in [None, Some(other)] {
        let entry = NewEntry { key: KEY, seen, marks: &[TAG], bytes: b"x", life: MINUTE, lease };
        assert_eq!(there.fill(clinic, entry).await.expect("the tier answers"), Filled::Stored);
    }
    Way::Tag(Verb::Purge).go(&there, clinic, KEY, TAG).await;
    theirs(&there, clinic, KEY, lease(other)).await;
    for _ in 0..2 {
        here.release(clinic, KEY, one).await.expect("the tier answers");
    }
    yours(&there, clinic, KEY, lease(other)).await;
}

pub(super) async fn a_lease_ends_by_itself<R: SharedRig>(rig: &R) {
    let (here, there, clinic, [gone, next]) = (rig.node(), rig.node(), scope(), two());
    let seen = yours(&here, clinic, KEY, Lease { longest: SHORT, ..lease(gone) }).await;
    rig.pass(SHORT * 2).await;
    yours(&there, clinic, KEY, lease(next)).await;
    // Its load took longer than its lease: the value is kept all the same, and the next one's lease is untouched.
    let entry = NewEntry { key: KEY, seen, marks: &[TAG], bytes: b"x", life: MINUTE, lease: Some(gone) };
    assert_eq!(here.fill(clinic, entry).await.expect("the tier answers"), Filled::Stored);
    here.release(clinic, KEY, gone).await.expect("the tier answers");
    Way::Tag(Verb::Purge).go(&here, clinic, KEY, TAG).await;
    theirs(&here, clinic, KEY, lease(gone)).await;
    // None is too short to be one, and none is for ever.
    let clinic = scope();
    yours(&here, clinic, KEY, Lease { longest: Duration::ZERO, ..lease(gone) }).await;
    yours(&here, clinic, OTHER_KEY, Lease { longest: Duration::MAX, ..lease(gone) }).await;
    rig.pass(SHORT).await;
    yours(&there, clinic, KEY, lease(next)).await;
    theirs(&there, clinic, OTHER_KEY, lease(next)).await;
}

pub(super) async fn a_refused_fill_gives_the_lease_back<R: SharedRig>(rig: &R) {
    let (here, there) = (rig.node(), rig.node());
    let large = vec![7; 4_097];
    for (bytes, life, wanted) in [
        (&large[..], MINUTE, Filled::TooLarge),
        (b"x", Duration::ZERO, Filled::NoLife),
        (b"x", MINUTE, Filled::Stale),
        (b"x", MINUTE, Filled::Barred),
    ] {
        let (clinic, [one, other]) = (scope(), two());
        let seen = yours(&here, clinic, KEY, lease(one)).await;
        if wanted == Filled::Stale {
            Way::Tag(Verb::Purge).go(&there, clinic, KEY, TAG).await;
        }
        if wanted == Filled::Barred {
            let _held = there.bar(clinic, &[TAG], MINUTE, &[]).await.expect("the tier answers");
        }
        let entry = NewEntry { key: KEY, seen, marks: &[TAG], bytes, life, lease: Some(one) };
        assert_eq!(here.fill(clinic, entry).await.expect("the tier answers"), wanted);
        yours(&there, clinic, KEY, lease(other)).await;
    }
}

pub(super) async fn nobody_waits_for_what_cannot_be_kept<R: SharedRig>(rig: &R) {
    for way in [Way::Key(Verb::Purge), Way::Key(Verb::Expire), Way::Clinic(Verb::Purge), Way::All] {
        let (here, there, clinic, [old, new]) = (rig.node(), rig.node(), scope(), two());
        let seen = yours(&here, clinic, KEY, lease(old)).await;
        way.go(&there, clinic, KEY, TAG).await;
        let fresh = yours(&there, clinic, KEY, lease(new)).await;
        assert!(fresh.number > seen.number, "{way:?}: the next load has a fence of its own");
        assert_eq!(filled(&here, clinic, KEY, seen, b"old").await, Filled::Stale, "{way:?}");
        theirs(&here, clinic, KEY, lease(old)).await;
        assert_eq!(filled(&there, clinic, KEY, fresh, b"new").await, Filled::Stored, "{way:?}");
    }
    // While a bar is known to hold, each loads for himself, and nobody holds anything.
    let many: Vec<_> = (1_000..1_009).map(mark).collect();
    for (barred, is_kept) in
        [(&[KEY][..], true), (&[TAG], true), (&many, true), (&[KEY], false), (&many, false)]
    {
        let (here, there, clinic, [one, other]) = (rig.node(), rig.node(), scope(), two());
        if is_kept {
            kept(&here, clinic, KEY, b"x").await;
        }
        let bar = there.bar(clinic, barred, MINUTE, &[]).await.expect("the tier answers");
        yours(&here, clinic, KEY, lease(one)).await;
        yours(&there, clinic, KEY, lease(other)).await;
        there.lift(&bar, &[]).await.expect("the tier answers");
        yours(&there, clinic, KEY, lease(other)).await;
    }
}

pub(super) async fn one_renews_and_the_others_are_served<R: SharedRig>(rig: &R) {
    let (here, there, clinic, [one, other]) = (rig.node(), rig.node(), scope(), two());
    kept(&here, clinic, KEY, b"x").await;
    let renewing = |token| Lease { renew: MINUTE * 2, ..lease(token) };
    let (found, is_leased) = hit(&here, clinic, KEY, lease(one)).await;
    assert!(!is_leased && found.left <= MINUTE, "enough is left");
    assert!(hit(&here, clinic, KEY, renewing(one)).await.1, "too little is left");
    let (found, is_leased) = hit(&there, clinic, KEY, renewing(other)).await;
    assert!(!is_leased, "somebody does it already");
    let entry = NewEntry { bytes: b"y", ..new_entry(found.now, Some(one)) };
    assert_eq!(here.fill(clinic, entry).await.expect("the tier answers"), Filled::Stored);
    assert!(hit(&there, clinic, KEY, renewing(other)).await.1, "the lease was given back");
    there.release(clinic, KEY, other).await.expect("the tier answers");
    // What is over is always to be renewed.
    Way::Tag(Verb::Expire).go(&here, clinic, KEY, TAG).await;
    let (found, is_leased) = hit(&here, clinic, KEY, lease(one)).await;
    assert!(found.is_over && is_leased);
    let (found, is_leased) = hit(&there, clinic, KEY, lease(other)).await;
    assert!(found.is_over && !is_leased);
    assert_eq!(found.bytes, b"y");
}

fn new_entry(seen: Seen, lease: Option<LeaseToken>) -> NewEntry<'static> {
    NewEntry { key: KEY, seen, marks: &[TAG], bytes: b"x", life: MINUTE, lease }
}

pub(super) async fn lost_leases_are_given_anew<R: SharedRig>(rig: &R) {
    for loss in [Loss::NUMBERS, Loss::MARKS, Loss::MARKERS, Loss::ALL, Loss::VALUES] {
        let (here, there, clinic, [one, other]) = (rig.node(), rig.node(), scope(), two());
        let seen = yours(&here, clinic, KEY, lease(one)).await;
        rig.lose(clinic, loss).await;
        let fresh = yours(&there, clinic, KEY, lease(other)).await;
        let wanted = if loss == Loss::VALUES { Filled::Stored } else { Filled::Stale };
        let entry = new_entry(seen, Some(one));
        assert_eq!(here.fill(clinic, entry).await.expect("the tier answers"), wanted, "{loss:?}");
        assert_eq!(filled(&there, clinic, KEY, fresh, b"y").await, Filled::Stored, "{loss:?}");
    }
    assert!(SharedLimits::LEASE_MAX > MINUTE, "the leases of this suite are not cut");
}
