//! A connection over a socket: both directions, pings, time limits.

use super::{close::Close, connection::Connection, queue::Next};
use async_trait::async_trait;
use healthcare_resilience::time_out;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How many messages of a client that is told to go are waited through for its answer.
const PASSED_OVER_MAX: usize = 256;

/// What is sent over a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Frame {
    /// A message.
    Text(Arc<str>),
    /// Are you there?
    Ping,
    /// The end, with its reason.
    Close(Close),
}

/// What comes over a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Heard {
    /// A message.
    Text(String),
    /// Something that is answered already, and shows that the client is there.
    Alive,
    /// A message that is not text.
    Binary,
    /// A message that is larger than is taken.
    TooLarge,
    /// The client has ended, or is gone.
    End,
}

/// The socket is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the socket is gone")]
pub struct SocketGone;

/// A socket that speaks in messages. With the feature `axum`, its WebSocket is one.
///
/// # Contract
/// - Nothing is lost when [`receive`](Self::receive) is dropped.
/// - [`send`](Self::send) is done when the operating system has taken the frame.
#[async_trait]
pub trait Socket: Send {
    /// What comes next.
    async fn receive(&mut self) -> Heard;

    /// Sends a frame.
    ///
    /// # Errors
    /// [`SocketGone`].
    async fn send(&mut self, frame: Frame) -> Result<(), SocketGone>;
}

/// How long things take on a socket.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct SocketTimes {
    /// How often the client is asked whether it is there; 20 seconds unless told otherwise.
    pub ping: Duration,
    /// After how long without a sign of the client it is closed; 50 seconds unless told otherwise.
    pub silence: Duration,
    /// How long a frame may take to be sent; 10 seconds unless told otherwise.
    pub send: Duration,
    /// How often the client's rights are asked for anew; 15 seconds unless told otherwise.
    pub recheck: Duration,
    /// How long the client gets to answer a close frame; a second unless told otherwise.
    pub goodbye: Duration,
}

impl Default for SocketTimes {
    fn default() -> Self {
        Self {
            ping: Duration::from_secs(20),
            silence: Duration::from_secs(50),
            send: Duration::from_secs(10),
            recheck: Duration::from_secs(15),
            goodbye: Duration::from_secs(1),
        }
    }
}

/// Serves a client until it ends or is closed. Why it was closed, or nothing when it went by itself.
///
/// Dropping this future ends the connection without a close frame and takes the client out of its rooms.
pub async fn serve<S: Socket>(
    mut socket: S,
    mut connection: Connection,
    times: SocketTimes,
) -> Option<Close> {
    let why = talk(&mut socket, &mut connection, times).await?;
    // Out of the rooms before the goodbye: nothing is queued for a client that is told to go.
    drop(connection);
    turn_away(socket, why, times).await;
    Some(why)
}

/// Closes a client that is not taken in, or not any more, and says why.
pub async fn turn_away<S: Socket>(mut socket: S, why: Close, times: SocketTimes) {
    let goodbye = async {
        if socket.send(Frame::Close(why)).await.is_err() {
            return;
        }
        // What was on its way is passed over; who goes on talking is not listened to.
        for _ in 0..PASSED_OVER_MAX {
            if socket.receive().await == Heard::End {
                return;
            }
        }
    };
    let _ = time_out(times.goodbye, goodbye).await;
}

async fn talk<S: Socket>(socket: &mut S, connection: &mut Connection, times: SocketTimes) -> Option<Close> {
    let (mut pings, mut rechecks) = (every(times.ping), every(times.recheck));
    let mut heard_at = Instant::now();
    loop {
        let done = tokio::select! {
            // What closes or sends comes first: a client that talks without end cannot keep a close from being sent.
            biased;
            next = connection.next() => match next {
                Next::Send(text) => send(socket, Frame::Text(text), times).await,
                Next::Recheck => connection.recheck(true).await.map_err(Some),
                Next::Close(why) => Err(Some(why)),
            },
            _ = rechecks.tick() => connection.recheck(false).await.map_err(Some),
            _ = pings.tick() => {
                if heard_at.elapsed() >= times.silence {
                    Err(Some(Close::Silent))
                } else {
                    send(socket, Frame::Ping, times).await
                }
            }
            heard = socket.receive() => {
                heard_at = Instant::now();
                match heard {
                    Heard::Text(text) => connection.heard(&text).await.map_err(Some),
                    Heard::Alive => Ok(()),
                    Heard::Binary => Err(Some(Close::Malformed)),
                    Heard::TooLarge => Err(Some(Close::TooLarge)),
                    Heard::End => Err(None),
                }
            }
        };
        if let Err(end) = done {
            return end;
        }
    }
}

async fn send<S: Socket>(socket: &mut S, frame: Frame, times: SocketTimes) -> Result<(), Option<Close>> {
    match time_out(times.send, socket.send(frame)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(SocketGone)) => Err(None),
        Err(_) => Err(Some(Close::TooSlow)),
    }
}

/// Turns of which the first is a whole one away. A turn that was missed is not made up for.
fn every(period: Duration) -> tokio::time::Interval {
    let mut turns = interval(period.max(Duration::from_millis(1)));
    turns.reset();
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    turns
}
