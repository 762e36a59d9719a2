//! Reads outputs back from tenants' buckets, by a signed URL as a tenant would: a function that
//! only signs need not load the client that writes.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::{LinkSigner, LinkTerms, ObjectReader};
use fluxgate_core::task::Output;
use fluxgate_core::tenant::Destination;
use fluxgate_core::{Error, Kind, Result};
use reqwest::{Client, Method, StatusCode, redirect};
use url::Url;

use crate::USER_AGENT;
use crate::body::{Unread, read};
use crate::failure::describe;
use crate::guard::GuardedClient;
use crate::roots::Roots;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// [`ObjectReader`] over HTTP.
pub struct BucketReader {
    signer: Arc<dyn LinkSigner>,
    roots: Roots,
    /// Reads from the stores that destinations name.
    stores: GuardedClient,
    /// Made at the first read: most processes never read an output.
    client: OnceLock<Client>,
}

impl BucketReader {
    /// The signer's addresses are those of the buckets as this process reaches them.
    pub fn new(signer: Arc<dyn LinkSigner>, roots: Roots, stores: GuardedClient) -> Self {
        Self {
            signer,
            roots,
            stores,
            client: OnceLock::new(),
        }
    }

    fn client(&self) -> Result<&Client> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = client(self.roots)?;
        Ok(self.client.get_or_init(|| client))
    }
}

/// Fails with kind `Internal` without a certificate store.
fn client(roots: Roots) -> Result<Client> {
    let builder = Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(USER_AGENT);
    roots.trusted_by(builder).build().map_err(|error| {
        let text = "cannot set up the HTTP client; install the system's CA certificates";
        Error::internal("http_client_unavailable", text).source(error)
    })
}

#[async_trait]
impl ObjectReader for BucketReader {
    async fn read(
        &self,
        tenant: &TenantId,
        destination: &Destination,
        output: &Output,
        timeout_ms: u64,
    ) -> Result<Bytes> {
        let terms = LinkTerms::get(timeout_ms.max(1_000));
        let url = self
            .signer
            .presign(tenant, destination, output, terms)
            .await?;
        let timeout = Duration::from_millis(timeout_ms);
        let response = if destination.names_endpoint() {
            let url = Url::parse(&url).map_err(|error| unreadable(output, &describe(&error)))?;
            let request = self.stores.request_of(tenant, Method::GET, url)?;
            let sent = request.timeout(timeout).send().await;
            sent.map_err(|error| unreadable(output, &describe(&error)))?
        } else {
            let sent = self.client()?.get(url).timeout(timeout).send().await;
            sent.map_err(|error| unreadable(output, &describe(&error)))?
        };
        if response.status() != StatusCode::OK {
            let status = response.status().as_u16();
            return Err(unreadable(output, &format!("answered {status}")));
        }
        let bytes_max = usize::try_from(output.bytes).unwrap_or(usize::MAX);
        match read(response, bytes_max).await {
            Ok(bytes) => Ok(bytes.freeze()),
            Err(Unread::TooLarge) => Err(grown(output)),
            Err(Unread::Broken(error)) => Err(unreadable(output, &describe(&error))),
        }
    }
}

fn unreadable(output: &Output, what: &str) -> Error {
    let text = format!(
        "an output cannot be read: bucket '{}' {what}",
        output.bucket
    );
    Error::unavailable("output_unreadable", text)
}

fn grown(output: &Output) -> Error {
    let text = format!(
        "an output in bucket '{}' has more bytes than were archived",
        output.bucket
    );
    Error::new(Kind::TooLarge, "output_changed", text)
}
