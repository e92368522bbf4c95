use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

pin_project! {
    /// The body of a response that went through the layer: one that is kept, or the service's own.
    #[derive(Debug)]
    pub struct ResponseCacheBody<B: Body> {
        // What was read of the body before it turned out that it is not to be kept.
        read: VecDeque<Result<Frame<Bytes>, B::Error>>,
        // What was begun to be read: pinned apart, so that it can be moved on.
        rest: Option<Pin<Box<B>>>,
        #[pin]
        direct: Option<B>,
    }
}

impl<B: Body<Data = Bytes>> ResponseCacheBody<B> {
    pub(super) const fn passed(body: B) -> Self {
        Self { read: VecDeque::new(), rest: None, direct: Some(body) }
    }

    pub(super) fn kept(body: Bytes) -> Self {
        let frame = (!body.is_empty()).then(|| Ok(Frame::data(body)));
        Self { read: frame.into_iter().collect(), rest: None, direct: None }
    }

    pub(super) const fn empty() -> Self {
        Self { read: VecDeque::new(), rest: None, direct: None }
    }
}

impl<B: Body<Data = Bytes>> Body for ResponseCacheBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        if let Some(frame) = this.read.pop_front() {
            return Poll::Ready(Some(frame));
        }
        if let Some(rest) = this.rest {
            return rest.as_mut().poll_frame(cx);
        }
        this.direct.as_pin_mut().map_or(Poll::Ready(None), |direct| direct.poll_frame(cx))
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty()
            && self.rest.as_ref().is_none_or(Body::is_end_stream)
            && self.direct.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let read = self.read.iter().flatten().filter_map(Frame::data_ref).map(Bytes::len).sum::<usize>();
        let read = u64::try_from(read).unwrap_or(u64::MAX);
        let rest = match (&self.rest, &self.direct) {
            (Some(rest), _) => rest.size_hint(),
            (None, Some(direct)) => direct.size_hint(),
            (None, None) => SizeHint::with_exact(0),
        };
        let mut hint = SizeHint::new();
        hint.set_lower(read.saturating_add(rest.lower()));
        if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(read)) {
            hint.set_upper(upper);
        }
        hint
    }
}

/// A body that was read to be kept.
pub(super) enum Read<B: Body> {
    Whole(Bytes),
    /// It is too large, has trailers or broke off: all of it, to hand on.
    Not(ResponseCacheBody<B>),
}

/// Reads a body of at most `max` bytes.
pub(super) async fn read<B: Body<Data = Bytes>>(body: B, max: usize) -> Read<B> {
    let too_large = body.size_hint().lower() > u64::try_from(max).unwrap_or(u64::MAX);
    if too_large {
        return Read::Not(ResponseCacheBody::passed(body));
    }
    let mut body = Box::pin(body);
    let (mut size, mut frames) = (0_usize, VecDeque::new());
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let data = frame.as_ref().ok().and_then(Frame::data_ref).map(Bytes::len);
        frames.push_back(frame);
        size = size.saturating_add(data.unwrap_or_default());
        if data.is_none() || size > max {
            return Read::Not(ResponseCacheBody { read: frames, rest: Some(body), direct: None });
        }
    }
    Read::Whole(join(frames, size))
}

/// One piece of several; a single one is not copied.
fn join<E>(mut frames: VecDeque<Result<Frame<Bytes>, E>>, size: usize) -> Bytes {
    if frames.len() == 1
        && let Some(Ok(frame)) = frames.pop_front()
    {
        return frame.into_data().unwrap_or_default();
    }
    let mut whole = BytesMut::with_capacity(size);
    for data in frames.iter().flatten().filter_map(Frame::data_ref) {
        whole.extend_from_slice(data);
    }
    whole.freeze()
}
