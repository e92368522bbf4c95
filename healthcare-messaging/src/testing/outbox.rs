use futures_util::future::join_all;
use healthcare_core::{DomainEvent, Outbox, OutboxEntry, OutboxMessage};
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::HashSet,
    future::Future,
    pin::pin,
    task::{Context, Waker},
    time::Duration,
};
use uuid::Uuid;

const LEASE: Duration = Duration::from_secs(60);

/// An outbox under test, and a way to commit to it.
///
/// The suite moves time by what it says to the outbox, beginning at [`now`](Self::now).
pub trait OutboxRig {
    /// The outbox, empty at first.
    fn outbox(&self) -> &dyn Outbox;

    /// A time at which everything committed through this rig is due.
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365 * 60)
    }

    /// Commits one change of record number `aggregate`, with these events in this order, and, as every change has, its
    /// outcome record.
    fn commit(&self, aggregate: u32, kinds: &[&'static str]) -> impl Future<Output = ()>;

    /// Begins the same change and rolls it back.
    fn roll_back(&self, aggregate: u32, kinds: &[&'static str]) -> impl Future<Output = ()>;
}

/// Runs every case, each on a rig of its own.
///
/// # Panics
/// When the outbox breaks its contract.
pub async fn outbox_contract<R: OutboxRig>(make: impl AsyncFn() -> R) {
    nothing_is_leased_from_an_empty_outbox(&make().await).await;
    what_was_committed_is_leased_and_what_was_rolled_back_is_not(&make().await).await;
    a_leased_entry_comes_again_exactly_when_its_lease_is_over(&make().await).await;
    a_delivered_entry_never_comes_again(&make().await).await;
    whoever_lost_the_lease_settles_nothing(&make().await).await;
    an_entry_given_back_comes_again_when_it_is_due(&make().await).await;
    an_aggregate_keeps_its_order_and_holds_up_nobody_else(&make().await).await;
    an_outcome_record_waits_for_no_event(&make().await).await;
    no_more_than_the_limit_is_leased_and_the_oldest_first(&make().await).await;
    no_entry_is_leased_to_two(&make().await).await;
    dropped_futures_lose_nothing(&make().await).await;
}

fn at(rig: &impl OutboxRig, after: Duration) -> Timestamp {
    rig.now() + SignedDuration::try_from(after).unwrap()
}

async fn lease(rig: &impl OutboxRig, limit: u32, now: Timestamp) -> Vec<OutboxEntry> {
    let entries = rig.outbox().lease(limit, LEASE, now).await.expect("the outbox answers");
    assert!(entries.len() <= limit as usize, "more than the limit");
    entries
}

async fn delivered(rig: &impl OutboxRig, entry: &OutboxEntry, now: Timestamp) -> bool {
    rig.outbox().delivered(entry, now).await.expect("the outbox answers")
}

fn event_of(entry: &OutboxEntry) -> &DomainEvent {
    match &entry.message {
        OutboxMessage::Event(event) => event,
        other => panic!("not an event: {other:?}"),
    }
}

fn kinds(entries: &[OutboxEntry]) -> Vec<&str> {
    let mut kinds: Vec<&str> = entries.iter().map(|entry| event_of(entry).kind.as_ref()).collect();
    kinds.sort_unstable();
    kinds
}

/// Leases every event that can be had now. Outcome records are delivered on the way.
async fn events(rig: &impl OutboxRig, now: Timestamp) -> Vec<OutboxEntry> {
    let mut events = Vec::new();
    loop {
        let entries = lease(rig, 100, now).await;
        if entries.is_empty() {
            return events;
        }
        for entry in entries {
            match &entry.message {
                OutboxMessage::Event(_) => events.push(entry),
                _ => assert!(delivered(rig, &entry, now).await, "an outcome record could not be settled"),
            }
        }
    }
}

async fn nothing_is_leased_from_an_empty_outbox(rig: &impl OutboxRig) {
    assert!(lease(rig, 100, rig.now()).await.is_empty());
}

async fn what_was_committed_is_leased_and_what_was_rolled_back_is_not(rig: &impl OutboxRig) {
    rig.roll_back(1, &["sample.undone"]).await;
    assert!(lease(rig, 100, rig.now()).await.is_empty(), "leased from a change that was rolled back");
    rig.commit(1, &["sample.done"]).await;
    let (mut outcomes, mut done) = (0, 0);
    let mut rounds = 0;
    while outcomes + done < 2 {
        rounds += 1;
        assert!(rounds < 10, "{done} events and {outcomes} outcome records of one and one");
        for entry in lease(rig, 100, rig.now()).await {
            match &entry.message {
                OutboxMessage::Event(event) => {
                    assert_eq!(event.kind, "sample.done");
                    done += 1;
                }
                OutboxMessage::Outcome(_) => outcomes += 1,
                other => panic!("a message nobody wrote: {other:?}"),
            }
            assert_eq!(entry.attempts, 0, "leased for the first time");
            assert!(delivered(rig, &entry, rig.now()).await);
        }
    }
    assert_eq!((outcomes, done), (1, 1));
}

async fn a_leased_entry_comes_again_exactly_when_its_lease_is_over(rig: &impl OutboxRig) {
    rig.commit(1, &["sample.done"]).await;
    let first = events(rig, rig.now()).await.remove(0);
    assert!(events(rig, rig.now()).await.is_empty(), "leased while it was leased");
    assert!(
        events(rig, at(rig, LEASE - Duration::from_millis(1))).await.is_empty(),
        "leased before its time"
    );
    let second = events(rig, at(rig, LEASE)).await;
    assert_eq!(second.len(), 1, "not leased when its lease was over");
    assert_eq!((second[0].id, &second[0].message), (first.id, &first.message));
    assert!(second[0].lease > first.lease, "the fencing token did not grow");
    assert_eq!((first.attempts, second[0].attempts), (0, 1));
}

async fn a_delivered_entry_never_comes_again(rig: &impl OutboxRig) {
    rig.commit(1, &["sample.done"]).await;
    let entry = events(rig, rig.now()).await.remove(0);
    assert!(delivered(rig, &entry, rig.now()).await);
    assert!(events(rig, at(rig, 100 * LEASE)).await.is_empty());
}

async fn whoever_lost_the_lease_settles_nothing(rig: &impl OutboxRig) {
    rig.commit(1, &["sample.done"]).await;
    let late = events(rig, rig.now()).await.remove(0);
    let again = at(rig, LEASE);
    let holder = events(rig, again).await.remove(0);
    assert!(!delivered(rig, &late, again).await, "an old lease marked an entry delivered");
    assert!(
        !rig.outbox().retry(&late, again).await.expect("the outbox answers"),
        "an old lease gave an entry back"
    );
    assert!(events(rig, again).await.is_empty(), "the holder's lease was ended by somebody else");
    assert!(delivered(rig, &holder, again).await);
    // And one that gave it back holds it no longer.
    rig.commit(2, &["sample.done"]).await;
    let late = events(rig, again).await.remove(0);
    assert!(rig.outbox().retry(&late, again).await.expect("the outbox answers"));
    let holder = events(rig, again).await.remove(0);
    assert!(!delivered(rig, &late, again).await, "a lease that was given back marked an entry delivered");
    assert!(delivered(rig, &holder, again).await);
}

async fn an_entry_given_back_comes_again_when_it_is_due(rig: &impl OutboxRig) {
    rig.commit(1, &["sample.done"]).await;
    let first = events(rig, rig.now()).await.remove(0);
    let (soon, due) = (Duration::from_millis(9_999), Duration::from_secs(10));
    assert!(rig.outbox().retry(&first, at(rig, due)).await.expect("the outbox answers"));
    assert!(events(rig, at(rig, soon)).await.is_empty(), "leased before it was due");
    let second = events(rig, at(rig, due)).await;
    assert_eq!(second.len(), 1, "not leased when it was due");
    assert_eq!((second[0].id, second[0].attempts), (first.id, 1));
    // Later than its lease would have ended, too.
    assert!(rig.outbox().retry(&second[0], at(rig, 10 * LEASE)).await.expect("the outbox answers"));
    assert!(events(rig, at(rig, 9 * LEASE)).await.is_empty(), "the lease that was given back ended it");
    assert_eq!(events(rig, at(rig, 10 * LEASE)).await.len(), 1);
}

async fn an_aggregate_keeps_its_order_and_holds_up_nobody_else(rig: &impl OutboxRig) {
    rig.commit(1, &["sample.1a", "sample.1b"]).await;
    rig.commit(1, &["sample.1c"]).await;
    rig.commit(2, &["sample.2a"]).await;
    let now = rig.now();
    let first = events(rig, now).await;
    assert_eq!(kinds(&first), ["sample.1a", "sample.2a"], "one entry of each aggregate");
    let (one, two): (Vec<_>, Vec<_>) =
        first.into_iter().partition(|entry| event_of(entry).kind == "sample.1a");
    assert!(delivered(rig, &two[0], now).await);
    // While the first waits for its retry, the others of its aggregate wait with it.
    let due = at(rig, Duration::from_secs(10));
    assert!(rig.outbox().retry(&one[0], due).await.expect("the outbox answers"));
    rig.commit(2, &["sample.2b"]).await;
    let meanwhile = events(rig, now).await;
    assert_eq!(kinds(&meanwhile), ["sample.2b"]);
    assert!(delivered(rig, &meanwhile[0], now).await);
    for kind in ["sample.1a", "sample.1b", "sample.1c"] {
        let next = events(rig, due).await;
        assert_eq!(kinds(&next), [kind]);
        assert!(delivered(rig, &next[0], due).await);
    }
    assert!(events(rig, due).await.is_empty());
}

/// The audit log must not lack what was committed because some listener fails.
async fn an_outcome_record_waits_for_no_event(rig: &impl OutboxRig) {
    rig.commit(1, &["sample.stuck"]).await;
    rig.commit(1, &["sample.behind"]).await;
    let (mut outcomes, mut rounds) = (0, 0);
    while outcomes < 2 {
        rounds += 1;
        assert!(rounds < 10, "{outcomes} of two outcome records were leased while an event was stuck");
        for entry in lease(rig, 100, rig.now()).await {
            match &entry.message {
                OutboxMessage::Event(_) => {
                    let never = at(rig, 1_000 * LEASE);
                    assert!(rig.outbox().retry(&entry, never).await.expect("the outbox answers"));
                }
                _ => {
                    assert!(delivered(rig, &entry, rig.now()).await);
                    outcomes += 1;
                }
            }
        }
    }
}

async fn no_more_than_the_limit_is_leased_and_the_oldest_first(rig: &impl OutboxRig) {
    const KINDS: [&str; 8] =
        ["sample.0", "sample.1", "sample.2", "sample.3", "sample.4", "sample.5", "sample.6", "sample.7"];
    for (aggregate, kind) in (0..).zip(KINDS) {
        rig.commit(aggregate, &[kind]).await;
    }
    assert!(lease(rig, 0, rig.now()).await.is_empty(), "leased without being asked to");
    let mut seen = Vec::new();
    let mut rounds = 0;
    while seen.len() < KINDS.len() {
        rounds += 1;
        assert!(rounds < 50, "only {seen:?} were leased");
        for entry in lease(rig, 3, rig.now()).await {
            if let OutboxMessage::Event(event) = &entry.message {
                seen.push(event.kind.to_string());
            }
            assert!(delivered(rig, &entry, rig.now()).await);
        }
    }
    assert_eq!(seen, KINDS, "a later entry came before an older one");
}

async fn no_entry_is_leased_to_two(rig: &impl OutboxRig) {
    for aggregate in 0..20 {
        rig.commit(aggregate, &["sample.done"]).await;
    }
    let (mut seen, mut total): (HashSet<Uuid>, usize) = (HashSet::new(), 0);
    let mut rounds = 0;
    while total < 40 {
        rounds += 1;
        assert!(rounds < 20, "{total} of 40 entries were leased");
        let batches = join_all((0..8).map(|_| rig.outbox().lease(3, LEASE, rig.now()))).await;
        for entry in batches.into_iter().flat_map(|batch| batch.expect("the outbox answers")) {
            assert!(seen.insert(entry.id), "one entry was leased to two");
            total += 1;
            assert!(delivered(rig, &entry, rig.now()).await);
        }
    }
}

async fn dropped_futures_lose_nothing(rig: &impl OutboxRig) {
    rig.commit(1, &["sample.done"]).await;
    for polls in 0..4 {
        let mut leasing = pin!(rig.outbox().lease(100, LEASE, rig.now()));
        for _ in 0..polls {
            if leasing.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                break;
            }
        }
    }
    // Whatever those took is leased again once their leases are over.
    let now = at(rig, 10 * LEASE);
    let entry = events(rig, now).await;
    assert_eq!(kinds(&entry), ["sample.done"]);
    drop(rig.outbox().delivered(&entry[0], now));
    drop(rig.outbox().retry(&entry[0], now));
    assert!(delivered(rig, &entry[0], now).await, "a settling that never began settled something");
}
