//! The admin API over a data folder, in this process: the router that a server has, without one.
//! What reads opens the folder to read it, and leaves a server beside it alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, Request};
use fluxgate_core::tenant::Actor;
use fluxgate_edge::ErrorCauses;
use fluxgate_outbound::WaveSpeedClient;
use tokio::sync::OnceCell;
use tower::ServiceExt as _;

use super::answer::Answer;
use crate::folder::{DataFolder, FolderReader, settings_of_commands};
use crate::operating::OperatedFolder;
use crate::server::provider_of;
use crate::settings::Settings;

/// Far more than the admin API answers.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// One data folder. It is opened by the first call.
pub struct FolderAdmin {
    path: PathBuf,
    /// Of calls that ask the provider, or are sent to receivers.
    settings: Option<Settings>,
    /// Whether this process holds the folder, and may change what lies in its buckets.
    is_held: bool,
    reading: OnceCell<Opened>,
    writing: OnceCell<Opened>,
}

struct Opened {
    router: Router,
    /// Why the provider cannot be asked.
    no_provider: Option<String>,
}

impl FolderAdmin {
    /// For calls that have no need of the provider.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            settings: None,
            is_held: false,
            reading: OnceCell::new(),
            writing: OnceCell::new(),
        }
    }

    /// For calls that ask the provider of these settings, or of the server that serves the folder,
    /// and reach what that server reaches.
    pub fn with_settings(path: &Path, settings: Settings) -> Self {
        Self {
            settings: Some(settings_of_commands(path, settings)),
            ..Self::new(path)
        }
    }

    /// For calls that change what lies in buckets. The caller holds the folder.
    pub fn held(path: &Path) -> Self {
        Self {
            is_held: true,
            ..Self::new(path)
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) async fn call(
        &self,
        method: Method,
        target: &str,
        body: Option<String>,
    ) -> Result<Answer> {
        let opened = self.opened(&method).await?;
        let request = Request::builder()
            .method(method)
            .uri(target)
            .header(CONTENT_TYPE, "application/json")
            .extension(Actor::cli())
            .body(body.map_or_else(Body::empty, Body::from))
            .context("the request cannot be made")?;
        let Ok(response) = opened.router.clone().oneshot(request).await;
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, BODY_BYTES_MAX)
            .await
            .context("the answer is too long")?;
        let causes = parts.extensions.get::<ErrorCauses>();
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.to_vec(),
            causes: causes.map(|causes| causes.0.clone()),
            no_provider: opened.no_provider.clone(),
            is_signed: false,
        })
    }

    async fn opened(&self, method: &Method) -> Result<&Opened> {
        let (cell, only_read) = match *method {
            Method::GET => (&self.reading, true),
            _ => (&self.writing, false),
        };
        cell.get_or_try_init(async || self.open(only_read)).await
    }

    fn open(&self, only_read: bool) -> Result<Opened> {
        let folder = match only_read {
            true => FolderReader::open(&self.path)?.operated(),
            false if self.is_held => {
                let folder = DataFolder::open_existing(&self.path)?;
                folder.operated().with_objects()?
            }
            false => DataFolder::open_existing(&self.path)?.operated(),
        };
        let (provider, no_provider) = self.provider(&folder);
        let edge = folder.edge(provider, self.settings.as_ref())?;
        let router = fluxgate_edge::admin_router(edge);
        Ok(Opened {
            router,
            no_provider,
        })
    }

    /// The provider's client, or why there is none.
    fn provider(&self, folder: &OperatedFolder) -> (Option<Arc<WaveSpeedClient>>, Option<String>) {
        let Some(settings) = &self.settings else {
            return (None, None);
        };
        match provider_of(&self.path, &folder.context.bounds, settings) {
            Ok(provider) => (Some(provider), None),
            Err(error) => (None, Some(format!("{error:#}"))),
        }
    }
}
