//! Who may be where, and for how long.

use super::site::{Person, Site, room};
use async_trait::async_trait;
use healthcare_messaging::{Close, Next, Presence, Rights, RoomName, RoomRefused};
use serde_json::json;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::sync::Notify;

#[tokio::test]
async fn the_host_decides_and_a_missing_room_looks_like_a_foreign_one() {
    let site = Site::new();
    let person = Person::default();
    let mut client = site.client_as(site.who(), &person);
    for (refused, reason) in [(RoomRefused::Denied, "denied"), (RoomRefused::Unavailable, "unavailable")] {
        person.may(Err(refused));
        assert_eq!(client.join("board").await, json!({"type": "refused", "room": "board", "reason": reason}));
        site.publish("board");
        assert_eq!(client.next(), None);
    }
    assert_eq!(site.hub.counts().refused, 2);
    person.may(Ok(Presence::Hidden));
    client.join("board").await;
    assert_eq!(client.join("board").await["reason"], "joined");
}

#[tokio::test]
async fn a_right_that_ends_takes_its_holder_out() {
    let site = Site::new();
    let (person, keeps) = (Person::default(), Person::default());
    let (mut loses, mut stays) = (site.client_as(site.who(), &person), site.client_as(site.who(), &keeps));
    loses.join("board").await;
    stays.join("board").await;
    person.may(Err(RoomRefused::Denied));
    site.hub.recheck_user(loses.who.user);
    // Published after the change and before anybody has looked: the recheck comes first.
    site.publish("board");
    assert_eq!((loses.next(), stays.ids().len()), (Some(Next::Recheck), 1));
    loses.connection.recheck(true).await.unwrap();
    site.publish("board");
    let told = loses.all();
    assert_eq!(told.last().unwrap()["reason"], "denied");
    assert_eq!(stays.ids().len(), 1);
    // A decision is believed for a while, and not longer.
    let asked = keeps.0.asked.load(Ordering::Relaxed);
    stays.connection.recheck(false).await.unwrap();
    assert_eq!(keeps.0.asked.load(Ordering::Relaxed), asked);
    site.clock.advance(Duration::from_secs(300));
    keeps.may(Err(RoomRefused::Unavailable));
    stays.connection.recheck(false).await.unwrap();
    assert_eq!(stays.told().unwrap()["reason"], "unavailable", "an error in deciding means no");
    site.publish("board");
    assert_eq!(stays.next(), None);
}

#[tokio::test]
async fn a_sign_in_that_ends_gets_nothing_more_not_even_what_waited() {
    let site = Site::new();
    let mut ends = site.client();
    let mut stays = site.client_as(site.who(), &Person::default());
    ends.join("board").await;
    stays.join("board").await;
    site.publish("board");
    assert_eq!(site.hub.end_session(ends.who.session), 1);
    site.publish("board");
    assert_eq!(ends.next(), Some(Next::Close(Close::Ended)));
    assert_eq!(ends.next(), Some(Next::Close(Close::Ended)), "for ever");
    assert_eq!(stays.ids().len(), 2);
    // It may not come in again by the same connection either.
    ends.says(json!({"type": "join", "room": "other"})).await.unwrap();
    assert_eq!(site.hub.counts().members, 2);
    assert_eq!(site.hub.end_user(stays.who.user, Close::Outdated), 1);
    assert_eq!(stays.next(), Some(Next::Close(Close::Outdated)));
}

#[tokio::test]
async fn a_sign_in_found_over_closes_with_its_number() {
    let site = Site::new();
    for why in [Close::Ended, Close::Outdated, Close::Unavailable] {
        let person = Person::default();
        let mut client = site.client_as(site.who(), &person);
        client.join("board").await;
        *person.0.lives.lock().unwrap() = Err(why);
        assert_eq!(client.connection.recheck(false).await, Err(why));
        assert_eq!(client.says(json!({"type": "join", "room": "other"})).await, Err(why));
    }
}

/// The answer of before the change arrives after it.
#[tokio::test]
async fn a_decision_that_a_change_overtook_is_made_anew() {
    let site = Site::new();
    let person = Person::default();
    let mut client = site.client_as(site.who(), &person);
    let held = Arc::new(Notify::new());
    *person.0.held.lock().unwrap() = Some(Arc::clone(&held));
    let change = async {
        person.0.waiting.notified().await;
        person.may(Err(RoomRefused::Denied));
        site.hub.recheck_clinic(site.clinic);
        held.notify_one();
    };
    let (joined, ()) = tokio::join!(client.says(json!({"type": "join", "room": "board"})), change);
    joined.unwrap();
    site.publish("board");
    assert_eq!(client.next(), Some(Next::Recheck));
    assert_eq!(client.told().unwrap()["reason"], "denied");
    assert_eq!(client.next(), None);
    assert_eq!((person.0.asked.load(Ordering::Relaxed), site.hub.counts().members), (2, 0));
}

struct Never;

#[async_trait]
impl Rights for Never {
    async fn lives(&self) -> Result<(), Close> {
        Ok(())
    }
    async fn may_join(&self, _: &RoomName) -> Result<Presence, RoomRefused> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn who_cannot_be_asked_does_not_say_yes() {
    let site = Site::new();
    let mut connection = site.hub.connect(site.who(), Arc::new(Never)).unwrap();
    connection.heard(r#"{"type":"join","room":"board"}"#).await.unwrap();
    let Next::Send(told) = connection.next().await else { panic!("an answer") };
    assert!(told.contains("unavailable"), "{told}");
    assert_eq!(
        site.hub.publish(
            site.clinic,
            &room("board"),
            &super::site::envelope(site.clinic, uuid::Uuid::now_v7())
        ),
        0
    );
}

/// Whoever is to be hidden is hidden, and whoever may see who is here sees it: they are out and in again, and read the present state.
#[tokio::test]
async fn who_is_shown_is_decided_anew_as_well() {
    let site = Site::new();
    let person = Person::shown();
    let (mut changes, mut stays) =
        (site.client_as(site.who(), &person), site.client_as(site.who(), &Person::shown()));
    stays.join("board").await;
    changes.join("board").await;
    assert_eq!(stays.told().unwrap()["here"], true);
    for (now, here, present) in [(Presence::Hidden, false, false), (Presence::Shown, true, true)] {
        person.may(Ok(now));
        changes.connection.recheck(true).await.unwrap();
        let joined = changes.told().unwrap();
        assert_eq!((&joined["type"], &joined["recovered"]), (&json!("joined"), &json!(false)));
        assert_eq!(joined["present"].is_array(), present);
        let told = stays.told().unwrap();
        assert_eq!((&told["user"], &told["here"]), (&json!(changes.who.user), &json!(here)));
        site.publish("board");
        assert_eq!((changes.ids().len(), stays.ids().len()), (1, 1), "in the room all the same");
        changes.connection.recheck(true).await.unwrap();
        assert_eq!(changes.next(), None, "nothing has changed");
    }
}
