//! The handler that a listener calls for each request.

use std::error::Error;
use std::fmt;
use std::future::Future;

use bytes::Bytes;
use http_body::Body;
use hyper::{Request, Response};

use crate::body::RequestBody;

pub type BoxError = Box<dyn Error + Send + Sync>;

/// Why a connection is dropped. A concrete type whatever the cause, because the compiler loses the
/// lifetime of a boxed one.
#[derive(Debug)]
pub(crate) struct Broken(pub(crate) BoxError);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Broken {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// Any async function from a request to a response. An error drops the connection without a
/// response.
pub trait Answer: Send + Sync + 'static {
    type Body: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static;

    fn answer(
        &self,
        request: Request<RequestBody>,
    ) -> impl Future<Output = Result<Response<Self::Body>, BoxError>> + Send + 'static;
}

impl<F, Fut, B, E> Answer for F
where
    F: Fn(Request<RequestBody>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Response<B>, E>> + Send + 'static,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
    E: Into<BoxError>,
{
    type Body = B;

    fn answer(
        &self,
        request: Request<RequestBody>,
    ) -> impl Future<Output = Result<Response<B>, BoxError>> + Send + 'static {
        let answered = self(request);
        async move { answered.await.map_err(Into::into) }
    }
}
