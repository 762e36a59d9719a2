//! A body that is read chunk by chunk. The reader of forms takes chunks for as long as there are
//! any, before it gives the first of them away: a client that is faster than the provider would
//! fill the memory with its file.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::multipart::{Multipart, MultipartRejection};
use axum::extract::{FromRequest, Request};
use futures::Stream;

/// A form whose body is read by turns.
pub(crate) struct Form(pub(super) Result<Multipart, MultipartRejection>);

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Infallible;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let request = request.map(|body| {
            Body::from_stream(ByTurns {
                chunks: body.into_data_stream(),
                is_readers_turn: false,
            })
        });
        Ok(Self(Multipart::from_request(request, state).await))
    }
}

/// After each chunk it is the reader's turn.
struct ByTurns {
    chunks: BodyDataStream,
    is_readers_turn: bool,
}

impl Stream for ByTurns {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.is_readers_turn) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let chunk = ready!(Pin::new(&mut self.chunks).poll_next(cx));
        self.is_readers_turn = true;
        Poll::Ready(chunk)
    }
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt as _, stream};

    use super::*;

    #[tokio::test]
    async fn between_two_chunks_it_is_the_reader_s_turn_and_none_is_lost() {
        let pieces = [Ok::<_, Infallible>("a"), Ok("b")];
        let mut body = ByTurns {
            chunks: Body::from_stream(stream::iter(pieces)).into_data_stream(),
            is_readers_turn: false,
        };

        let first = futures::poll!(body.next());
        let between = futures::poll!(body.next());
        let rest: Vec<_> = body.map(Result::unwrap).collect().await;

        assert!(matches!(first, Poll::Ready(Some(Ok(bytes))) if bytes == "a"));
        assert!(between.is_pending());
        assert_eq!(rest, ["b"]);
    }
}
