//! The catalogue as the bytes of an answer: made once for all tenants with the same prices, and
//! shared by all answers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::body::Bytes;
use axum::http::HeaderValue;
use fluxgate_core::app::TenantModels;
use fluxgate_core::digest::sha256;
use fluxgate_core::{Error, Result};

use crate::coding::Coding;

/// The lists in memory, uncompressed: a dozen price books over the provider's whole catalogue.
const LISTS_BYTES_MAX: usize = 48 * 1024 * 1024;
/// A shorter list is not worth compressing.
const CODED_BYTES_MIN: usize = 1_024;

/// One list.
pub(super) struct List {
    models: TenantModels,
    pub(super) etag: HeaderValue,
    plain: Bytes,
    gzip: OnceLock<Bytes>,
    brotli: OnceLock<Bytes>,
}

/// The lists that were asked for last.
#[derive(Clone, Default)]
pub(super) struct ModelsCache(Arc<Lists>);

#[derive(Default)]
struct Lists {
    /// The one asked for last is first.
    recent: Mutex<VecDeque<Arc<List>>>,
    /// One is made at a time, so that nobody makes what another is making.
    making: tokio::sync::Mutex<()>,
}

impl ModelsCache {
    pub(super) async fn list(&self, models: TenantModels) -> Result<Arc<List>> {
        if let Some(list) = self.recent(&models) {
            return Ok(list);
        }
        let _making = self.0.making.lock().await;
        if let Some(list) = self.recent(&models) {
            return Ok(list);
        }
        let list = beside(move || List::of(models)).await??;
        self.keep(list.clone());
        Ok(list)
    }

    /// The list in this coding, or as it is if it is short.
    pub(super) async fn coded(&self, list: &Arc<List>, coding: Coding) -> Result<(Coding, Bytes)> {
        let coded = match coding {
            Coding::Gzip => &list.gzip,
            Coding::Brotli => &list.brotli,
            Coding::Plain => return Ok((Coding::Plain, list.plain.clone())),
        };
        if list.plain.len() < CODED_BYTES_MIN {
            return Ok((Coding::Plain, list.plain.clone()));
        }
        if let Some(bytes) = coded.get() {
            return Ok((coding, bytes.clone()));
        }
        let _making = self.0.making.lock().await;
        if let Some(bytes) = coded.get() {
            return Ok((coding, bytes.clone()));
        }
        let plain = list.plain.clone();
        let bytes = beside(move || coding.encode(&plain)).await??;
        Ok((coding, coded.get_or_init(|| bytes).clone()))
    }

    fn recent(&self, models: &TenantModels) -> Option<Arc<List>> {
        let mut recent = self.0.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let at = recent.iter().position(|list| list.models == *models)?;
        let list = recent.remove(at)?;
        recent.push_front(list.clone());
        Some(list)
    }

    /// Forgets the lists of earlier catalogues, and those that were not asked for longest.
    fn keep(&self, list: Arc<List>) {
        let mut recent = self.0.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|other| other.models.is_of_same_catalogue(&list.models));
        recent.push_front(list);
        let mut bytes = 0;
        recent.retain(|list| {
            bytes += list.plain.len();
            bytes <= LISTS_BYTES_MAX
        });
    }
}

impl List {
    fn of(models: TenantModels) -> Result<Arc<Self>> {
        let mut json = br#"{"code":200,"message":"success","data":["#.to_vec();
        for (n, entry) in models.entries().enumerate() {
            if n > 0 {
                json.push(b',');
            }
            serde_json::to_writer(&mut json, &entry).map_err(failed)?;
        }
        json.extend_from_slice(b"]}");
        json.shrink_to_fit();
        Ok(Arc::new(Self {
            etag: etag(&json)?,
            plain: json.into(),
            models,
            gzip: OnceLock::new(),
            brotli: OnceLock::new(),
        }))
    }
}

/// Weak, because one list has several codings.
fn etag(json: &[u8]) -> Result<HeaderValue> {
    let digest = sha256(json);
    let half = hex::encode(&digest[..16]);
    HeaderValue::try_from(format!("W/\"{half}\"")).map_err(failed)
}

/// Megabytes are not written and compressed between two requests of others.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(failed)
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::internal("models", "the list of models could not be written").source(error)
}
