//! An issuer on loopback whose documents change, which counts what is asked of it, and can be told
//! to hesitate.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Json, Response};
use fluxgate_core::Error;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::KeySetFetcher;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use url::Url;

pub(crate) const JWKS: &str = "/jwks.json";
const CONFIGURATION: &str = "/.well-known/openid-configuration";

pub(crate) struct IssuerServer {
    pub(crate) url: String,
    served: Arc<Served>,
}

struct Served {
    documents: Mutex<HashMap<String, Value>>,
    asked: watch::Sender<Vec<String>>,
    hesitating: watch::Sender<bool>,
}

impl IssuerServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let served = Arc::new(Served {
            documents: Mutex::default(),
            asked: watch::Sender::new(Vec::new()),
            hesitating: watch::Sender::new(false),
        });
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&served));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, served }
    }

    pub(crate) fn jwks_url(&self) -> String {
        format!("{}{JWKS}", self.url)
    }

    pub(crate) fn serve_jwks(&self, set: Value) {
        self.serve(JWKS, set);
    }

    pub(crate) fn serve_configuration(&self, issuer: &str) {
        self.serve(
            CONFIGURATION,
            json!({"issuer": issuer, "jwks_uri": self.jwks_url()}),
        );
    }

    pub(crate) fn serve(&self, path: &str, document: Value) {
        self.served
            .documents
            .lock()
            .unwrap()
            .insert(path.to_owned(), document);
    }

    /// From now on every answer is a 404.
    pub(crate) fn fall_silent(&self) {
        self.served.documents.lock().unwrap().clear();
    }

    pub(crate) fn hesitate(&self, hesitating: bool) {
        self.served.hesitating.send_replace(hesitating);
    }

    pub(crate) fn fetches(&self) -> usize {
        self.served.asked.borrow().len()
    }

    pub(crate) async fn asked_times(&self, times: usize) {
        self.served
            .asked
            .subscribe()
            .wait_for(|asked| asked.len() >= times)
            .await
            .unwrap();
    }
}

async fn answer(State(served): State<Arc<Served>>, uri: Uri) -> Response {
    served
        .asked
        .send_modify(|asked| asked.push(uri.path().to_owned()));
    served
        .hesitating
        .subscribe()
        .wait_for(|hesitating| !hesitating)
        .await
        .unwrap();
    match served.documents.lock().unwrap().get(uri.path()) {
        Some(document) => Json(document.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Without the guard of the product's own: this one may talk to loopback.
pub(crate) struct PlainFetcher(reqwest::Client);

impl PlainFetcher {
    pub(crate) fn new() -> Self {
        Self(reqwest::Client::builder().no_proxy().build().unwrap())
    }
}

#[async_trait]
impl KeySetFetcher for PlainFetcher {
    async fn get_json(&self, _: &TenantId, url: &Url) -> fluxgate_core::Result<Value> {
        let failed = |error: reqwest::Error| Error::unavailable("not_fetched", error.to_string());
        let answer = self
            .0
            .get(url.clone())
            .send()
            .await
            .and_then(reqwest::Response::error_for_status);
        answer.map_err(failed)?.json().await.map_err(failed)
    }
}
