//! One pool of connections to the provider, and requests whose URL is only put together. It follows
//! nothing, uses no proxy and repeats nothing.
//!
//! That is part of the contract of `submit`, which must send its POST at most once. Verified in the
//! sources of hyper-util 0.1.21 and hyper 1.12.0: the pool (`retry_canceled_requests`) resends only
//! a request that hyper hands back, and over HTTP/1.1 hyper only hands back what its connection had
//! not yet taken off the queue: no byte of it was written. A request that was taken and then failed
//! comes back as an error without the request. There is no HTTP/2 here.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use fluxgate_core::{Error, Result};
use hyper::body::{Body as _, Incoming};
use hyper::header::{ACCEPT, HeaderMap, HeaderValue, USER_AGENT};
use hyper::http::uri::{Authority, PathAndQuery, Scheme};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use reqwest::Body;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tower::Service;
use url::Url;

use crate::guard::SendError;
use crate::roots::{Offer, Roots};

/// Below the submit's own time-out, so that an unreachable provider is not mistaken for a slow one.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Shorter than any server's or load balancer's idle time-out: if the other side is just closing
/// the connection, a request on it cannot be told from an accepted one, which needlessly makes the
/// submit ambiguous.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(20);
const POOL_IDLE_MAX: usize = 256;
/// What notices that the other side of a connection is gone.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// Up to this size an announced length is trusted and memory is allocated for it.
const TRUSTED_BYTES_MAX: usize = 64 * 1024;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

pub(super) struct Wire {
    client: Client<Connector, Body>,
    scheme: Scheme,
    authority: Authority,
    /// Before every path, without a trailing slash.
    prefix: String,
}

/// The head of an answer, and its body to be read.
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    body: Incoming,
    end: Option<Instant>,
}

impl Wire {
    /// Fails with kind `Internal` without a certificate store, or for a URL without a host.
    pub(super) fn new(base_url: &Url, roots: Roots) -> Result<Self> {
        let base: Uri = base_url.as_str().parse().map_err(|_| no_address())?;
        let parts = base.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(no_address());
        };
        let path = parts.path_and_query.as_ref().map_or("", PathAndQuery::path);
        let mut client = Client::builder(TokioExecutor::new());
        client
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .pool_max_idle_per_host(POOL_IDLE_MAX);
        Ok(Self {
            client: client.build(Connector::new(roots)?),
            scheme,
            authority,
            prefix: path.trim_end_matches('/').to_owned(),
        })
    }

    /// A request without a body. The path and its query are the end of the URL.
    pub(super) fn request(&self, method: Method, path_and_query: &str) -> Result<Request<Body>> {
        let path = match self.prefix.as_str() {
            "" => PathAndQuery::try_from(path_and_query),
            prefix => PathAndQuery::try_from(format!("{prefix}{path_and_query}")),
        };
        let mut parts = hyper::http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path.map_err(|_| no_address())?);
        let mut request = Request::new(Body::default());
        *request.method_mut() = method;
        *request.uri_mut() = Uri::from_parts(parts).map_err(|_| no_address())?;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(USER_AGENT, HeaderValue::from_static(crate::USER_AGENT));
        Ok(request)
    }

    /// Sends it once. The answer, its body included, must have come within this time.
    pub(super) async fn send(
        &self,
        request: Request<Body>,
        within: Option<Duration>,
    ) -> std::result::Result<Answered, SendError> {
        let end = within.map(|within| Instant::now() + within);
        let answer = self.client.request(request);
        let answer = match end {
            Some(end) => timeout_at(end, answer).await.map_err(|_| SendError::Late)?,
            None => answer.await,
        };
        let (head, body) = answer.map_err(SendError::Failed)?.into_parts();
        Ok(Answered {
            status: head.status,
            headers: head.headers,
            body,
            end,
        })
    }
}

impl Answered {
    /// The whole body; `None` if it is longer, late or cut off.
    pub(super) async fn read(self, bytes_max: usize) -> Option<BytesMut> {
        let end = self.end;
        let read = read(self.body, bytes_max);
        match end {
            Some(end) => timeout_at(end, read).await.ok()?,
            None => read.await,
        }
    }
}

async fn read(mut body: Incoming, bytes_max: usize) -> Option<BytesMut> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > bytes_max {
        return None;
    }
    let mut read = BytesMut::with_capacity(announced.min(TRUSTED_BYTES_MAX));
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let Ok(chunk) = frame.ok()?.into_data() else {
            continue;
        };
        if read.len() + chunk.len() > bytes_max {
            return None;
        }
        read.extend_from_slice(&chunk);
    }
    Some(read)
}

fn no_address() -> Error {
    let text = "the provider's URL cannot be called; check it in the settings";
    Error::internal("provider_url", text)
}

/// TCP and TLS, together within a time.
#[derive(Clone)]
struct Connector(HttpsConnector<HttpConnector>);

impl Connector {
    fn new(roots: Roots) -> Result<Self> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        tcp.set_keepalive(Some(KEEPALIVE));
        Ok(Self(HttpsConnector::from((
            tcp,
            roots.config(Offer::Http1)?,
        ))))
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future =
        Pin<Box<dyn Future<Output = std::result::Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<std::result::Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let connecting = self.0.call(server);
        Box::pin(async move {
            match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
            }
        })
    }
}
