//! The provider's API, WaveSpeedAI v3. The operator configures its URL, so it needs no guard; the
//! key never leaves this folder.

mod account;
mod api_key;
mod books;
mod catalogue;
mod clock;
mod envelope;
mod exchange;
mod listing;
mod measured;
mod media;
mod sorting;
mod stall;
mod submit;
mod walk;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use fluxgate_core::id::{ModelId, RunId};
use fluxgate_core::money::MicroUsd;
use fluxgate_core::port::{
    CatalogueStore, Clock as _, Provider, RunList, RunSpan, SubmitAnswer, SubmitCall, SystemClock,
    Upload, WebhookSecrets,
};
use fluxgate_core::provider::lenient::Fields;
use fluxgate_core::provider::{Catalogue, ProviderRun, QuoteKey};
use fluxgate_core::secret::Secret;
use fluxgate_core::time::Timestamp;
use fluxgate_core::trace_context::TraceContext;
use fluxgate_core::{Error, Kind, Result};
use fluxgate_single_flight::{Failed, Fetched, SingleFlight};
use serde_json::{Map, Value, json};
use url::Url;

use crate::roots::Roots;
pub use api_key::ApiKey;
use catalogue::CatalogueSource;
pub use exchange::check_api_key;
use exchange::{Exchange, unreadable};
use listing::RunLists;

/// A rotated secret is known after this long; until then polling brings the ends.
const WEBHOOK_SECRET_TTL_MS: u64 = 300_000;
/// After a failed fetch: callers in a queue must not each wait for their own time-out.
const FAILED_PAUSE_MS: u64 = 1_000;

/// Prices of runs that are remembered.
const QUOTES_MAX: usize = 4_096;

/// The provider's URL and our key.
#[derive(Clone)]
pub struct ProviderSettings {
    /// Without `/api/v3`.
    pub base_url: Url,
    pub api_key: Arc<dyn ApiKey>,
    /// One request other than a submit or an upload.
    pub timeout_ms: u64,
    pub catalogue_ttl_ms: u64,
    pub roots: Roots,
}

/// [`Provider`] over HTTP.
pub struct WaveSpeedClient {
    exchange: Exchange,
    catalogue: SingleFlight<(), Arc<Catalogue>>,
    catalogues: CatalogueSource,
    catalogue_ttl_ms: u64,
    quotes: SingleFlight<QuoteKey, MicroUsd>,
    webhook_secret: SingleFlight<(), Secret>,
    lists: RunLists,
}

impl WaveSpeedClient {
    /// Fails with kind `Internal` without a certificate store.
    pub fn new(settings: ProviderSettings) -> Result<Self> {
        Ok(Self {
            catalogue: SingleFlight::new(1, Arc::new(SystemClock)),
            catalogues: CatalogueSource::new(None, settings.catalogue_ttl_ms),
            catalogue_ttl_ms: settings.catalogue_ttl_ms,
            quotes: SingleFlight::new(QUOTES_MAX, Arc::new(SystemClock)),
            webhook_secret: SingleFlight::new(1, Arc::new(SystemClock)),
            lists: RunLists::default(),
            exchange: Exchange::new(settings)?,
        })
    }

    /// A client that shares the catalogue with the other processes of its installation.
    #[must_use]
    pub fn sharing(self, store: Arc<dyn CatalogueStore>) -> Self {
        Self {
            catalogues: CatalogueSource::new(Some(store), self.catalogue_ttl_ms),
            ..self
        }
    }

    /// A client that writes to the log when the clock here and the provider's begin to differ, and
    /// when they agree again. One of a process is enough.
    #[must_use]
    pub fn watching_the_clock(mut self) -> Self {
        self.exchange.clock.tells = true;
        self
    }

    async fn load_quote(&self, model: &ModelId, inputs: &Map<String, Value>) -> Result<MicroUsd> {
        let question = json!({ "model_id": model, "inputs": inputs });
        let data = self
            .exchange
            .post_named("/api/v3/model/pricing", &question)
            .await?;
        let usd = Fields::of(&data)
            .and_then(|fields| fields.number(&["unit_price"]))
            .ok_or_else(unreadable)?;
        MicroUsd::from_usd(usd).ok_or_else(unreadable)
    }
}

#[async_trait]
impl Provider for WaveSpeedClient {
    async fn submit(&self, call: SubmitCall<'_>) -> SubmitAnswer {
        submit::submit(&self.exchange, call).await
    }

    async fn result(&self, id: &RunId, trace: &TraceContext) -> Result<Option<ProviderRun>> {
        let path = format!("/api/v3/predictions/{id}/result");
        match self.exchange.get_traced(&path, trace).await {
            Ok(data) => ProviderRun::from_json(&data).map(Some),
            Err(error) if error.kind == Kind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn runs_between(
        &self,
        model: &ModelId,
        span: RunSpan,
        trace: &TraceContext,
    ) -> Result<RunList> {
        self.lists
            .runs_between(&self.exchange, model, span, trace)
            .await
    }

    fn clock_ahead_ms(&self) -> Option<i64> {
        self.exchange.clock.ahead_ms()
    }

    async fn catalogue(&self) -> Result<Arc<Catalogue>> {
        let load = self.catalogues.load(&self.exchange);
        self.catalogue.get(&(), load).await
    }

    fn catalogue_read_at(&self) -> Option<Timestamp> {
        self.catalogues.read_at()
    }

    async fn quote(
        &self,
        model: &ModelId,
        inputs: &Map<String, Value>,
        key: QuoteKey,
    ) -> Result<MicroUsd> {
        let mut asked = false;
        let load = async {
            asked = true;
            quoted(self.load_quote(model, inputs).await, self.catalogue_ttl_ms)
        };
        match self.quotes.get(&key, load).await {
            // Of somebody else's inputs, which differ in what the price does not depend on.
            Err(error) if !asked && error.kind != Kind::Unavailable => {
                self.load_quote(model, inputs).await
            }
            answer => answer,
        }
    }

    async fn upload(&self, upload: Upload) -> Result<Value> {
        media::upload(&self.exchange, upload).await
    }

    async fn upload_ticket(&self, request: &Value) -> Result<Value> {
        self.exchange
            .post_named("/api/v3/media/uploads", request)
            .await
    }
}

#[async_trait]
impl WebhookSecrets for WaveSpeedClient {
    async fn webhook_secret(&self) -> Result<Secret> {
        let load = async { cached(self.exchange.webhook_secret().await, WEBHOOK_SECRET_TTL_MS) };
        self.webhook_secret.get(&(), load).await
    }

    async fn leave_out_key(&self, value: &mut Value) -> Result<()> {
        self.exchange.leave_out_key(value).await
    }
}

/// What was read once serves on, outdated rather than missing.
fn cached<V>(loaded: Result<V>, ttl_ms: u64) -> Result<Fetched<V>, Failed> {
    match loaded {
        Ok(value) => Ok(Fetched {
            value,
            fresh_until: SystemClock.now().plus_ms(ttl_ms),
            serves_until: Timestamp(i64::MAX),
        }),
        Err(error) => Err(Failed {
            error,
            temporary: true,
            pause_ms: FAILED_PAUSE_MS,
        }),
    }
}

/// A price serves no longer than it is fresh: what a run costs is not guessed.
fn quoted(loaded: Result<MicroUsd>, ttl_ms: u64) -> Result<Fetched<MicroUsd>, Failed> {
    match loaded {
        Ok(value) => {
            let fresh_until = SystemClock.now().plus_ms(ttl_ms);
            Ok(Fetched {
                value,
                fresh_until,
                serves_until: fresh_until,
            })
        }
        Err(error) => {
            let temporary = error.kind == Kind::Unavailable;
            Err(Failed {
                pause_ms: if temporary { FAILED_PAUSE_MS } else { 0 },
                error,
                temporary,
            })
        }
    }
}

/// Our own account is refused: no tenant can fix that, so the operator is told.
fn account_refused(status: u16) {
    tracing::error!(
        provider.status = status,
        "the provider refuses our account; check the provider key and the account's balance"
    );
}

/// Nothing can be submitted, for a reason that only the operator can fix.
fn way_in_missing(what: &str) {
    tracing::error!(
        error = what,
        "nothing can be submitted to the provider; check the provider key and the provider's URL"
    );
}

/// Our account is good, but not allowed to do this. The operator sees the provider's message, which
/// may contain details of the account.
fn forbidden(what: &str, told: &str) {
    tracing::warn!(
        provider.subject = what,
        provider.message = told,
        "the provider accepts our account but forbids it this model or file; the tenant is told, other tasks go on"
    );
}

fn unavailable(code: &'static str, what: &str) -> Error {
    Error::unavailable(code, format!("the provider {what}"))
}
