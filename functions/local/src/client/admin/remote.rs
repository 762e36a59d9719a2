//! The admin API of an installation elsewhere, by HTTP.

use std::time::Duration;

use anyhow::{Context as _, Result};
use fluxgate_core::secret::Secret;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;

use super::answer::Answer;
use super::signing::Signing;
use crate::client::answer;
use crate::client::trouble::unanswered;

/// As long as the function behind the admin API may take on AWS.
const CALL_TIMEOUT: Duration = Duration::from_secs(300);

/// Calls one installation as its operator.
pub struct RemoteAdmin {
    http: reqwest::Client,
    base_url: String,
    by: Proof,
}

/// What shows that the operator is calling.
enum Proof {
    Token(Secret),
    Signature(Box<Signing>),
}

impl RemoteAdmin {
    /// An admin API that asks for the admin token.
    pub fn with_token(base_url: &str, token: Secret) -> Result<Self> {
        Self::new(base_url, Proof::Token(token))
    }

    /// An admin API on AWS, which asks for a signature.
    pub fn signing(base_url: &str) -> Result<Self> {
        Self::new(base_url, Proof::Signature(Box::default()))
    }

    fn new(base_url: &str, by: Proof) -> Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(CALL_TIMEOUT)
            .no_proxy()
            .build()
            .context("cannot build the HTTP client")?;
        Ok(Self {
            http,
            base_url: without_api(base_url),
            by,
        })
    }

    pub(super) fn base_url(&self) -> &str {
        &self.base_url
    }

    pub(super) async fn call(
        &self,
        method: Method,
        target: &str,
        body: Option<String>,
    ) -> Result<Answer> {
        let url = format!("{}{target}", self.base_url);
        let mut request = self.http.request(method.clone(), &url);
        match &self.by {
            Proof::Token(token) => request = request.bearer_auth(token.expose()),
            Proof::Signature(signing) => {
                for (name, value) in signing.headers(&method, &url, body.as_deref()).await? {
                    request = request.header(name, value);
                }
            }
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let response = request
            .send()
            .await
            .map_err(|error| unanswered(&self.base_url, &error))?;
        Ok(Answer {
            status: response.status(),
            headers: response.headers().clone(),
            body: answer::body(&self.base_url, response).await?,
            causes: None,
            no_provider: None,
            is_signed: matches!(self.by, Proof::Signature(_)),
        })
    }
}

/// Also accepts the URL of the API itself, and the slash that function URLs end in.
fn without_api(base_url: &str) -> String {
    let base_url = base_url.trim_end_matches('/');
    base_url
        .strip_suffix("/admin/v1")
        .unwrap_or(base_url)
        .to_owned()
}
