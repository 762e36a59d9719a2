//! Tasks as tenants see them: in the provider's format, with downloadable URLs as outputs.

use std::sync::Arc;

use super::{Capability, Context};
use crate::base::error::Result;
use crate::base::time::Timestamp;
use crate::domain::provider::Prediction;
use crate::domain::task::{BaseUrl, Output, Produced, State, Task};
use crate::domain::webhook::CapabilityKeys;
use crate::port::{LinkSigner, LinkTerms};

const LINK_STEP_MS: i64 = 3_600_000;

/// How outputs in the tenant's bucket become downloadable URLs.
#[derive(Clone)]
pub enum OutputLinks {
    /// Presigned with the bucket's own keys: for keys that outlive the link.
    Presigned(Arc<dyn LinkSigner>),
    /// Signed by Fluxgate, and redeemed at its own address for a fresh presigned URL: for buckets
    /// accessed through a role, whose presigned URLs expire with its session.
    Relayed(Capability),
}

/// Builds predictions from tasks.
#[derive(Clone)]
pub struct Views {
    context: Context,
    base_url: Arc<BaseUrl>,
    links: OutputLinks,
}

impl Views {
    /// `base_url` is where tenants reach the API.
    pub fn new(context: Context, base_url: BaseUrl, links: OutputLinks) -> Self {
        Self {
            context,
            base_url: Arc::new(base_url),
            links,
        }
    }

    pub(crate) fn base_url(&self) -> &BaseUrl {
        &self.base_url
    }

    /// Deterministic: the same task and `from` give the same view. Its links are valid from `from`.
    pub(crate) async fn view_of(&self, task: &Task, from: Timestamp) -> Result<Prediction> {
        let links = if task.state == State::Completed {
            self.output_links(task, from).await?
        } else {
            Vec::new()
        };
        Ok(Prediction::of(task, links, self.base_url.as_str()))
    }

    /// A download URL for each output, in order, or what the destination wants in its place;
    /// outputs that only the provider has get its own links.
    async fn output_links(&self, task: &Task, from: Timestamp) -> Result<Vec<String>> {
        let mut presigned = match &self.links {
            OutputLinks::Presigned(signer) => {
                let terms = LinkTerms {
                    from: Some(from),
                    ..LinkTerms::get(self.context.bounds.presign_expires_ms)
                };
                let unsigned = task.outputs.iter().filter(|output| output.url.is_none());
                let unsigned: Vec<&Output> = unsigned.collect();
                presigned(&self.context, &**signer, task, &unsigned, terms).await?
            }
            OutputLinks::Relayed(_) => Vec::new(),
        }
        .into_iter();
        let keys = match &self.links {
            OutputLinks::Presigned(_) => None,
            OutputLinks::Relayed(capability) => Some(capability.keys().await),
        };
        let link = |(n, produced)| match (produced, &keys) {
            (Produced::AtProvider(link), _) => Some(link.url.clone()),
            (Produced::Archived(Output { url: Some(url), .. }), _) => Some(url.clone()),
            (Produced::Archived(_), None) => presigned.next(),
            (Produced::Archived(_), Some(keys)) => Some(self.relayed(keys, task, n, from)),
        };
        Ok(task.produced().enumerate().filter_map(link).collect())
    }

    /// The same URL for up to an hour, so that it can be cached.
    fn relayed(&self, keys: &CapabilityKeys, task: &Task, n: usize, from: Timestamp) -> String {
        let expires =
            from.plus_ms(self.context.bounds.presign_expires_ms).0 / LINK_STEP_MS * LINK_STEP_MS;
        let path = keys.output_path(&task.tenant, &task.id, n, Timestamp(expires));
        format!("{}{path}", self.base_url.as_str())
    }
}

/// A presigned URL in the tenant's bucket for each of these outputs.
pub(crate) async fn presigned(
    context: &Context,
    signer: &dyn LinkSigner,
    task: &Task,
    outputs: &[&Output],
    terms: LinkTerms,
) -> Result<Vec<String>> {
    if outputs.is_empty() {
        return Ok(Vec::new());
    }
    let tenant = context.tenants().get_eventual(&task.tenant).await?;
    let mut links = Vec::with_capacity(outputs.len());
    for output in outputs {
        let destination = tenant.destination_of(output);
        let link = signer.presign(&task.tenant, destination, output, terms);
        links.push(link.await?);
    }
    Ok(links)
}
