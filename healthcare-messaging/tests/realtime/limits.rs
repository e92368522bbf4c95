//! Everything has a limit, and one client's is nobody else's.

use super::site::{Client, Person, Site};
use healthcare_messaging::{Close, Next};
use serde_json::json;
use std::{sync::Arc, time::Duration};

#[tokio::test]
async fn who_does_not_keep_up_is_closed_and_nobody_waits() {
    let site = Site::of(|hub| hub.queue_bytes(4_096));
    let (mut slow, mut quick) = (site.client(), site.client());
    slow.join("board").await;
    quick.join("board").await;
    let mut told = 0;
    for _ in 0..100 {
        site.publish("board");
        told += quick.ids().len();
    }
    assert_eq!(told, 100);
    assert_eq!(slow.next(), Some(Next::Close(Close::TooSlow)), "and nothing of what waited: no hole");
    drop(slow);
    assert_eq!((site.hub.counts().too_slow, site.hub.counts().members), (1, 1));
}

#[tokio::test]
async fn what_was_missed_is_sent_only_where_it_leaves_room() {
    let site = Site::of(|hub| hub.queue_bytes(4_096).kept(64));
    let mut client = site.client();
    let joined = client.join("board").await;
    drop(client);
    for _ in 0..40 {
        site.publish("board");
    }
    let mut client = site.client();
    let again = client.rejoin("board", &joined["epoch"], joined["offset"].as_u64().unwrap()).await;
    assert_eq!(again["recovered"], false, "or it would be closed again and again");
    assert_eq!(client.next(), None);
}

#[tokio::test]
async fn connections_rooms_and_members_are_limited() {
    let site = Site::of(|hub| hub.clients(4).user_clients(2).client_rooms(2).room_clients(2).rooms(3));
    let who = site.who();
    let person = Person::default();
    let mut of_one: Vec<Client> = (0..2).map(|_| site.client_as(who, &person)).collect();
    let third = site.hub.connect(who, Arc::new(person.clone()));
    assert_eq!(third.map(drop), Err(Close::TooMany));
    let mut others = [site.client(), site.client()];
    let fifth = site.hub.connect(site.who(), Arc::new(person.clone()));
    assert_eq!((fifth.map(drop), site.hub.counts().turned_away), (Err(Close::TooMany), 2));

    for name in ["a", "b"] {
        assert_eq!(of_one[0].join(name).await["type"], "joined");
    }
    assert_eq!(of_one[0].join("c").await["reason"], "full", "rooms of a client");
    of_one[1].join("a").await;
    assert_eq!(others[0].join("a").await["reason"], "full", "clients of a room");
    others[0].join("c").await;
    assert_eq!(others[1].join("d").await["reason"], "full", "rooms in all");
    // A room that nobody is in makes place.
    others[0].says(json!({"type": "leave", "room": "c"})).await.unwrap();
    assert_eq!(others[1].join("d").await["type"], "joined");
    // Who goes makes place.
    drop(of_one.remove(0));
    let again = site.client_as(who, &person);
    drop(again);
}

#[tokio::test]
async fn messages_are_limited_in_size_and_number() {
    let site = Site::new();
    let leave = json!({"type": "leave", "room": "board"});
    let mut client = site.client();
    for _ in 0..64 {
        client.says(leave.clone()).await.unwrap();
    }
    assert_eq!(client.says(leave.clone()).await, Err(Close::Flooding));
    site.clock.advance(Duration::from_secs(10));
    client.says(leave).await.unwrap();
    let long = json!({"type": "leave", "room": "x".repeat(4_096)});
    assert_eq!(client.says(long).await, Err(Close::TooLarge));
    for wrong in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"type":"join"}"#,
        r#"{"type":"publish","room":"board"}"#,
        r#"{"type":"join","room":"board","to":"all"}"#,
        r#"{"type":"join","room":"Board"}"#,
        r#"{"type":"join","room":"board","since":{"epoch":1,"offset":1}}"#,
        r#"{"type":"join","room":"board","since":{"epoch":"1","offset":-1}}"#,
    ] {
        assert_eq!(site.client().connection.heard(wrong).await, Err(Close::Malformed), "{wrong}");
    }
}

#[test]
fn the_numbers_of_closes_are_their_own_and_stay() {
    let numbers: Vec<(u16, &str)> = Close::ALL.iter().map(|why| (why.code(), why.as_str())).collect();
    let known = [
        (1001, "going_away"),
        (1009, "too_large"),
        (1013, "unavailable"),
        (4001, "ended"),
        (4002, "outdated"),
        (4003, "too_slow"),
        (4004, "malformed"),
        (4005, "flooding"),
        (4006, "too_many"),
        (4007, "silent"),
    ];
    assert_eq!(numbers, known);
}
