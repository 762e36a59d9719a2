//! The HTTP client that can only reach what the guard allows: no redirects, no proxies, no cookies,
//! no referer.

use std::error::Error as StdError;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fluxgate_core::id::TenantId;
use fluxgate_core::port::Purpose;
use fluxgate_core::{Error, Result};
use reqwest::{Client, Method, Request, RequestBuilder, Response};
use tokio::time::Instant;
use url::{Host, Url};

use super::pins::{Pin, Pinned, PinnedAddresses, Pins, Unresolved};
use super::policy::{ForbiddenAddress, GuardPolicy, Way};
use super::reuse;
use super::send_error::SendError;
use super::transport::Transport;
use crate::failure::cause;
use crate::names::{Answer, Asker, NameSettings, Names};
use crate::roots::{Offer, Roots};

/// What all guarded clients of an installation share: name look-ups, connections, and the allowed
/// addresses.
pub(super) struct Connections {
    pub(super) names: Names,
    pins: Pins,
    /// It only puts requests together; the others send them.
    forms: Client,
    https: Transport,
    /// Callbacks are many small requests: to a server that speaks HTTP/2 they share a connection.
    callbacks: Transport,
    http: Transport,
}

impl Connections {
    pub(super) fn new(roots: Roots, names: NameSettings) -> Result<Self> {
        let pins = Pins::default();
        let transport = |way, tls| {
            let pins = pins.clone();
            Transport::new(PinnedAddresses { pins, way }, tls)
        };
        Ok(Self {
            names: Names::new(names),
            forms: forms()?,
            // One large file per connection and many hosts: HTTP/2 would only add its flow control
            // to outputs.
            https: transport(Way::Https, roots.config(Offer::Http1)?),
            callbacks: transport(Way::Https, roots.config(Offer::Http1AndHttp2)?),
            // It never speaks TLS; so it does not load the system's store a third time.
            http: transport(Way::Http, Roots::Bundled.config(Offer::Http1)?),
            pins,
        })
    }

    fn transport(&self, way: Way, purpose: Purpose) -> &Transport {
        match (way, purpose) {
            (Way::Https, Purpose::Callback) => &self.callbacks,
            (Way::Https, _) => &self.https,
            (Way::Http, _) => &self.http,
        }
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

    /// The same for a request that was put together elsewhere.
    pub(crate) fn request_made(
        &self,
        tenant: &TenantId,
        request: Request,
    ) -> Result<GuardedRequest> {
        let begun = self.request_of(tenant, request.method().clone(), request.url().clone())?;
        let forms = self.connections.forms.clone();
        Ok(GuardedRequest {
            request: RequestBuilder::from_parts(forms, request),
            ..begun
        })
    }

    fn begin(&self, tenant: Option<TenantId>, method: Method, url: Url) -> Result<GuardedRequest> {
        self.policy.admit(self.purpose, &url)?;
        let way = Way::of(&url)?;
        let asker = Asker {
            purpose: self.purpose,
            tenant,
        };
        let request = self.connections.forms.request(method, url.clone());
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
    /// Sets headers and body.
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
    ///
    /// A server that sends interim answers (1xx) without end fails at once.
    pub(crate) async fn send(self) -> std::result::Result<Response, SendError> {
        let end = self.timeout.map(|timeout| Instant::now() + timeout);
        let guarded = &self.guarded;
        let transport = guarded.connections.transport(self.way, guarded.purpose);
        let request = self.request.build().map_err(SendError::Invalid)?;
        let _pin = guarded.pin(&self.asker, self.way, &self.url).await;
        let again = request.try_clone();
        let sent_at = Instant::now();
        let (outcome, is_reused) = reuse::observed(transport.send(request, end)).await;
        match (outcome, again) {
            (Err(error), Some(again))
                if is_reused
                    && reuse::broke(&error)
                    && sent_at.elapsed() < reuse::BREAKS_WITHIN =>
            {
                transport.send(again, end).await
            }
            (outcome, _) => outcome,
        }
    }
}

/// The guard's refusal, if that is why a request failed.
pub(crate) fn refusal(error: &(dyn StdError + 'static)) -> Option<Error> {
    cause::<ForbiddenAddress>(error).cloned().map(Error::from)
}

fn forms() -> Result<Client> {
    let built = Client::builder().no_proxy().tls_certs_only([]).build();
    built.map_err(|error| {
        let text = "cannot set up the client that puts requests together";
        Error::internal("http_client_unavailable", text).source(error)
    })
}
