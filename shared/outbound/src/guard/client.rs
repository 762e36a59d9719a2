//! The HTTP client that can only reach what the guard allows: no redirects, no proxies, no cookies, no referer.

use std::sync::Arc;
use std::time::Duration;

use fluxgate_core::{Error, Result};
use reqwest::{Client, ClientBuilder, Method, RequestBuilder, redirect, retry};
use url::Url;

use super::policy::{ForbiddenAddress, GuardPolicy, Way};
use super::resolver::GuardedResolver;
use crate::USER_AGENT;
use crate::failure::cause;

/// Look-up, TCP and TLS together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Receivers are many and each is called seldom: a few warm connections to each are enough.
const POOL_IDLE_PER_HOST_MAX: usize = 128;

/// The guarded client. Cheap to clone; clones share one pool.
#[derive(Clone)]
pub struct GuardedClient {
    policy: Arc<GuardPolicy>,
    https: Client,
    http: Client,
}

impl GuardedClient {
    pub(super) fn new(policy: &Arc<GuardPolicy>) -> Result<Self> {
        let https = policy.roots.trusted_by(builder(policy, Way::Https).https_only(true));
        // It never speaks TLS; without certificates it does not read the system's store a second time.
        let http = builder(policy, Way::Http).tls_certs_only([]);
        Ok(Self { policy: Arc::clone(policy), https: build(https)?, http: build(http)? })
    }

    /// Begins a request, unless its URL alone already forbids it. Fails with kind `Invalid`.
    pub(crate) fn request(&self, method: Method, url: Url) -> Result<RequestBuilder> {
        self.policy.admit(&url)?;
        let client = match Way::of(&url)? {
            Way::Https => &self.https,
            Way::Http => &self.http,
        };
        Ok(client.request(method, url))
    }
}

/// The guard's refusal, when that is why a request failed.
pub(crate) fn refusal(error: &reqwest::Error) -> Option<Error> {
    cause::<ForbiddenAddress>(error).cloned().map(Error::from)
}

fn builder(policy: &Arc<GuardPolicy>, way: Way) -> ClientBuilder {
    Client::builder()
        .dns_resolver(GuardedResolver { policy: Arc::clone(policy), way })
        .redirect(redirect::Policy::none())
        .retry(retry::never().max_retries_per_request(0))
        .no_proxy()
        .referer(false)
        // One large file a connection and many hosts: HTTP/2 has nothing to offer here but its flow control.
        .http1_only()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .pool_max_idle_per_host(POOL_IDLE_PER_HOST_MAX)
        .user_agent(USER_AGENT)
}

fn build(builder: ClientBuilder) -> Result<Client> {
    builder.build().map_err(unusable)
}

fn unusable(error: reqwest::Error) -> Error {
    let text = "the HTTP client could not be set up; install the system's CA certificates";
    Error::internal("http_client_unavailable", text).source(error)
}
