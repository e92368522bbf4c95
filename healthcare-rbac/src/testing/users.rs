//! The contract of [`UserStore`].

use super::{AccountStore, email, epoch, hash, later, live, membership, now, session, user};
use crate::{
    session::StoreError,
    user::{MAX_MEMBERSHIPS, MAX_ROLES, NewUser, PasswordChange, UserStatus},
};
use healthcare_core::{ClinicId, Profile, UserId};
use std::borrow::Cow;

/// Runs the whole contract on an empty store.
pub async fn user_store<S: AccountStore>(store: &S) {
    finds_what_was_added(store).await;
    memberships_come_back_in_order(store).await;
    a_password_changes_only_from_the_expected_one(store).await;
    a_new_password_ends_every_session(store).await;
    a_disabled_user_has_no_live_session(store).await;
    leaving_a_clinic_ends_its_sessions_alone(store).await;
    refuses_more_than_its_limits(store).await;
}

async fn finds_what_was_added<S: AccountStore>(store: &S) {
    let id = user(store, 10).await;
    let found = store.by_email(&email(10)).await.expect("reads").expect("is there");
    assert_eq!(
        (found.id, found.status, found.epoch, found.memberships.len()),
        (id, UserStatus::Active, 0, 0)
    );
    assert_eq!(found.password, Some(hash("AA")));
    assert_eq!(store.by_id(id).await.expect("reads"), Some(found));
    assert_eq!(store.by_email(&email(11)).await.expect("reads"), None);
    assert_eq!(store.by_id(UserId::random()).await.expect("reads"), None);
    let again = NewUser { id: UserId::random(), email: email(10), password: None };
    assert!(matches!(store.add(&again).await, Err(StoreError::Exists)), "one address, one user");
    let same_id = NewUser { id, email: email(12), password: None };
    assert!(matches!(store.add(&same_id).await, Err(StoreError::Exists)), "one id, one user");
    assert_eq!(store.by_email(&email(12)).await.expect("reads"), None, "nothing half added");
}

async fn memberships_come_back_in_order<S: AccountStore>(store: &S) {
    let id = user(store, 20).await;
    let (first, second) = (ClinicId::random(), ClinicId::random());
    let mut doctor = membership(first, &["DOCTOR", "CLINIC_ADMIN"]);
    doctor.profile = Some(Profile { kind: Cow::Borrowed("practitioner"), id: first.as_uuid() });
    store.set_membership(id, &doctor).await.expect("sets");
    store.set_membership(id, &membership(second, &["NURSE"])).await.expect("sets");
    assert_eq!(epoch(store, id).await, 2, "each change of rights raises the epoch");
    let found = store.by_id(id).await.expect("reads").expect("is there");
    assert_eq!(found.memberships, [doctor, membership(second, &["NURSE"])]);
    store.set_membership(id, &membership(first, &["AUDITOR"])).await.expect("sets");
    let found = store.by_id(id).await.expect("reads").expect("is there");
    assert_eq!(
        found.memberships,
        [membership(first, &["AUDITOR"]), membership(second, &["NURSE"])],
        "replaced in place"
    );
    let nobody = store.set_membership(UserId::random(), &membership(first, &["NURSE"])).await;
    assert!(matches!(nobody, Err(StoreError::NoUser)));
}

async fn a_password_changes_only_from_the_expected_one<S: AccountStore>(store: &S) {
    let id = user(store, 30).await;
    let change =
        |expected, new| PasswordChange { expected: Some(hash(expected)), new: hash(new), changed_at: None };
    assert!(!store.set_password(id, &change("BB", "CC")).await.expect("writes"), "another hash is stored");
    assert!(store.set_password(id, &change("AA", "CC")).await.expect("writes"));
    assert!(!store.set_password(id, &change("AA", "DD")).await.expect("writes"), "a late rehash loses");
    let found = store.by_id(id).await.expect("reads").expect("is there");
    assert_eq!((found.password, found.epoch), (Some(hash("CC")), 0), "a rehash changes no right");
    let nobody = store.set_password(UserId::random(), &change("AA", "CC")).await;
    assert!(!nobody.expect("writes"));
}

async fn a_new_password_ends_every_session<S: AccountStore>(store: &S) {
    let id = user(store, 40).await;
    let clinic = ClinicId::random();
    let old = session(id, clinic, 0);
    assert!(store.create(&old).await.expect("writes"));
    let change = PasswordChange { expected: None, new: hash("EE"), changed_at: Some(later(1)) };
    assert!(store.set_password(id, &change).await.expect("writes"));
    assert!(!live(store, old.session.id).await);
    assert_eq!(epoch(store, id).await, 1);
    let late = session(id, clinic, 0);
    assert!(
        !store.create(&late).await.expect("writes"),
        "a sign-in judged by the old password comes too late"
    );
    assert_eq!(store.session(late.session.id).await.expect("reads"), None);
    assert!(store.create(&session(id, clinic, 1)).await.expect("writes"));
}

async fn a_disabled_user_has_no_live_session<S: AccountStore>(store: &S) {
    let id = user(store, 50).await;
    let one = session(id, ClinicId::random(), 0);
    assert!(store.create(&one).await.expect("writes"));
    assert!(store.set_status(id, UserStatus::Disabled, now()).await.expect("writes"));
    assert!(!live(store, one.session.id).await);
    let epoch_now = epoch(store, id).await;
    assert!(
        !store.create(&session(id, ClinicId::random(), epoch_now)).await.expect("writes"),
        "not even a new one"
    );
    assert!(store.set_status(id, UserStatus::Active, now()).await.expect("writes"));
    assert!(!live(store, one.session.id).await, "what ended stays ended");
    assert!(!store.set_status(UserId::random(), UserStatus::Disabled, now()).await.expect("writes"));
}

async fn leaving_a_clinic_ends_its_sessions_alone<S: AccountStore>(store: &S) {
    let id = user(store, 60).await;
    let (stays, leaves) = (ClinicId::random(), ClinicId::random());
    store.set_membership(id, &membership(stays, &["NURSE"])).await.expect("sets");
    store.set_membership(id, &membership(leaves, &["NURSE"])).await.expect("sets");
    let (kept, ended) = (session(id, stays, 2), session(id, leaves, 2));
    assert!(store.create(&kept).await.expect("writes") && store.create(&ended).await.expect("writes"));
    assert!(store.remove_membership(id, leaves, now()).await.expect("writes"));
    assert!(live(store, kept.session.id).await && !live(store, ended.session.id).await);
    assert!(!store.remove_membership(id, leaves, now()).await.expect("writes"));
    let found = store.by_id(id).await.expect("reads").expect("is there");
    assert_eq!((found.memberships.len(), found.epoch), (1, 3));
}

async fn refuses_more_than_its_limits<S: AccountStore>(store: &S) {
    let id = user(store, 70).await;
    let many: Vec<String> = (0..=MAX_ROLES).map(|n| format!("ROLE_{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let refused = store.set_membership(id, &membership(ClinicId::random(), &many)).await;
    assert!(matches!(refused, Err(StoreError::Limit(MAX_ROLES))));
    for _ in 0..MAX_MEMBERSHIPS {
        store.set_membership(id, &membership(ClinicId::random(), &["NURSE"])).await.expect("sets");
    }
    let refused = store.set_membership(id, &membership(ClinicId::random(), &["NURSE"])).await;
    assert!(matches!(refused, Err(StoreError::Limit(MAX_MEMBERSHIPS))));
    let found = store.by_id(id).await.expect("reads").expect("is there");
    assert_eq!(found.memberships.len(), MAX_MEMBERSHIPS);
}
