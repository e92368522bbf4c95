//! The contract of [`SessionStore`].

use super::{AccountStore, later, live, now, session, user};
use crate::session::{EndReason, NewSession, Rotation};
use healthcare_core::{ClinicId, SessionId};

/// Runs the whole contract on an empty store.
pub async fn session_store<S: AccountStore>(store: &S) {
    reads_back_what_was_created(store).await;
    exactly_one_rotation_wins(store).await;
    what_is_revoked_stays_revoked(store).await;
    a_replacement_is_one_step(store).await;
    purges_what_has_ended_long_ago(store).await;
}

async fn reads_back_what_was_created<S: AccountStore>(store: &S) {
    let id = user(store, 110).await;
    let new = session(id, ClinicId::random(), 0);
    assert!(store.create(&new).await.expect("writes"));
    let row = store.session(new.session.id).await.expect("reads").expect("is there");
    assert_eq!((row.session, row.user_epoch, row.user_active), (new.session, 0, true));
    assert_eq!(store.session(SessionId::random()).await.expect("reads"), None);
    let future = NewSession { epoch: 7, ..session(id, ClinicId::random(), 0) };
    assert!(!store.create(&future).await.expect("writes"), "an epoch the user never had");
}

async fn exactly_one_rotation_wins<S: AccountStore>(store: &S) {
    let id = user(store, 120).await;
    let new = session(id, ClinicId::random(), 0);
    assert!(store.create(&new).await.expect("writes"));
    let step = |to: u8| Rotation { from: [1; 32], to: [to; 32], at: later(60), idle_until: later(3660) };
    let steps: Vec<Rotation> = (2..10).map(step).collect();
    let tries = steps.iter().map(|step| store.rotate(new.session.id, step));
    let won: Vec<bool> = join_all(tries).await.into_iter().map(|won| won.expect("writes")).collect();
    assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
    let row = store.session(new.session.id).await.expect("reads").expect("is there").session;
    let winner = won.iter().zip(&steps).find(|(won, _)| **won).map(|(_, step)| step.to);
    assert_eq!((Some(row.refresh), row.previous), (winner, Some([1; 32])));
    assert_eq!((row.rotated, row.idle_until, row.ends), (later(60), later(3660), new.session.ends));
}

async fn what_is_revoked_stays_revoked<S: AccountStore>(store: &S) {
    let id = user(store, 130).await;
    let (one, two) = (session(id, ClinicId::random(), 0), session(id, ClinicId::random(), 0));
    assert!(store.create(&one).await.expect("writes") && store.create(&two).await.expect("writes"));
    assert!(store.revoke(one.session.id, later(5), EndReason::SignOut).await.expect("writes"));
    assert!(!store.revoke(one.session.id, later(6), EndReason::SignOut).await.expect("writes"), "once");
    assert!(!live(store, one.session.id).await && live(store, two.session.id).await);
    let step = Rotation { from: [1; 32], to: [2; 32], at: later(7), idle_until: later(8) };
    assert!(!store.rotate(one.session.id, &step).await.expect("writes"), "it does not turn any more");
    let row = store.session(one.session.id).await.expect("reads").expect("its row stays").session;
    assert_eq!((row.revoked, row.refresh), (Some(later(5)), [1; 32]));
    assert_eq!(
        store.revoke_user(id, later(9), EndReason::Removed).await.expect("writes"),
        1,
        "only the live one"
    );
    assert!(!live(store, two.session.id).await);
    assert!(!store.revoke(SessionId::random(), now(), EndReason::SignOut).await.expect("writes"));
}

async fn a_replacement_is_one_step<S: AccountStore>(store: &S) {
    let id = user(store, 140).await;
    let old = session(id, ClinicId::random(), 0);
    assert!(store.create(&old).await.expect("writes"));
    let judged_long_ago = NewSession { epoch: 3, ..session(id, ClinicId::random(), 0) };
    assert!(!store.replace(old.session.id, &judged_long_ago, now()).await.expect("writes"));
    assert!(live(store, old.session.id).await, "nothing was done");
    let new = session(id, ClinicId::random(), 0);
    assert!(store.replace(old.session.id, &new, now()).await.expect("writes"));
    assert!(!live(store, old.session.id).await && live(store, new.session.id).await);
    let third = session(id, ClinicId::random(), 0);
    assert!(
        !store.replace(old.session.id, &third, now()).await.expect("writes"),
        "from a dead one nothing grows"
    );
    assert_eq!(store.session(third.session.id).await.expect("reads"), None);
    assert!(
        !store.replace(new.session.id, &third, new.session.ends).await.expect("writes"),
        "nor from one past its end"
    );
}

async fn purges_what_has_ended_long_ago<S: AccountStore>(store: &S) {
    let id = user(store, 150).await;
    let mut old = session(id, ClinicId::random(), 0);
    old.session.ends = later(-86_400);
    let new = session(id, ClinicId::random(), 0);
    assert!(store.create(&old).await.expect("writes") && store.create(&new).await.expect("writes"));
    assert_eq!(store.purge(now(), 100).await.expect("writes"), 1);
    assert_eq!(store.session(old.session.id).await.expect("reads"), None);
    assert!(live(store, new.session.id).await);
}

/// All of them, side by side on one task.
async fn join_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|cx| {
        for (future, output) in &mut running {
            if output.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(cx)
            {
                *output = Some(value);
            }
        }
        if running.iter().all(|(_, output)| output.is_some()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    running.into_iter().filter_map(|(_, output)| output).collect()
}
