//! The HTTP client that can only reach what the guard allows: no redirects, no proxies, no cookies,
//! no referer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fluxgate_core::id::TenantId;
use fluxgate_core::port::Purpose;
use fluxgate_core::{Error, Result};
use reqwest::{Client, ClientBuilder, Method, RequestBuilder, Response, redirect, retry};
use tokio::time::Instant;
use tower::util::MapRequestLayer;
use url::{Host, Url};

use super::pins::{Pin, Pinned, PinnedAddresses, Pins, Unresolved};
use super::policy::{ForbiddenAddress, GuardPolicy, Way};
use super::reuse;
use crate::USER_AGENT;
use crate::failure::cause;
use crate::names::{Answer, Asker, NameSettings, Names};
use crate::roots::{Offer, Roots};

/// TCP and TLS together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// There are many receivers and each is called rarely: a few warm connections to each are enough.
const POOL_IDLE_PER_HOST_MAX: usize = 128;
/// An HTTP/2 connection is shared: one that the network has dropped must not outlive its requests.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// What all guarded clients of an installation share: name look-ups, connections, and the allowed
/// addresses.
pub(super) struct Connections {
    pub(super) names: Names,
    pins: Pins,
    https: Client,
    /// Callbacks are many small requests: to a server that speaks HTTP/2 they share a connection.
    callbacks: Client,
    http: Client,
}

impl Connections {
    pub(super) fn new(roots: Roots, names: NameSettings) -> Result<Self> {
        let pins = Pins::default();
        let https = |offer| roots.trusted_by(builder(&pins, Way::Https).https_only(true), offer);
        // One large file per connection and many hosts: HTTP/2 would only add its flow control to
        // outputs.
        let outputs = https(Offer::Http1);
        let callbacks = https(Offer::Http1AndHttp2)
            .http2_keep_alive_interval(PING_INTERVAL)
            .http2_keep_alive_timeout(PING_TIMEOUT);
        // It never speaks TLS; without certificates it does not load the system's store a second
        // time.
        let http = builder(&pins, Way::Http).http1_only().tls_certs_only([]);
        Ok(Self {
            names: Names::new(names),
            pins,
            https: build(outputs)?,
            callbacks: build(callbacks)?,
            http: build(http)?,
        })
    }
}

/// The guarded client for one purpose. Cheap to clone; the clients of one guard share their
/// connections.
#[derive(Clone)]
pub struct GuardedClient {
    pub(super) policy: Arc<GuardPolicy>,
    pub(super) connections: Arc<Connections>,
    pub(super) purpose: Purpose,
}

impl GuardedClient {
    /// Starts a request to a URL from the provider. Fails with kind `Invalid` if the URL alone
    /// already forbids it.
    pub(crate) fn request(&self, method: Method, url: Url) -> Result<GuardedRequest> {
        self.begin(None, method, url)
    }

    /// The same for a URL from a tenant: a slow name uses up this tenant's look-ups.
    pub(crate) fn request_of(
        &self,
        tenant: &TenantId,
        method: Method,
        url: Url,
    ) -> Result<GuardedRequest> {
        self.begin(Some(tenant.clone()), method, url)
    }

    fn begin(&self, tenant: Option<TenantId>, method: Method, url: Url) -> Result<GuardedRequest> {
        self.policy.admit(self.purpose, &url)?;
        let way = Way::of(&url)?;
        let client = match (way, self.purpose) {
            (Way::Https, Purpose::Callback) => &self.connections.callbacks,
            (Way::Https, _) => &self.connections.https,
            (Way::Http, _) => &self.connections.http,
        };
        let asker = Asker {
            purpose: self.purpose,
            tenant,
        };
        let request = client.request(method, url.clone());
        Ok(GuardedRequest {
            guarded: self.clone(),
            asker,
            way,
            url,
            request,
            timeout: None,
        })
    }

    /// The addresses that a connection for this request may use; `None` for a literal address,
    /// which has already been checked.
    async fn pin(&self, asker: &Asker, way: Way, url: &Url) -> Option<Pin> {
        let Some(Host::Domain(name)) = url.host() else {
            return None;
        };
        let pinned = match self.connections.names.look_up(asker, name).await {
            Answer::Found(addresses) => {
                match self.policy.judge(way, name, addresses.iter().copied()) {
                    Ok(()) => Pinned::To(
                        addresses
                            .iter()
                            .map(|address| SocketAddr::new(*address, 0))
                            .collect(),
                    ),
                    Err(forbidden) => Pinned::Forbidden(forbidden),
                }
            }
            Answer::NoSuchName => Pinned::Unresolved(Unresolved::NoSuchName),
            Answer::Unanswered => Pinned::Unresolved(Unresolved::Unanswered),
        };
        Some(self.connections.pins.pin(way, name, pinned))
    }
}

/// A request that has not been sent.
pub(crate) struct GuardedRequest {
    guarded: GuardedClient,
    asker: Asker,
    way: Way,
    url: Url,
    request: RequestBuilder,
    timeout: Option<Duration>,
}

impl GuardedRequest {
    /// Sets headers and body. A time-out that is set here does not include the look-up.
    pub(crate) fn with(self, build: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Self {
        Self {
            request: build(self.request),
            ..self
        }
    }

    /// Covers everything: look-up, connection, response and body.
    pub(crate) fn timeout(self, timeout: Duration) -> Self {
        Self {
            timeout: Some(timeout),
            ..self
        }
    }

    /// If the name is forbidden or does not resolve, that is the cause of the error, unless there
    /// is already a connection to it.
    ///
    /// A kept connection that breaks at once is one that the server has closed while it was idle:
    /// the request is sent again, once. What a guarded client sends may come twice anyway: it reads
    /// a file, or calls back with an id to deduplicate by.
    pub(crate) async fn send(self) -> reqwest::Result<Response> {
        let end = self.timeout.map(|timeout| Instant::now() + timeout);
        let _pin = self.guarded.pin(&self.asker, self.way, &self.url).await;
        let again = self.request.try_clone();
        let sent_at = Instant::now();
        let (outcome, is_reused) = reuse::observed(until(self.request, end).send()).await;
        match (outcome, again) {
            (Err(error), Some(again))
                if is_reused
                    && reuse::broke(&error)
                    && sent_at.elapsed() < reuse::BREAKS_WITHIN =>
            {
                until(again, end).send().await
            }
            (outcome, _) => outcome,
        }
    }
}

/// Ends the request at this moment.
fn until(request: RequestBuilder, end: Option<Instant>) -> RequestBuilder {
    match end {
        Some(end) => request.timeout(end.saturating_duration_since(Instant::now())),
        None => request,
    }
}

/// The guard's refusal, if that is why a request failed.
pub(crate) fn refusal(error: &reqwest::Error) -> Option<Error> {
    cause::<ForbiddenAddress>(error).cloned().map(Error::from)
}

fn builder(pins: &Pins, way: Way) -> ClientBuilder {
    Client::builder()
        .dns_resolver(PinnedAddresses {
            pins: pins.clone(),
            way,
        })
        .redirect(redirect::Policy::none())
        .retry(retry::never().max_retries_per_request(0))
        .no_proxy()
        .referer(false)
        .connector_layer(MapRequestLayer::new(|destination| {
            reuse::note_connect();
            destination
        }))
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .pool_max_idle_per_host(POOL_IDLE_PER_HOST_MAX)
        .user_agent(USER_AGENT)
}

fn build(builder: ClientBuilder) -> Result<Client> {
    builder.build().map_err(unusable)
}

fn unusable(error: reqwest::Error) -> Error {
    let text = "cannot set up the HTTP client; install the system's CA certificates";
    Error::internal("http_client_unavailable", text).source(error)
}
