use super::{
    KeptResponse, ResponseCacheBody,
    body::{Read, read},
    conditional::Conditions,
    free::Terms,
    layer::Shared,
    rules::{Asker, Keeping},
};
use crate::Loaded;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use std::sync::Arc;
use tokio::sync::oneshot;
use tower_service::Service;

/// What the handler answered, for who led the call of it.
pub(super) enum Answer<B: Body, E> {
    Kept(Box<KeptResponse>),
    Passed(Response<ResponseCacheBody<B>>),
    Failed(E),
}

/// There is nothing to keep, and what was kept may still be right.
#[derive(Debug, thiserror::Error)]
#[error("the service behind the cache gave no answer that says how things are")]
pub(super) struct Unanswered;

/// A service that is ready, and what to ask it.
pub(super) struct Call<S, A> {
    pub(super) service: S,
    pub(super) request: Request<A>,
}

impl<S, A> Call<S, A> {
    /// As it came: on the conditions that were taken out.
    pub(super) fn on(mut self, conditions: &Conditions) -> Self {
        conditions.put_back(self.request.headers_mut());
        self
    }
}

/// What is to be known of the request once it is gone.
pub(super) struct Errand {
    pub(super) shared: Arc<Shared>,
    pub(super) asker: Asker,
    pub(super) tag: String,
}

impl Errand {
    /// Calls the handler, and brings what may be kept of its answer.
    pub(super) async fn run<S, A, B>(
        self,
        call: Call<S, A>,
        leader: oneshot::Sender<Answer<B, S::Error>>,
    ) -> Result<Option<Loaded<KeptResponse>>, Unanswered>
    where
        S: Service<Request<A>, Response = Response<B>>,
        B: Body<Data = Bytes>,
    {
        let Call { mut service, request } = call;
        // That nobody waits for the answer any more is no reason not to keep it.
        let tell = |answer| drop(leader.send(answer));
        let mut response = match service.call(request).await {
            Ok(response) => response,
            Err(error) => {
                tell(Answer::Failed(error));
                return Err(Unanswered);
            }
        };
        let terms = response.extensions_mut().remove::<Terms>();
        if response.status().is_server_error() {
            tell(Answer::Passed(response.map(ResponseCacheBody::passed)));
            return Err(Unanswered);
        }
        let vary = &self.shared.vary;
        let (parts, body) = response.into_parts();
        let keeping = terms.as_ref().and_then(|terms| Keeping::of(&parts, terms, self.asker, vary));
        let (Some(terms), Some(keeping)) = (terms, keeping) else {
            tell(Answer::Passed(Response::from_parts(parts, ResponseCacheBody::passed(body))));
            return Ok(None);
        };
        let body = match read(body, self.shared.body_max).await {
            Read::Whole(body) => body,
            Read::Not(body) => {
                tell(Answer::Passed(Response::from_parts(parts, body)));
                return Ok(None);
            }
        };
        let kept = KeptResponse::new(parts.headers, body, keeping, vary);
        tell(Answer::Kept(Box::new(kept.clone())));
        let loaded = terms.tags.into_iter().fold(Loaded::new(kept).tag(self.tag), Loaded::tag);
        Ok(Some(match keeping.life {
            Some(life) => loaded.life(life),
            None => loaded,
        }))
    }
}
