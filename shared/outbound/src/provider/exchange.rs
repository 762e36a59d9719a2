//! The client for the provider, and all requests that may be repeated: everything except a submit.

use std::sync::Arc;
use std::time::Duration;

use fluxgate_core::port::AccountCheck;
use fluxgate_core::secret::Secret;
use fluxgate_core::time::Timestamp;
use fluxgate_core::trace_context::TraceContext;
use fluxgate_core::{Error, Kind, Result, Retry};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, redirect, retry};
use serde_json::Value;

use super::account;
use super::envelope::{Answer, Refusal};
use super::{ApiKey, ProviderSettings, account_refused, forbidden, unavailable};
use crate::USER_AGENT;
use crate::body::read;
use crate::failure::describe;
use crate::retry_after::retry_after_ms;
use crate::roots::Roots;
use crate::trace::traced;

/// The largest possible response is a run that returns its pictures as base64.
const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Below the submit's own time-out, so that an unreachable provider is not mistaken for a slow one.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Shorter than any server's or load balancer's idle time-out: if the other side is just closing
/// the connection, a request on it cannot be told from an accepted one, which needlessly makes the
/// submit ambiguous.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(20);
const POOL_IDLE_MAX: usize = 256;

pub(super) struct Exchange {
    client: Client,
    api_key: Arc<dyn ApiKey>,
    /// Without a trailing slash.
    base: String,
    timeout: Duration,
}

impl Exchange {
    pub(super) fn new(settings: ProviderSettings) -> Result<Self> {
        let ProviderSettings {
            base_url,
            api_key,
            timeout_ms,
            roots,
            ..
        } = settings;
        let client = client(roots)?;
        let mut base = String::from(base_url);
        base.truncate(base.trim_end_matches('/').len());
        Ok(Self {
            client,
            api_key,
            base,
            timeout: Duration::from_millis(timeout_ms),
        })
    }

    /// A POST to this path, without body or time-out. Nothing is sent if the key cannot be
    /// obtained.
    pub(super) async fn begin_post(&self, path_and_query: &str) -> Result<Begun> {
        self.begin(Method::POST, path_and_query).await
    }

    async fn begin(&self, method: Method, path_and_query: &str) -> Result<Begun> {
        let key = self.api_key.current().await?;
        let request = self
            .client
            .request(method, format!("{}{path_and_query}", self.base));
        Ok(Begun {
            request: request.header(AUTHORIZATION, authorization(&key)?),
            key,
        })
    }

    /// A GET of this path.
    pub(super) async fn begin_get(&self, path: &str) -> Result<Begun> {
        let begun = self.begin(Method::GET, path).await?;
        Ok(begun.with(|request| request.timeout(self.timeout)))
    }

    /// Returns the response's `data`.
    pub(super) async fn get(&self, path: &str) -> Result<Value> {
        self.exchanged(self.begin_get(path).await?).await?.data()
    }

    /// The same for a task's trace.
    pub(super) async fn get_traced(&self, path: &str, trace: &TraceContext) -> Result<Value> {
        let begun = self.begin_get(path).await?;
        let begun = begun.with(|request| traced(request, trace));
        self.exchanged(begun).await?.data()
    }

    /// Returns the response's `data`.
    pub(super) async fn post(&self, path: &str, question: &Value) -> Result<Value> {
        self.exchanged(self.begin_json(path, question).await?)
            .await?
            .data()
    }

    /// Returns the response's `data` and its `Date`, of a request for a task's trace.
    pub(super) async fn post_dated(
        &self,
        path: &str,
        question: &Value,
        trace: &TraceContext,
    ) -> Result<(Value, Option<Timestamp>)> {
        let begun = self.begin_json(path, question).await?;
        let begun = begun.with(|request| traced(request, trace));
        let exchanged = self.exchanged(begun).await?;
        let told_at = exchanged.told_at;
        Ok((exchanged.data()?, told_at))
    }

    /// Like [`Self::post`], for a request that names a tenant's model or file.
    pub(super) async fn post_named(&self, path: &str, question: &Value) -> Result<Value> {
        self.data_named(path, self.begin_json(path, question).await?)
            .await
    }

    /// The response's `data` for a request that names a tenant's model or file. A 403 may only
    /// concern that, so the balance is checked; if the account is good, the error has kind
    /// `Forbidden`.
    pub(super) async fn data_named(&self, what: &str, begun: Begun) -> Result<Value> {
        let exchanged = self.exchanged(begun).await?;
        if let Answer::Status(refusal @ Refusal { status: 403, .. }) = &exchanged.answer
            && let AccountCheck::Good { .. } = account::check(self).await
        {
            forbidden(what, &refusal.message);
            let text = "the model's provider does not allow this service to do that; choose another model or file, or ask the service's operator";
            return Err(Error::new(Kind::Forbidden, "provider_forbidden", text));
        }
        exchanged.data()
    }

    async fn begin_json(&self, path: &str, question: &Value) -> Result<Begun> {
        let begun = self.begin_post(path).await?;
        let json = |request: RequestBuilder| {
            request
                .header(CONTENT_TYPE, "application/json")
                .body(question.to_string())
        };
        Ok(begun.with(|request| json(request).timeout(self.timeout)))
    }

    async fn exchanged(&self, begun: Begun) -> Result<Exchanged> {
        let response = begun.request.send().await.map_err(|error| failed(&error))?;
        let (retry_after, told_at) = (retry_after_ms(response.headers()), date(response.headers()));
        Ok(Exchanged {
            answer: self.answer(response, &begun.key).await,
            retry_after,
            told_at,
        })
    }

    pub(super) async fn answer(&self, response: Response, key: &Secret) -> Answer {
        let status = response.status();
        if status == StatusCode::UNAUTHORIZED {
            self.api_key.refused().await;
        }
        let body = read(response, ANSWER_BYTES_MAX).await.ok();
        Answer::read(status, body.as_deref()).without(key.expose())
    }
}

/// A response with the relevant headers.
struct Exchanged {
    answer: Answer,
    retry_after: Option<u64>,
    told_at: Option<Timestamp>,
}

impl Exchanged {
    /// Classified by what the caller does next.
    fn data(self) -> Result<Value> {
        match self.answer {
            Answer::Data(data) => Ok(data),
            Answer::Status(refusal) => Err(refused(&refusal, self.retry_after)),
            Answer::Odd { .. } | Answer::Unreadable => Err(unreadable()),
        }
    }
}

/// A request with its key, so that the key can be removed from the response.
pub(super) struct Begun {
    pub(super) request: RequestBuilder,
    pub(super) key: Secret,
}

impl Begun {
    pub(super) fn with(self, build: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Self {
        Self {
            request: build(self.request),
            key: self.key,
        }
    }
}

/// The `Date` of a response, RFC 9110 section 6.6.1.
fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let date = headers.get(DATE)?.to_str().ok()?;
    let date = jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(date.trim())
        .ok()?;
    Some(Timestamp(date.as_millisecond()))
}

pub(super) fn unreadable() -> Error {
    unavailable(
        "provider_unreadable",
        "answered with something that cannot be read",
    )
}

fn refused(refusal: &Refusal, retry_after: Option<u64>) -> Error {
    match refusal.status {
        401..=403 => {
            account_refused(refusal.status);
            // A tenant must learn nothing about the account.
            let text = "the service cannot use the model's provider at the moment; its operator has been told";
            Error::unavailable("service_unavailable", text)
        }
        404 => Error::not_found("the provider knows nothing by that name"),
        429 => Error::new(
            Kind::Busy,
            "provider_busy",
            "the provider is overloaded; try again later",
        )
        .retry(retry_after.map_or(Retry::Later, Retry::AfterMs)),
        413 => {
            let text = format!(
                "the model's provider has its own size limit and refused this: {}",
                told(refusal)
            );
            Error::new(Kind::TooLarge, "provider_refused", text)
        }
        400 | 415 | 422 => Error::invalid("provider_refused", told(refusal)),
        status => unavailable("provider_unavailable", &format!("answered {status}")),
    }
}

/// The provider's message for a refusal, or ours if it gave none.
pub(super) fn told(refusal: &Refusal) -> String {
    if refusal.message.is_empty() {
        return format!(
            "the provider refused the request with status {}",
            refusal.status
        );
    }
    refusal.message.clone()
}

fn failed(error: &reqwest::Error) -> Error {
    unavailable("provider_unavailable", &describe(error))
}

/// The retry policy is part of the contract of `submit`, which must send its POST at most once.
/// Verified in the sources of reqwest 0.13.5, hyper-util 0.1.21 and hyper 1.12.0:
/// - by default reqwest repeats a request on HTTP/2's GOAWAY and REFUSED_STREAM. There is no HTTP/2
///   here, and `never` with 0 repeats rules it out anyway (0 also saves the copy of each request
///   that a policy keeps for repeats).
/// - hyper-util's pool (`retry_canceled_requests`, which reqwest leaves on) only resends a request
///   that hyper hands back, and over HTTP/1.1 hyper only hands back what its connection had not yet
///   taken off the queue: no byte of it was written. A request that was taken and then failed comes
///   back as an error without the request.
/// - redirects, which would repeat a POST on 307 and 308, are off; so are proxies, which may repeat
///   what they like.
fn client(roots: Roots) -> Result<Client> {
    let builder = Client::builder()
        .retry(retry::never().max_retries_per_request(0))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .tcp_nodelay(true)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .pool_max_idle_per_host(POOL_IDLE_MAX)
        .user_agent(USER_AGENT);
    roots.trusted_by(builder).build().map_err(|error| {
        let text = "cannot set up the HTTP client; install the system's CA certificates";
        Error::internal("http_client_unavailable", text).source(error)
    })
}

/// Fails, kind `Unavailable` and code `invalid_provider_key`, for a key that cannot be sent in a
/// header.
pub fn check_api_key(api_key: &Secret) -> Result<()> {
    authorization(api_key).map(drop)
}

fn authorization(api_key: &Secret) -> Result<HeaderValue> {
    let bearer = format!("Bearer {}", api_key.expose());
    let mut bearer = HeaderValue::try_from(bearer).map_err(|_| {
        let text =
            "the provider key has characters that are not allowed in a header; check it for a line break";
        Error::unavailable("invalid_provider_key", text)
    })?;
    bearer.set_sensitive(true);
    Ok(bearer)
}
