//! Ports that a function was not given. Its role could not use them either, so a call is a defect and says so.

use std::sync::Arc;

use async_trait::async_trait;
use fluxgate_core::id::{ModelId, RunId, TenantId};
use fluxgate_core::money::MicroUsd;
use fluxgate_core::port::{
    AddressGuard, CallbackRequest, CallbackSender, FetchFailure, FetchFailureSort, Fetched, LinkTerms, NewObject,
    ObjectStore, OutputFetch, OutputFetcher, Provider, Purpose, PutOff, RunList, SendOutcome, Stored, SubmitAnswer,
    SubmitCall, Upload,
};
use fluxgate_core::provider::{Catalogue, ProviderRun};
use fluxgate_core::secret::Secret;
use fluxgate_core::task::Output;
use fluxgate_core::tenant::Destination;
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result};
use fluxgate_edge::auth::KeySetFetcher;
use serde_json::{Map, Value};
use url::Url;

use crate::wiring::StoredSecret;

/// Stands for any port.
pub struct Absent;

fn absent(port: &str) -> Error {
    Error::internal("port_absent", format!("this function has no {port}"))
}

#[async_trait]
impl ObjectStore for Absent {
    async fn put_new(&self, _: &TenantId, _: &Destination, _: NewObject) -> Result<Stored> {
        Err(absent("buckets"))
    }

    async fn presign(&self, _: &TenantId, _: &Destination, _: &Output, _: LinkTerms) -> Result<String> {
        Err(absent("buckets"))
    }
}

#[async_trait]
impl OutputFetcher for Absent {
    async fn fetch(&self, _: OutputFetch<'_>) -> Result<Fetched, FetchFailure> {
        Err(FetchFailure::new(FetchFailureSort::Local, absent("way to fetch outputs")))
    }
}

#[async_trait]
impl CallbackSender for Absent {
    async fn send(&self, _: CallbackRequest) -> SendOutcome {
        SendOutcome::Failed { reason: absent("way to send callbacks").message }
    }
}

#[async_trait]
impl AddressGuard for Absent {
    fn admit(&self, _: Purpose, _: &Url) -> Result<()> {
        Err(absent("guard"))
    }

    async fn check(&self, _: &TenantId, _: Purpose, _: &Url) -> Result<()> {
        Err(absent("guard"))
    }
}

#[async_trait]
impl KeySetFetcher for Absent {
    async fn get_json(&self, _: &TenantId, _: &Url) -> Result<Value> {
        Err(absent("way to fetch key sets"))
    }
}

/// A provider that can only say with which secret it signs, or not even that.
#[derive(Default)]
pub struct NoProvider {
    pub(crate) webhook_secret: Option<StoredSecret>,
}

#[async_trait]
impl Provider for NoProvider {
    async fn submit(&self, _: SubmitCall<'_>) -> SubmitAnswer {
        SubmitAnswer::Deferred { reason: PutOff::Account, after_ms: None }
    }

    async fn result(&self, _: &RunId) -> Result<Option<ProviderRun>> {
        Err(absent("provider"))
    }

    async fn runs_between(&self, _: &ModelId, _: Timestamp, _: Timestamp) -> Result<RunList> {
        Err(absent("provider"))
    }

    async fn catalogue(&self) -> Result<Arc<Catalogue>> {
        Err(absent("provider"))
    }

    async fn quote(&self, _: &ModelId, _: &Map<String, Value>) -> Result<MicroUsd> {
        Err(absent("provider"))
    }

    async fn webhook_secret(&self) -> Result<Secret> {
        self.webhook_secret.as_ref().ok_or_else(|| absent("provider"))?.get().await
    }

    async fn upload(&self, _: Upload) -> Result<Value> {
        Err(absent("provider"))
    }

    async fn upload_ticket(&self, _: &Value) -> Result<Value> {
        Err(absent("provider"))
    }
}
