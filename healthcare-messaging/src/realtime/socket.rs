//! WebSockets of axum.

use super::serve::{Frame, Heard, Socket, SocketGone};
use async_trait::async_trait;
use axum::{
    extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade},
    http::{HeaderMap, HeaderName},
};

/// The protocol that client and server agree on. The ticket comes as another protocol beside it: `ticket.` and its text.
pub const WEB_SOCKET_PROTOCOL: &str = "healthcare.v1";

const TICKET: &str = "ticket.";
const HEADER: HeaderName = HeaderName::from_static("sec-websocket-protocol");
/// A frame that is larger than the longest message has a fault.
const FRAME_BYTES_MAX: usize = 8 << 10;
const WRITE_BYTES_MAX: usize = 256 << 10;

/// What a client offers in `Sec-WebSocket-Protocol`: `new WebSocket(url, ["healthcare.v1", "ticket." + ticket])`.
///
/// The ticket is not sent back: the server chooses [`WEB_SOCKET_PROTOCOL`].
#[derive(Clone, Copy)]
pub struct SocketOffer<'h> {
    /// The ticket's text.
    pub ticket: &'h str,
}

impl std::fmt::Debug for SocketOffer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SocketOffer(..)")
    }
}

impl<'h> SocketOffer<'h> {
    /// The offer in a request's headers; nothing when it lacks the protocol, or does not have exactly one ticket.
    #[must_use]
    pub fn read(headers: &'h HeaderMap) -> Option<Self> {
        let (mut speaks, mut ticket) = (false, None);
        for value in headers.get_all(HEADER) {
            for offered in value.to_str().ok()?.split(',').map(str::trim) {
                if offered == WEB_SOCKET_PROTOCOL {
                    speaks = true;
                } else if let Some(text) = offered.strip_prefix(TICKET)
                    && ticket.replace(text).is_some()
                {
                    return None;
                }
            }
        }
        ticket.filter(|_| speaks).map(|ticket| Self { ticket })
    }

    /// Limits a handshake to what is spoken here.
    pub fn prepare(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
        upgrade
            .protocols([WEB_SOCKET_PROTOCOL])
            .max_message_size(FRAME_BYTES_MAX)
            .max_frame_size(FRAME_BYTES_MAX)
            .read_buffer_size(FRAME_BYTES_MAX)
            // Each message is written at once; what is queued is counted before it comes here.
            .write_buffer_size(0)
            .max_write_buffer_size(WRITE_BYTES_MAX)
    }
}

#[async_trait]
impl Socket for WebSocket {
    async fn receive(&mut self) -> Heard {
        match self.recv().await {
            Some(Ok(Message::Text(text))) => Heard::Text(text.as_str().to_owned()),
            Some(Ok(Message::Binary(_))) => Heard::Binary,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Heard::Alive,
            Some(Ok(Message::Close(_))) | None => Heard::End,
            Some(Err(error)) => broken(&error),
        }
    }

    async fn send(&mut self, frame: Frame) -> Result<(), SocketGone> {
        let message = match frame {
            Frame::Text(text) => Message::Text((&*text).into()),
            Frame::Ping => Message::Ping(Default::default()),
            Frame::Close(why) => {
                Message::Close(Some(CloseFrame { code: why.code(), reason: why.as_str().into() }))
            }
        };
        WebSocket::send(self, message).await.map_err(|_| SocketGone)
    }
}

/// A message over the limit is told apart, so that the client is told of it; all else is a socket that is gone.
fn broken(error: &axum::Error) -> Heard {
    if error.to_string().contains("Message too long") { Heard::TooLarge } else { Heard::End }
}
