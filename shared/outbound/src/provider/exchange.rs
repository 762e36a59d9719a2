//! The client for the provider, and all requests that may be repeated: everything except a submit.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fluxgate_core::port::{AccountCheck, Clock as _, SystemClock};
use fluxgate_core::provider::leave_out;
use fluxgate_core::provider::lenient::Fields;
use fluxgate_core::secret::Secret;
use fluxgate_core::time::Timestamp;
use fluxgate_core::trace_context::TraceContext;
use fluxgate_core::{Error, Kind, Reason, Result, Retry};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode};
use reqwest::Body;
use serde_json::Value;
use tracing::Instrument as _;

use super::account;
use super::clock::{ProviderClock, date};
use super::envelope::{Answer, Refusal};
use super::measured::Measured;
use super::wire::{Answered, Wire};
use super::{ApiKey, ProviderSettings, account_refused, forbidden, unavailable};
use crate::failure::describe;
use crate::guard::SendError;
use crate::retry_after::retry_after_ms;
use crate::trace::headers_of;

/// The largest possible response is a run that returns its pictures as base64.
const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;
pub(super) struct Exchange {
    wire: Wire,
    api_key: Arc<dyn ApiKey>,
    timeout: Duration,
    /// As it was read last.
    webhook_secret: Mutex<Option<Secret>>,
    pub(super) clock: ProviderClock,
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
        Ok(Self {
            wire: Wire::new(&base_url, roots)?,
            api_key,
            timeout: Duration::from_millis(timeout_ms),
            webhook_secret: Mutex::default(),
            clock: ProviderClock::default(),
        })
    }

    /// A POST to this path, without body or time-out. Nothing is sent if the key cannot be
    /// obtained.
    pub(super) async fn begin_post(&self, path_and_query: &str) -> Result<Begun> {
        self.begin(Method::POST, path_and_query).await
    }

    async fn begin(&self, method: Method, path_and_query: &str) -> Result<Begun> {
        let key = self.api_key.current().await?;
        let mut request = self.wire.request(method, path_and_query)?;
        request
            .headers_mut()
            .insert(AUTHORIZATION, authorization(&key)?);
        let webhook_secret = self.webhook_secret.lock();
        let webhook_secret = webhook_secret.unwrap_or_else(PoisonError::into_inner);
        Ok(Begun {
            request,
            secrets: [key].into_iter().chain(webhook_secret.clone()).collect(),
            within: None,
        })
    }

    /// Leaves our key out of what the provider sent by itself.
    pub(super) async fn leave_out_key(&self, value: &mut Value) -> Result<()> {
        leave_out(value, &self.api_key.current().await?);
        Ok(())
    }

    /// The webhook secret, which is left out of every other answer from now on.
    pub(super) async fn webhook_secret(&self) -> Result<Secret> {
        let mut begun = self.begin_get("/api/v3/webhook/secret").await?;
        // The other one is what is asked for.
        begun.secrets.truncate(1);
        let data = self.exchanged(begun).await?.data()?;
        let secret = Fields::of(&data).and_then(|fields| fields.text(&["secret"]));
        let secret = secret.map(Secret::new).ok_or_else(unreadable)?;
        let known = self.webhook_secret.lock();
        *known.unwrap_or_else(PoisonError::into_inner) = Some(secret.clone());
        Ok(secret)
    }

    /// A GET of this path.
    pub(super) async fn begin_get(&self, path: &str) -> Result<Begun> {
        Ok(self.begin(Method::GET, path).await?.within(self.timeout))
    }

    /// Sends the request once.
    pub(super) async fn send(&self, begun: Begun) -> std::result::Result<Response, SendError> {
        let measured = Measured::begin(&begun.request);
        let asked_at = SystemClock.now();
        let sent = self.wire.send(begun.request, begun.within);
        let answered = sent.instrument(measured.span.clone()).await;
        measured.ended(answered.as_ref().map(|answered| answered.status));
        if let Ok(answered) = &answered {
            let heard_at = SystemClock.now();
            self.clock.learn(&answered.headers, asked_at, heard_at);
        }
        Ok(Response {
            answered: answered?,
            secrets: begun.secrets,
        })
    }

    /// Returns the response's `data`.
    pub(super) async fn get(&self, path: &str) -> Result<Value> {
        self.exchanged(self.begin_get(path).await?).await?.data()
    }

    /// The same for a task's trace.
    pub(super) async fn get_traced(&self, path: &str, trace: &TraceContext) -> Result<Value> {
        let begun = self.begin_get(path).await?.traced(trace);
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
        let begun = self.begin_json(path, question).await?.traced(trace);
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
        Ok(begun.json(question.to_string()).within(self.timeout))
    }

    async fn exchanged(&self, begun: Begun) -> Result<Exchanged> {
        let response = self.send(begun).await.map_err(|error| failed(&error))?;
        let (retry_after, told_at) = (retry_after_ms(response.headers()), date(response.headers()));
        Ok(Exchanged {
            answer: self.answer(response).await,
            retry_after,
            told_at,
        })
    }

    pub(super) async fn answer(&self, response: Response) -> Answer {
        let Response { answered, secrets } = response;
        let status = answered.status;
        if status == StatusCode::UNAUTHORIZED {
            self.api_key.refused().await;
        }
        let body = answered.read(ANSWER_BYTES_MAX).await;
        Answer::read(status, body.as_deref(), &secrets)
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

/// A request, and the secrets of ours that its response may quote: its key, and the webhook secret.
pub(super) struct Begun {
    request: Request<Body>,
    secrets: Vec<Secret>,
    /// The time for the whole response; without it the caller holds the time.
    within: Option<Duration>,
}

/// A response whose body is not read yet, and the secrets that it may quote.
pub(super) struct Response {
    answered: Answered,
    secrets: Vec<Secret>,
}

impl Begun {
    #[must_use]
    pub(super) fn within(mut self, time: Duration) -> Self {
        self.within = Some(time);
        self
    }

    #[must_use]
    pub(super) fn json(self, text: String) -> Self {
        self.body(
            HeaderValue::from_static("application/json"),
            Body::from(text),
        )
    }

    #[must_use]
    pub(super) fn body(mut self, content_type: HeaderValue, body: Body) -> Self {
        self.request
            .headers_mut()
            .insert(CONTENT_TYPE, content_type);
        *self.request.body_mut() = body;
        self
    }

    /// As part of a task's trace.
    #[must_use]
    pub(super) fn traced(mut self, trace: &TraceContext) -> Self {
        for (name, value) in headers_of(trace) {
            self.request.headers_mut().insert(name, value);
        }
        self
    }
}

impl Response {
    pub(super) fn headers(&self) -> &HeaderMap {
        &self.answered.headers
    }
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
            Error::unavailable("service_unavailable", text).because(Reason::AccountRefused)
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

fn failed(error: &SendError) -> Error {
    unavailable("provider_unavailable", &describe(error))
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
