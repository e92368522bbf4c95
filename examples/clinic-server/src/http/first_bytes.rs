//! A connection on which nothing comes is closed.

use axum_server::accept::Accept;
use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

/// The bytes by which HTTP/2 is told from HTTP/1.
const PREFACE_BYTES: usize = 24;

/// Closes a connection whose first bytes do not say in time which HTTP it speaks: what counts a request's time begins only then, and a
/// client that says nothing would hold its connection for ever.
#[derive(Debug, Clone)]
pub struct FirstBytes<A> {
    inner: A,
    within: Duration,
}

impl<A> FirstBytes<A> {
    /// Gives what is accepted so much time.
    #[must_use]
    pub const fn within(inner: A, within: Duration) -> Self {
        Self { inner, within }
    }
}

impl<I, S, A> Accept<I, S> for FirstBytes<A>
where
    A: Accept<I, S, Future: Send + 'static>,
{
    type Stream = Awaited<A::Stream>;
    type Service = A::Service;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let (accepted, end) = (self.inner.accept(stream, service), Instant::now() + self.within);
        Box::pin(async move {
            let (stream, service) = accepted.await?;
            Ok((Awaited::until(stream, end), service))
        })
    }
}

/// A connection whose first bytes are awaited.
#[derive(Debug)]
pub struct Awaited<S> {
    stream: S,
    seen: usize,
    /// Until then; nothing once it is known what it speaks.
    end: Option<Pin<Box<Sleep>>>,
}

impl<S> Awaited<S> {
    fn until(stream: S, end: Instant) -> Self {
        Self { stream, seen: 0, end: Some(Box::pin(sleep_until(end))) }
    }

    /// Whether these bytes say what is spoken: only HTTP/2's begin with `PRI `, and HTTP/1's with `POST` are longer.
    fn told(&mut self, bytes: &[u8]) -> bool {
        let first = self.seen == 0 && bytes.first().is_some_and(|byte| *byte != b'P');
        self.seen += bytes.len();
        first || self.seen >= PREFACE_BYTES
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Awaited<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        let Some(end) = this.end.as_mut() else { return read };
        if read.is_pending() {
            ready!(end.as_mut().poll(cx));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let bytes = buf.filled().get(before..).unwrap_or_default();
        if this.told(bytes) {
            this.end = None;
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Awaited<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    /// What a server reads that waits for ten seconds, of a client that sends this and then nothing for an hour.
    async fn read(sent: &[u8]) -> Result<Vec<u8>, io::ErrorKind> {
        let (mut client, server) = duplex(64);
        let mut server = Awaited::until(server, Instant::now() + Duration::from_secs(10));
        client.write_all(sent).await.unwrap();
        let quiet = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            drop(client);
        });
        let mut all = Vec::new();
        let end = server.read_to_end(&mut all).await;
        quiet.abort();
        end.map(|_| all).map_err(|error| error.kind())
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_is_not_waited_for() {
        assert_eq!(read(b"").await, Err(io::ErrorKind::TimedOut));
        assert_eq!(read(b"PRI * HT").await, Err(io::ErrorKind::TimedOut));
        // From here on it is a request's time that counts.
        assert_eq!(read(b"G").await, Ok(b"G".to_vec()));
        assert_eq!(read(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.map(|all| all.len()), Ok(24));
    }
}
