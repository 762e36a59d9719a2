//! Bodies in transit: a request's, within its time limit, and a response's, which reports its end.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::answer::{BoxError, Broken};
use crate::connection::{Connection, InHand};
use crate::patience::Patience;

/// A request's body. It fails with [`io::ErrorKind::TimedOut`] when the client is too slow; time in
/// which the handler does not poll it does not count.
#[derive(Debug)]
pub struct RequestBody {
    incoming: Incoming,
    patience: Patience,
    connection: Arc<Connection>,
    ended: bool,
}

impl RequestBody {
    pub(crate) fn new(incoming: Incoming, connection: Arc<Connection>) -> Self {
        Self {
            incoming,
            patience: Patience::for_body(&connection.registry.bounds),
            connection,
            ended: false,
        }
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if !self.ended && !self.incoming.is_end_stream() {
            self.connection.leaves_unread();
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let body = self.get_mut();
        match Pin::new(&mut body.incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                body.patience.moved(frame.data_ref().map_or(0, Bytes::len));
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(ended) => {
                body.ended = ended.is_none();
                Poll::Ready(ended.map(|failed| failed.map_err(Into::into)))
            }
            Poll::Pending => {
                ready!(body.patience.poll_end(cx));
                let text = "the client sends its body too slowly";
                Poll::Ready(Some(Err(
                    io::Error::new(io::ErrorKind::TimedOut, text).into()
                )))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// A response's body, which keeps its request in progress until the end.
pub(crate) struct ResponseBody<B> {
    content: Content<B>,
    _in_hand: InHand,
}

enum Content<B> {
    Answer(B),
    /// The listener's own response text, until it is sent.
    Refusal(Option<&'static str>),
}

impl<B> ResponseBody<B> {
    pub(crate) fn answer(body: B, in_hand: InHand) -> Self {
        Self {
            content: Content::Answer(body),
            _in_hand: in_hand,
        }
    }

    pub(crate) fn refusal(text: &'static str, in_hand: InHand) -> Self {
        Self {
            content: Content::Refusal(Some(text)),
            _in_hand: in_hand,
        }
    }
}

impl<B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match &mut self.content {
            Content::Answer(body) => Pin::new(body)
                .poll_frame(cx)
                .map_err(|error| Broken(error.into())),
            Content::Refusal(text) => {
                let text = text.take().map(|text| Bytes::from_static(text.as_bytes()));
                Poll::Ready(text.map(|text| Ok(Frame::data(text))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Answer(body) => body.is_end_stream(),
            Content::Refusal(text) => text.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Answer(body) => body.size_hint(),
            Content::Refusal(text) => SizeHint::with_exact(text.map_or(0, str::len) as u64),
        }
    }
}
