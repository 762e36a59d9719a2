//! Signs calls of an admin API that IAM protects, with the credentials that AWS's own tools would
//! use in this shell.

use std::time::SystemTime;

use anyhow::{Context as _, Result};
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use tokio::sync::OnceCell;
use url::{Host, Url};

use crate::client::trouble::NoCredentials;

/// What a function URL is signed for.
const SERVICE: &str = "lambda";
/// <https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html>
const FUNCTION_URLS: &str = ".on.aws";

/// Looked for at the first call: the chain may ask the machine's own metadata service.
#[derive(Default)]
pub(super) struct Signing {
    config: OnceCell<SdkConfig>,
}

/// True for the URL that Lambda gives a function.
pub fn is_function_url(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| region_of(&url).is_some())
}

/// `<id>.lambda-url.<region>.on.aws`
fn region_of(url: &Url) -> Option<String> {
    let Host::Domain(domain) = url.host()? else {
        return None;
    };
    let labels = domain.strip_suffix(FUNCTION_URLS)?;
    let mut labels = labels.split('.').skip(1);
    let is_function = labels.next() == Some("lambda-url");
    labels.next().filter(|_| is_function).map(str::to_owned)
}

impl Signing {
    /// The headers that sign the request, besides its content type.
    pub(super) async fn headers(
        &self,
        method: &Method,
        url: &str,
        body: Option<&str>,
    ) -> Result<Vec<(&'static str, String)>> {
        let config = self.config().await;
        let provider = config.credentials_provider();
        let provider = provider.ok_or_else(|| NoCredentials("none are configured".to_owned()))?;
        let credentials = provider.provide_credentials().await;
        let credentials = credentials.map_err(|error| NoCredentials(causes(&error)))?;
        let named = region_of(&Url::parse(url)?);
        let region = named.or_else(|| Some(config.region()?.to_string()));
        let region =
            region.ok_or_else(|| NoCredentials("no region is set: set AWS_REGION".to_owned()))?;
        let identity = credentials.into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&region)
            .name(SERVICE)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?;
        let json = body.map(|_| (CONTENT_TYPE.as_str(), "application/json"));
        let body = SignableBody::Bytes(body.unwrap_or_default().as_bytes());
        let request = SignableRequest::new(method.as_str(), url, json.into_iter(), body)?;
        let signed = sign(request, &params.into()).context("the call cannot be signed")?;
        let (headers, _) = signed.into_parts().0.into_parts();
        let headers = headers
            .into_iter()
            .map(|header| (header.name(), header.value().to_owned()));
        Ok(headers.collect())
    }

    async fn config(&self) -> &SdkConfig {
        let load = || aws_config::defaults(BehaviorVersion::latest()).load();
        self.config.get_or_init(load).await
    }
}

fn causes(error: &dyn std::error::Error) -> String {
    let errors = std::iter::successors(Some(error), |error| error.source());
    errors
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_of_a_function_is_in_its_url() {
        let region = |url: &str| region_of(&Url::parse(url).unwrap());

        assert_eq!(
            region("https://abc.lambda-url.eu-central-1.on.aws/").as_deref(),
            Some("eu-central-1")
        );
        assert_eq!(region("https://abc.cloudfront.eu-central-1.on.aws/"), None);
        assert_eq!(region("https://gateway.example/"), None);
        assert_eq!(region("http://127.0.0.1:8080/"), None);
    }
}
