//! A connection over a socket, by paused time.

use super::site::{Person, Site};
use async_trait::async_trait;
use healthcare_messaging::{Close, Frame, Heard, Socket, SocketGone, SocketTimes, serve, turn_away};
use std::sync::Arc;
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Duration, Instant},
};

/// The server's end of a socket; of the frames only so many are taken.
struct End {
    heard: mpsc::Receiver<Heard>,
    sent: mpsc::Sender<Frame>,
}

#[async_trait]
impl Socket for End {
    async fn receive(&mut self) -> Heard {
        self.heard.recv().await.unwrap_or(Heard::End)
    }
    async fn send(&mut self, frame: Frame) -> Result<(), SocketGone> {
        self.sent.send(frame).await.map_err(|_| SocketGone)
    }
}

/// The client's end.
struct Peer {
    says: mpsc::Sender<Heard>,
    hears: mpsc::Receiver<Frame>,
}

fn pair(frames: usize) -> (End, Peer) {
    let (says, heard) = mpsc::channel(16);
    let (sent, hears) = mpsc::channel(frames);
    (End { heard, sent }, Peer { says, hears })
}

fn served(site: &Site, person: &Person, frames: usize) -> (JoinHandle<Option<Close>>, Peer) {
    let (end, peer) = pair(frames);
    let connection = site.hub.connect(site.who(), Arc::new(person.clone())).unwrap();
    (tokio::spawn(serve(end, connection, SocketTimes::default())), peer)
}

impl Peer {
    async fn join(&mut self) {
        self.says.send(Heard::Text(r#"{"type":"join","room":"board"}"#.to_owned())).await.unwrap();
        assert!(matches!(self.hears.recv().await, Some(Frame::Text(text)) if text.contains("joined")));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_published_goes_out_and_who_goes_is_gone() {
    let site = Site::new();
    let (served, mut peer) = served(&site, &Person::default(), 8);
    peer.join().await;
    let id = site.publish("board").to_string();
    assert!(matches!(peer.hears.recv().await, Some(Frame::Text(text)) if text.contains(&id)));
    peer.says.send(Heard::End).await.unwrap();
    assert_eq!(served.await.unwrap(), None);
    assert_eq!((site.hub.counts().clients, site.hub.counts().members), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_silent_is_asked_and_then_closed() {
    let site = Site::new();
    let (served, mut peer) = served(&site, &Person::default(), 8);
    let start = Instant::now();
    for _ in 0..2 {
        assert_eq!(peer.hears.recv().await, Some(Frame::Ping));
        peer.says.send(Heard::Alive).await.unwrap();
    }
    for _ in 0..2 {
        assert_eq!(peer.hears.recv().await, Some(Frame::Ping));
    }
    assert_eq!(peer.hears.recv().await, Some(Frame::Close(Close::Silent)));
    assert_eq!(start.elapsed(), Duration::from_secs(100), "40 with a sign, and the third ping after it");
    assert_eq!(served.await.unwrap(), Some(Close::Silent));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_closed_in_bounded_time() {
    let site = Site::new();
    let (served, mut peer) = served(&site, &Person::default(), 1);
    peer.join().await;
    let start = Instant::now();
    for _ in 0..3 {
        site.publish("board");
    }
    // Ten seconds for the frame, one for a close that is not taken either.
    assert_eq!(served.await.unwrap(), Some(Close::TooSlow));
    assert!(start.elapsed() <= Duration::from_secs(12), "{:?}", start.elapsed());
    assert_eq!(site.hub.counts().clients, 0);
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_that_ended_elsewhere_is_found() {
    let site = Site::new();
    let person = Person::default();
    let (served, mut peer) = served(&site, &person, 8);
    peer.join().await;
    *person.0.lives.lock().unwrap() = Err(Close::Ended);
    let start = Instant::now();
    assert_eq!(peer.hears.recv().await, Some(Frame::Close(Close::Ended)));
    assert_eq!(start.elapsed(), Duration::from_secs(15));
    assert_eq!(site.hub.counts().members, 0, "out of the rooms before the goodbye");
    assert_eq!(served.await.unwrap(), Some(Close::Ended));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_stops_talking_is_closed_all_the_same() {
    let site = Site::new();
    let (served, mut peer) = served(&site, &Person::default(), 8);
    peer.join().await;
    let says = peer.says.clone();
    let talk = tokio::spawn(async move { while says.send(Heard::Alive).await.is_ok() {} });
    site.hub.shut();
    loop {
        match peer.hears.recv().await {
            Some(Frame::Close(why)) => break assert_eq!(why, Close::GoingAway),
            Some(_) => {}
            None => panic!("no close frame"),
        }
    }
    assert_eq!(served.await.unwrap(), Some(Close::GoingAway));
    talk.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn faults_are_answered_with_their_numbers() {
    let site = Site::new();
    let faults = [
        (Heard::Binary, Close::Malformed),
        (Heard::TooLarge, Close::TooLarge),
        (Heard::Text("hello".to_owned()), Close::Malformed),
    ];
    for (fault, why) in faults {
        let (served, mut peer) = served(&site, &Person::default(), 8);
        peer.says.send(fault).await.unwrap();
        assert_eq!(peer.hears.recv().await, Some(Frame::Close(why)));
        drop(peer);
        assert_eq!(served.await.unwrap(), Some(why));
    }
    let (end, mut peer) = pair(8);
    let away = tokio::spawn(turn_away(end, Close::TooMany, SocketTimes::default()));
    assert_eq!(peer.hears.recv().await, Some(Frame::Close(Close::TooMany)));
    // It does not wait for ever for an answer.
    away.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_is_dropped_leaves_nothing() {
    let site = Site::new();
    let (served, mut peer) = served(&site, &Person::default(), 8);
    peer.join().await;
    served.abort();
    assert!(served.await.unwrap_err().is_cancelled());
    assert_eq!((site.hub.counts().clients, site.hub.counts().members), (0, 0));
}
