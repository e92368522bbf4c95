//! Streams: order, replay, and nothing left out without a word.

use super::site::{Client, Person, Site, envelope, room};
use healthcare_core::ClinicId;
use healthcare_messaging::{Hub, testing::event};
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;

#[tokio::test]
async fn a_room_is_told_in_order_and_nobody_else_is() {
    let site = Site::new();
    let (mut inside, mut other, mut outside) = (site.client(), site.client(), site.client());
    let joined = inside.join("board").await;
    assert_eq!(joined["recovered"], false);
    assert!(joined.get("present").is_none(), "nobody is shown here");
    other.join("queue").await;
    // A room of the same name in another clinic.
    let elsewhere = ClinicId::random();
    assert_eq!(site.hub.publish(elsewhere, &room("board"), &envelope(elsewhere, Uuid::now_v7())), 0);
    let published: Vec<_> = (0..3).map(|_| site.publish("board")).collect();
    let told = inside.all();
    let offset = joined["offset"].as_u64().unwrap();
    for (at, (told, id)) in (1..).zip(told.iter().zip(&published)) {
        let expected = json!({"type": "event", "room": "board", "offset": offset + at, "kind": "sample.changed",
            "record": "sample", "id": id, "version": 1});
        assert_eq!(*told, expected);
    }
    assert_eq!((told.len(), other.next(), outside.next()), (3, None, None));
    inside.says(json!({"type": "leave", "room": "board"})).await.unwrap();
    site.publish("board");
    assert_eq!(inside.all(), [json!({"type": "left", "room": "board"})]);
}

#[tokio::test]
async fn who_comes_back_gets_what_was_missed_or_is_told_that_it_is_gone() {
    let site = Site::of(|hub| hub.kept(4));
    let mut client = site.client();
    let joined = client.join("board").await;
    let (epoch, offset) = (joined["epoch"].clone(), joined["offset"].as_u64().unwrap());
    drop(client);
    let missed: Vec<_> = (0..4).map(|_| site.publish("board")).collect();
    let mut client = site.client();
    let again = client.rejoin("board", &epoch, offset).await;
    assert_eq!((&again["recovered"], again["offset"].as_u64()), (&json!(true), Some(offset + 4)));
    assert_eq!(client.ids(), missed);
    // In the middle, and at the very end.
    for behind in [0_u64, 2] {
        let mut client = site.client();
        assert_eq!(client.rejoin("board", &epoch, offset + 4 - behind).await["recovered"], true);
        assert_eq!(client.ids(), missed[4 - usize::try_from(behind).unwrap()..]);
    }
    // One more than is kept; a place that is not reached yet; another epoch; what is no epoch.
    site.publish("board");
    for (epoch, offset) in [
        (epoch.clone(), offset),
        (epoch, offset + 6),
        (json!("00000000000000aa"), offset + 4),
        (json!("?"), 1),
    ] {
        let mut client = site.client();
        let again = client.rejoin("board", &epoch, offset).await;
        assert_eq!((&again["recovered"], client.next()), (&json!(false), None));
    }
}

#[tokio::test]
async fn a_room_outlives_its_last_member_for_a_while() {
    let site = Site::of(|hub| hub.linger(Duration::from_secs(60)));
    let first = site.client().join("board").await;
    site.clock.advance(Duration::from_secs(59));
    let mut client = site.client();
    assert_eq!(client.join("board").await["epoch"], first["epoch"]);
    drop(client);
    site.clock.advance(Duration::from_secs(60));
    let later = site.client().join("board").await;
    assert_ne!(later["epoch"], first["epoch"], "a new stream has a new epoch");
}

#[tokio::test]
async fn what_the_hub_missed_is_said_in_every_room() {
    let site = Site::new();
    let mut client = site.client();
    let joined = client.join("board").await;
    site.publish("board");
    client.all();
    site.hub.reset();
    let reset = client.told().unwrap();
    assert_eq!((&reset["type"], &reset["recovered"]), (&json!("reset"), &json!(false)));
    assert_ne!(reset["epoch"], joined["epoch"]);
    site.publish("board");
    assert_eq!(client.told().unwrap()["offset"].as_u64(), Some(reset["offset"].as_u64().unwrap() + 1));
    let mut late = site.client();
    assert_eq!(late.rejoin("board", &joined["epoch"], 1).await["recovered"], false);
}

#[tokio::test]
async fn the_same_event_again_is_not_told_twice() {
    let site = Site::new();
    let mut client = site.client();
    client.join("board").await;
    let event = event(site.clinic, "sample.changed", Uuid::now_v7(), 1);
    for _ in 0..3 {
        site.hub.publish(site.clinic, &room("board"), &healthcare_messaging::Envelope::of(&event));
    }
    assert_eq!(client.all().len(), 1);
    assert_eq!((site.hub.counts().published, site.hub.counts().delivered), (1, 1));
}

#[tokio::test]
async fn those_who_are_shown_see_each_other_once_for_all_their_connections() {
    let site = Site::new();
    let shown = Person::shown();
    let (mut ada, who) = (site.client_as(site.who(), &shown), site.who());
    assert_eq!(ada.join("board").await["present"], json!([]));
    let mut hidden = site.client();
    hidden.join("board").await;
    let mut tabs: Vec<Client> = (0..2).map(|_| site.client_as(who, &shown)).collect();
    assert_eq!(tabs[0].join("board").await["present"], json!([ada.who.user]));
    tabs[1].join("board").await;
    let news = |here| json!({"type": "presence", "room": "board", "user": who.user, "here": here});
    assert_eq!(ada.all(), [news(true)]);
    tabs.pop();
    assert_eq!(ada.next(), None, "one tab is left");
    tabs[0].says(json!({"type": "leave", "room": "board"})).await.unwrap();
    assert_eq!(ada.all(), [news(false)]);
    assert_eq!(hidden.next(), None);
}

#[tokio::test]
async fn a_hub_that_is_shut_takes_nobody() {
    let site = Site::new();
    let mut client = site.client();
    client.join("board").await;
    site.publish("board");
    site.hub.shut();
    use healthcare_messaging::{Close, Next};
    assert_eq!(client.next(), Some(Next::Close(Close::GoingAway)));
    let refused = site.hub.connect(site.who(), std::sync::Arc::new(Person::default()));
    assert_eq!(refused.map(drop), Err(Close::GoingAway));
    drop(client);
    assert_eq!((site.hub.counts().clients, site.hub.counts().members), (0, 0));
}

#[test]
fn names_of_rooms_are_plain() {
    use healthcare_messaging::RoomName;
    for name in ["board", "chart:018f6c3e-7b1a-7c3d-9e55-0242ac120002", "a.b-c", &"x".repeat(64)] {
        assert_eq!(name.parse::<RoomName>().unwrap().as_str(), name);
    }
    for name in ["", "Board", "a b", "ä", "a/b", "\"", &"x".repeat(65)] {
        assert!(name.parse::<RoomName>().is_err(), "{name}");
    }
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    assert!(Hub::builder().clients(0).build().is_err());
    assert!(Hub::builder().queue_bytes(100).build().is_err());
    assert!(Hub::builder().check_time(Duration::ZERO).build().is_err());
    assert!(Hub::builder().kept(0).build().is_ok());
}

/// A hub that keeps nothing sends nothing again: whoever missed one is told so, whoever missed none is not.
#[tokio::test]
async fn what_is_not_kept_is_not_sent_again() {
    let site = Site::of(|hub| hub.kept(0));
    let mut client = site.client();
    let epoch = client.join("board").await["epoch"].clone();
    site.publish("board");
    assert_eq!(client.ids().len(), 1);
    for (offset, recovered) in [(0, false), (1, true)] {
        let again = site.client().rejoin("board", &epoch, offset).await;
        assert_eq!(again["recovered"], recovered, "{again}");
    }
}
