use super::{KEY, MINUTE, SharedRig, TAG, fence, scope};
use crate::{Filled, Forget, Listener, NewEntry, SharedTier as _, Verb};
use std::time::Duration;

/// For a notice that never comes.
const PATIENCE: Duration = Duration::from_secs(20);

async fn heard(listener: &mut Box<dyn Listener>) -> Vec<u8> {
    tokio::time::timeout(PATIENCE, listener.next()).await.expect("something is told").expect("the link holds")
}

/// Notices may arrive in any order.
async fn all_heard(listener: &mut Box<dyn Listener>, wanted: &[&[u8]]) {
    let mut all = Vec::new();
    for _ in wanted {
        all.push(heard(listener).await);
    }
    all.sort_unstable();
    let mut wanted = wanted.to_vec();
    wanted.sort_unstable();
    assert_eq!(all, wanted);
}

pub(super) async fn whoever_listens_hears_what_happened<R: SharedRig>(rig: &R) {
    let (here, there, clinic) = (rig.node(), rig.node(), scope());
    here.say(b"nobody listens yet").await.expect("the tier answers");
    let mut listeners =
        [here.listen().await.expect("the tier answers"), there.listen().await.expect("the tier answers")];
    // Each byte there is, so that nothing on the way takes it for text.
    let every: Vec<u8> = (0..=255).collect();
    there.say(&every).await.expect("the tier answers");
    let forget = Forget { marks: &[TAG], keys: &[KEY], verb: Verb::Purge };
    let seen = fence(&here, clinic, KEY).await;
    there.forget(clinic, forget, b"forgotten").await.expect("the tier answers");
    for listener in &mut listeners {
        all_heard(listener, &[&every, b"forgotten"]).await;
    }
    let entry = NewEntry { key: KEY, seen, marks: &[], bytes: b"x", life: MINUTE, lease: None };
    let filled = here.fill(clinic, entry).await.expect("the tier answers");
    assert_eq!(filled, Filled::Stale, "what is heard has happened");
    there.forget_clinic(clinic, Verb::Expire, b"clinic").await.expect("the tier answers");
    let bar = there.bar(clinic, &[TAG], MINUTE, b"barred").await.expect("the tier answers");
    there.lift(&bar, b"lifted").await.expect("the tier answers");
    let generation = there.purge_all(b"all").await.expect("the tier answers");
    for listener in &mut listeners {
        let all = [&b"all"[..], &generation.to_be_bytes()].concat();
        all_heard(listener, &[b"clinic", b"barred", b"lifted", &all]).await;
    }
}

pub(super) async fn nothing_is_told_when_nothing_is_said_or_done<R: SharedRig>(rig: &R) {
    let (tier, clinic) = (rig.node(), scope());
    let mut listener = tier.listen().await.expect("the tier answers");
    let forget = Forget { marks: &[TAG], keys: &[KEY], verb: Verb::Purge };
    tier.forget(clinic, forget, &[]).await.expect("the tier answers");
    tier.forget_clinic(clinic, Verb::Purge, &[]).await.expect("the tier answers");
    let bar = tier.bar(clinic, &[TAG], MINUTE, &[]).await.expect("the tier answers");
    tier.lift(&bar, &[]).await.expect("the tier answers");
    tier.purge_all(&[]).await.expect("the tier answers");
    let many = [TAG; 1_001];
    let forget = Forget { marks: &many, ..forget };
    tier.forget(clinic, forget, b"refused").await.expect_err("too many marks");
    tier.bar(clinic, &many, MINUTE, b"refused").await.expect_err("too many marks");
    tier.say(b"the end").await.expect("the tier answers");
    assert_eq!(heard(&mut listener).await, b"the end");
}

pub(super) async fn a_generation_that_was_heard_counts<R: SharedRig>(rig: &R) {
    let (here, there, clinic) = (rig.node(), rig.node(), scope());
    super::kept(&there, clinic, KEY, b"x").await;
    let generation = here.purge_all(&[]).await.expect("the tier answers");
    there.hear(generation);
    assert!(super::found(&there, clinic, KEY).await.is_none(), "it is purged where it was heard of");
    super::kept(&there, clinic, KEY, b"y").await;
    for other in [0, generation - 1, generation, u64::MAX] {
        there.hear(other);
        assert!(super::found(&there, clinic, KEY).await.is_some(), "{other} is no later generation");
    }
}
