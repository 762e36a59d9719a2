//! Ports that a function was not given. Its role could not use them either, so a call is a defect and says so.

use std::sync::Arc;

use async_trait::async_trait;
use fluxgate_core::catalogue::Catalogue;
use fluxgate_core::id::{ModelId, TenantId, UpstreamId};
use fluxgate_core::money::MicroUsd;
use fluxgate_core::port::{
    AddressGuard, CallbackSender, FetchFailure, FetchFailureSort, Fetched, LinkTerms, NewObject, ObjectStore, Outgoing,
    OutputFetch, OutputFetcher, Purpose, PutOff, RunList, SendOutcome, Stored, SubmitAnswer, SubmitCall, Upload,
    Upstream,
};
use fluxgate_core::signature::Secret;
use fluxgate_core::task::Output;
use fluxgate_core::tenant::Destination;
use fluxgate_core::time::Timestamp;
use fluxgate_core::upstream::UpstreamRun;
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
    async fn send(&self, _: Outgoing) -> SendOutcome {
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

/// An upstream that can only say with which secret it signs, or not even that.
#[derive(Default)]
pub struct NoUpstream {
    pub(crate) webhook_secret: Option<StoredSecret>,
}

#[async_trait]
impl Upstream for NoUpstream {
    async fn submit(&self, _: SubmitCall<'_>) -> SubmitAnswer {
        SubmitAnswer::Deferred { reason: PutOff::Account, after_ms: None }
    }

    async fn result(&self, _: &UpstreamId) -> Result<Option<UpstreamRun>> {
        Err(absent("upstream"))
    }

    async fn runs_between(&self, _: &ModelId, _: Timestamp, _: Timestamp) -> Result<RunList> {
        Err(absent("upstream"))
    }

    async fn catalogue(&self) -> Result<Arc<Catalogue>> {
        Err(absent("upstream"))
    }

    async fn quote(&self, _: &ModelId, _: &Map<String, Value>) -> Result<MicroUsd> {
        Err(absent("upstream"))
    }

    async fn webhook_secret(&self) -> Result<Secret> {
        self.webhook_secret.as_ref().ok_or_else(|| absent("upstream"))?.get().await
    }

    async fn upload(&self, _: Upload) -> Result<Value> {
        Err(absent("upstream"))
    }

    async fn upload_ticket(&self, _: &Value) -> Result<Value> {
        Err(absent("upstream"))
    }
}
