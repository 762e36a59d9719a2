//! Sends requests over connections that it keeps. It follows nothing, uses no proxy and repeats
//! nothing. It is built on hyper's client and not on reqwest's, which takes no notice of interim
//! answers.

use std::time::Duration;

use hyper::header::{ACCEPT, HeaderValue, USER_AGENT};
use hyper_util::client::legacy::{Builder, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use reqwest::{Body, Request, Response};
use rustls::ClientConfig;
use tokio::time::{Instant, timeout_at};

use super::connector::Connector;
use super::interim::Interim;
use super::pins::PinnedAddresses;
use super::send_error::SendError;
use super::timed_body::TimedBody;

const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// There are many receivers and each is called rarely: a few warm connections to each are enough.
const POOL_IDLE_PER_HOST_MAX: usize = 128;
/// An HTTP/2 connection is shared: one that the network has dropped must not outlive its requests.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct Transport(Client<Connector, Body>);

impl Transport {
    pub(super) fn new(addresses: PinnedAddresses, tls: ClientConfig) -> Self {
        let connector = Connector::new(addresses, tls);
        Self(pool().build(connector))
    }

    /// The answer, which is over with its body at this moment. Fails at once if interim answers
    /// come without end; its connection is closed then.
    pub(super) async fn send(
        &self,
        request: Request,
        end: Option<Instant>,
    ) -> Result<Response, SendError> {
        let mut request = hyper::Request::try_from(request).map_err(SendError::Invalid)?;
        let headers = request.headers_mut();
        headers
            .entry(ACCEPT)
            .or_insert(HeaderValue::from_static("*/*"));
        headers
            .entry(USER_AGENT)
            .or_insert(HeaderValue::from_static(crate::USER_AGENT));
        let interim = Interim::of(&mut request);
        let answer = async {
            tokio::select! {
                answer = self.0.request(request) => answer.map_err(SendError::Failed),
                () = interim.flooded() => Err(SendError::Flooded),
            }
        };
        let answer = match end {
            Some(end) => timeout_at(end, answer)
                .await
                .unwrap_or(Err(SendError::Late)),
            None => answer.await,
        };
        answer.map(|answer| {
            answer
                .map(|body| Body::wrap(TimedBody::new(body, end)))
                .into()
        })
    }
}

fn pool() -> Builder {
    let mut pool = Client::builder(TokioExecutor::new());
    pool.timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .pool_max_idle_per_host(POOL_IDLE_PER_HOST_MAX)
        .http2_keep_alive_interval(PING_INTERVAL)
        .http2_keep_alive_timeout(PING_TIMEOUT);
    pool
}
