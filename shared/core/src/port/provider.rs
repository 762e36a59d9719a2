//! The provider's API.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use serde_json::{Map, Value};
use url::Url;

use crate::base::error::Result;
use crate::base::id::{ModelId, RunId};
use crate::base::time::Timestamp;
use crate::domain::money::MicroUsd;
use crate::domain::provider::{Catalogue, ProviderRun};
use crate::domain::task::Failure;

/// One submit.
#[derive(Debug)]
pub struct SubmitCall<'a> {
    pub model: &'a ModelId,
    /// One JSON object.
    pub inputs: &'a str,
    /// Where the provider is to tell the end.
    pub webhook: Option<&'a Url>,
    pub timeout_ms: u64,
}

/// What can be said after a submit, sorted by what to do next.
#[derive(Debug)]
pub enum SubmitAnswer {
    Accepted(ProviderRun),
    /// The provider surely did not take it, and never will.
    Refused(Failure),
    /// The provider surely did not take it, and may take the next one.
    Deferred {
        reason: PutOff,
        after_ms: Option<u64>,
    },
    /// It may have.
    Ambiguous {
        reason: String,
    },
}

/// Why a submit is to be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutOff {
    /// No connection could be made.
    Unreachable,
    /// Too many requests.
    Busy,
    /// Nothing can be submitted at all: the account, its key or the way there is at fault, which
    /// the operator has to mend.
    Account,
}

impl PutOff {
    /// A code and a sentence for the tenant. They say nothing of the operator's account.
    pub fn text(self) -> &'static str {
        match self {
            Self::Unreachable => {
                "provider_unreachable: the model could not be reached; it is tried again"
            }
            Self::Busy => "provider_busy: the model has too much to do; it is tried again",
            Self::Account => {
                "service_unavailable: the service cannot submit to the model at the moment; its operator has been told"
            }
        }
    }
}

/// What the provider's list holds of a stretch of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunList {
    pub runs: Vec<ProviderRun>,
    /// Nothing of that time was left out: the list was read to its end, or past its beginning, and
    /// each of its items could be read.
    pub whole: bool,
    /// What time it was for the provider when it answered, if it said so.
    pub told_at: Option<Timestamp>,
}

/// A file on its way to the provider's media store.
pub struct Upload {
    pub filename: String,
    pub content_type: String,
    pub bytes: BoxStream<'static, std::io::Result<Bytes>>,
}

#[async_trait]
pub trait Provider: Send + Sync {
    /// POSTs once. Never tries again by itself.
    async fn submit(&self, call: SubmitCall<'_>) -> SubmitAnswer;

    /// `None` when the provider knows no such run.
    async fn result(&self, id: &RunId) -> Result<Option<ProviderRun>>;

    /// The runs of a model created between two moments, with their inputs, newest first, at most so
    /// many pages.
    async fn runs_between(
        &self,
        model: &ModelId,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<RunList>;

    /// The catalogue, at most a bounded time old; an outdated one rather than none.
    async fn catalogue(&self) -> Result<Arc<Catalogue>>;

    /// What the provider asks for a run with these inputs.
    async fn quote(&self, model: &ModelId, inputs: &Map<String, Value>) -> Result<MicroUsd>;

    /// Puts a file into the provider's media store; the answer's `data` holds `download_url`.
    async fn upload(&self, upload: Upload) -> Result<Value>;

    /// Asks for an upload ticket with the tenant's request; the answer's `data` names where to PUT
    /// the bytes.
    async fn upload_ticket(&self, request: &Value) -> Result<Value>;
}
