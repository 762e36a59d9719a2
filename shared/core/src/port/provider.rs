//! The provider's API.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use serde_json::{Map, Value};

use crate::base::error::Result;
use crate::base::id::{ModelId, RunId};
use crate::base::time::Timestamp;
use crate::base::trace_context::TraceContext;
use crate::domain::money::MicroUsd;
use crate::domain::provider::{Catalogue, ProviderRun, QuoteKey};
use crate::domain::task::Failure;

/// One submit.
#[derive(Debug)]
pub struct SubmitCall<'a> {
    pub model: &'a ModelId,
    /// A JSON object.
    pub inputs: &'a str,
    /// Where the provider should report the end of the run.
    pub webhook: Option<&'a str>,
    pub trace: &'a TraceContext,
    pub timeout_ms: u64,
}

/// The outcome of a submit, classified by what to do next.
#[derive(Debug)]
pub enum SubmitAnswer {
    Accepted(ProviderRun),
    /// The provider definitely did not accept it, and never will.
    Refused(Failure),
    /// The provider definitely did not accept it, but may accept a later one.
    Deferred {
        reason: PutOff,
        after_ms: Option<u64>,
    },
    /// The provider may have accepted it.
    Ambiguous {
        reason: String,
    },
}

/// Why a submit must be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutOff {
    /// No connection could be made.
    Unreachable,
    /// Too many requests.
    Busy,
    /// Nothing can be submitted at all: there is a problem with the account, its key or the
    /// connection that the operator has to fix.
    Account,
}

impl PutOff {
    /// The code alone.
    pub fn code(self) -> &'static str {
        let (code, _) = self.text().split_once(':').unwrap_or_default();
        code
    }

    /// A code and a sentence for the tenant. They reveal nothing about the operator's account.
    pub fn text(self) -> &'static str {
        match self {
            Self::Unreachable => "provider_unreachable: the model could not be reached; retrying",
            Self::Busy => "provider_busy: the model is too busy; retrying",
            Self::Account => {
                "service_unavailable: the service cannot submit to the model at the moment; its operator has been notified"
            }
        }
    }
}

/// Which part of the provider's list of runs is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunSpan {
    pub since: Timestamp,
    pub until: Timestamp,
    /// Not what was created later: the [`RunList::read_back_to`] of the part before.
    pub rest: Option<Timestamp>,
}

/// The provider's list of runs in a time interval.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunList {
    pub runs: Vec<Arc<ProviderRun>>,
    /// True if nothing in the interval was left out: the list was read to its end, or past the
    /// interval's start, and every item could be parsed.
    pub whole: bool,
    /// Where the list has more runs than one reading holds: when the oldest of these was created.
    /// The others are a part of their own.
    pub read_back_to: Option<Timestamp>,
    /// When the reading of the list began, by our clock: what was created later may be missing.
    /// `None` if nothing was read.
    pub read_at: Option<Timestamp>,
    /// The provider's clock at that time, if it sent one.
    pub told_at: Option<Timestamp>,
}

/// A file to upload to the provider's media store.
pub struct Upload {
    pub filename: String,
    pub content_type: String,
    /// `None` for one that belongs to no task yet.
    pub trace: Option<TraceContext>,
    pub bytes: BoxStream<'static, std::io::Result<Bytes>>,
}

#[async_trait]
pub trait Provider: Send + Sync {
    /// POSTs once. Never retries by itself.
    async fn submit(&self, call: SubmitCall<'_>) -> SubmitAnswer;

    /// `None` if the provider knows no such run.
    async fn result(&self, id: &RunId, trace: &TraceContext) -> Result<Option<ProviderRun>>;

    /// A model's runs created between two moments of the provider's clock, with their inputs,
    /// newest first. Reads a bounded number of pages; the next call for the same time goes on from
    /// there. Calls close to each other share what is read.
    async fn runs_between(
        &self,
        model: &ModelId,
        span: RunSpan,
        trace: &TraceContext,
    ) -> Result<RunList>;

    /// How far the clock here is ahead of the provider's by its last answers, negative if it is
    /// behind; exact to a few seconds. `None` before the first answer that tells the time.
    fn clock_ahead_ms(&self) -> Option<i64>;

    /// The catalogue, cached for a bounded time; an outdated one if it cannot be refreshed.
    async fn catalogue(&self) -> Result<Arc<Catalogue>>;

    /// When the catalogue in use was read; `None` if none was.
    fn catalogue_read_at(&self) -> Option<Timestamp>;

    /// What the provider charges for a run with these inputs. An answer holds for a bounded time
    /// for all runs with the same key; after that, a provider that cannot be asked is an error of
    /// kind `Unavailable`. A refusal holds for these inputs alone.
    async fn quote(
        &self,
        model: &ModelId,
        inputs: &Map<String, Value>,
        key: QuoteKey,
    ) -> Result<MicroUsd>;

    /// Uploads a file to the provider's media store; the answer's `data` contains `download_url`.
    async fn upload(&self, upload: Upload) -> Result<Value>;

    /// Requests an upload ticket on the tenant's behalf; the answer's `data` says where to PUT the
    /// bytes.
    async fn upload_ticket(&self, request: &Value) -> Result<Value>;
}
