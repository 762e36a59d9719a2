//! Signs downloads with SigV4, without any request: a function that only signs need not load the
//! client that reads and writes.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_sdk_s3::config::SharedCredentialsProvider;
use aws_sdk_s3::config::endpoint::{DefaultResolver, Params, ResolveEndpoint as _};
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use fluxgate_core::id::TenantId;
use fluxgate_core::media::disposition;
use fluxgate_core::port::{LinkMethod, LinkSigner, LinkTerms, StoreSecrets};
use fluxgate_core::task::Output;
use fluxgate_core::tenant::Destination;
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::presign::{Validity, unsigned};
use super::roles::RoleCredentials;
use super::session::{Access, Scope};
use super::sites::{Address, AwsAccount, Site, Sites};

/// Keeps a key's `/`; encodes everything else that is not unreserved, as SigV4 requires.
const KEY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// Which S3, and with which keys.
#[derive(Debug, Clone)]
pub struct S3SignerSettings {
    /// The endpoint by which tenants reach it; `None`: AWS's endpoint for the region.
    pub endpoint: Option<String>,
    pub region: String,
    /// Fluxgate's own keys, for destinations without a role.
    pub credentials: SharedCredentialsProvider,
    /// Path-style addressing: `endpoint/bucket/key` instead of `bucket.endpoint/key`.
    pub force_path_style: bool,
}

/// Makes the URLs of [`S3ObjectStore`](crate::S3ObjectStore), identical to those of the SDK.
pub struct S3Signer {
    sites: Sites,
    /// The SDK's rules for AWS's partitions and for turning a bucket's name into a host. Loaded at
    /// the first link.
    endpoints: LazyLock<DefaultResolver>,
}

impl S3Signer {
    /// A destination with a role is refused with code `role_unsupported`, one with a store of its
    /// own with `store_unsupported`.
    pub fn new(settings: S3SignerSettings) -> Self {
        let own = Address {
            endpoint: settings.endpoint,
            region: settings.region,
            path_style: settings.force_path_style,
        };
        Self {
            sites: Sites {
                own,
                credentials: settings.credentials,
                aws: None,
                roles: None,
                secrets: None,
            },
            endpoints: LazyLock::new(DefaultResolver::new),
        }
    }

    /// A signer that assumes tenants' roles.
    #[must_use]
    pub fn with_roles(mut self, roles: Arc<dyn RoleCredentials>) -> Self {
        self.sites.roles = Some(roles);
        self
    }

    /// A signer that also signs for AWS in any region, and for stores that destinations name.
    #[must_use]
    pub fn with_stores(mut self, aws: AwsAccount, secrets: Arc<dyn StoreSecrets>) -> Self {
        self.sites.aws = Some(aws);
        self.sites.secrets = Some(secrets);
        self
    }

    pub(super) async fn site(
        &self,
        tenant: &TenantId,
        destination: &Destination,
        scope: Scope<'_>,
    ) -> Result<Site> {
        self.sites.of(tenant, destination, scope).await
    }

    /// The bucket's owner is not checked: that takes a header, which nobody who follows a link
    /// sends.
    async fn signed(
        &self,
        output: &Output,
        method: LinkMethod,
        validity: Validity,
        site: &Site,
    ) -> Result<String> {
        let key = utf8_percent_encode(&output.key, KEY);
        // As the SDK does: a GET names its operation, because there are several. Whoever stored the
        // object, nothing that a browser would execute may be opened in the bucket's origin.
        let (method, addition) = match (method, disposition(&output.content_type)) {
            (LinkMethod::Get, Some(disposition)) => (
                http::Method::GET,
                format!("?x-id=GetObject&response-content-disposition={disposition}"),
            ),
            (LinkMethod::Get, None) => (http::Method::GET, "?x-id=GetObject".to_owned()),
            (LinkMethod::Head, _) => (http::Method::HEAD, String::new()),
        };
        let url = format!(
            "{}/{key}{addition}",
            self.bucket_url(&output.bucket, &site.address).await?
        );
        let request = http::Request::builder()
            .method(method.clone())
            .uri(&url)
            .body(());
        let mut request = request.map_err(|error| unsigned().source(error))?;
        let body = SignableBody::UnsignedPayload;
        let signable = SignableRequest::new(method.as_str(), url, std::iter::empty(), body);
        let signable = signable.map_err(|error| unsigned().source(error))?;
        let identity = site.credentials().await?.into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&site.address.region)
            .name("s3")
            .time(validity.start)
            .settings(query(validity))
            .build()
            .map_err(|error| unsigned().source(error))?;
        let signed = sign(signable, &params.into()).map_err(|error| unsigned().source(error))?;
        signed.into_parts().0.apply_to_request_http1x(&mut request);
        Ok(request.uri().to_string())
    }

    async fn bucket_url(&self, bucket: &str, at: &Address) -> Result<String> {
        let params = Params::builder()
            .bucket(bucket)
            .region(&at.region)
            .set_endpoint(at.endpoint.clone())
            .force_path_style(at.path_style)
            .build()
            .map_err(|error| unsigned().source(error))?;
        let endpoint = self
            .endpoints
            .resolve_endpoint(&params)
            .await
            .map_err(|error| unsigned().source(error))?;
        // A directory bucket is read with session keys, which only S3 issues.
        if endpoint
            .auth_schemes()
            .iter()
            .any(|scheme| scheme.name() == "sigv4-s3express")
        {
            let text = format!(
                "'{bucket}' is a directory bucket, whose objects cannot be linked; use a general purpose bucket"
            );
            return Err(Error::invalid("presign_unsupported", text));
        }
        Ok(endpoint.url().trim_end_matches('/').to_owned())
    }
}

#[async_trait]
impl LinkSigner for S3Signer {
    /// A URL that reads the output with the given method, for at least as long as requested. A URL
    /// signed in a role expires with the role's keys, whatever was requested: within the hour.
    async fn presign(
        &self,
        tenant: &TenantId,
        destination: &Destination,
        output: &Output,
        link: LinkTerms,
    ) -> Result<String> {
        let key = Some(output.key.as_str());
        let scope = Scope::of(Access::Read, destination, &output.bucket, key);
        let site = self.site(tenant, destination, scope).await?;
        let validity = Validity::of(
            link.expires_ms,
            link.from.map_or_else(SystemTime::now, moment),
            site.caller.expires(),
        )?;
        self.signed(output, link.method, validity, &site).await
    }
}

/// S3 takes the path as it was sent, and a link carries its whole signature in the query.
fn query(validity: Validity) -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(validity.expires);
    settings
}

fn moment(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(at.0.try_into().unwrap_or(0))
}
