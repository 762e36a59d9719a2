//! Signs downloads with SigV4 alone, asking nobody: whoever only signs need not load the client
//! that reads and writes.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sdk_s3::config::endpoint::{DefaultResolver, Params, ResolveEndpoint as _};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use fluxgate_core::id::TenantId;
use fluxgate_core::media::disposition;
use fluxgate_core::port::{LinkMethod, LinkSigner, LinkTerms};
use fluxgate_core::task::Output;
use fluxgate_core::tenant::Destination;
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::presign::{Validity, unsigned};
use super::roles::{Caller, RoleCredentials};

/// A key's `/` stay; all else that is not unreserved is encoded, as SigV4 wants it.
const KEY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// Which S3, and as whom.
#[derive(Debug, Clone)]
pub struct S3SignerSettings {
    /// Under which name tenants reach it; `None`: AWS's own of the region.
    pub endpoint: Option<String>,
    pub region: String,
    /// Fluxgate's own, for destinations without a role.
    pub credentials: SharedCredentialsProvider,
    /// `endpoint/bucket/key` in place of `bucket.endpoint/key`.
    pub force_path_style: bool,
}

/// Makes the URLs of [`S3ObjectStore`](crate::S3ObjectStore), which are those that the SDK would
/// make.
pub struct S3Signer {
    settings: S3SignerSettings,
    /// The SDK's own knowledge of AWS's partitions and of what a bucket's name makes of a host.
    /// Read at the first link.
    endpoints: LazyLock<DefaultResolver>,
    roles: Option<Arc<dyn RoleCredentials>>,
}

impl S3Signer {
    /// A destination with a role is refused with code `role_unsupported`.
    pub fn new(settings: S3SignerSettings) -> Self {
        Self {
            settings,
            endpoints: LazyLock::new(DefaultResolver::new),
            roles: None,
        }
    }

    /// One that assumes tenants' roles.
    #[must_use]
    pub fn with_roles(self, roles: Arc<dyn RoleCredentials>) -> Self {
        Self {
            roles: Some(roles),
            ..self
        }
    }

    pub(super) async fn caller(
        &self,
        destination: &Destination,
        tenant: &TenantId,
    ) -> Result<Caller> {
        Caller::of(self.roles.as_deref(), destination, tenant).await
    }

    /// The bucket's owner is not demanded: that is a header, which nobody who follows a link sends.
    async fn signed(
        &self,
        output: &Output,
        method: LinkMethod,
        validity: Validity,
        keys: Credentials,
    ) -> Result<String> {
        let key = utf8_percent_encode(&output.key, KEY);
        // As the SDK has it: a GET names its operation, for which there are several. Whoever stored
        // the object: nothing that a browser would run is opened in the bucket's name.
        let (method, addition) = match (method, disposition(&output.content_type)) {
            (LinkMethod::Get, Some(kept)) => (
                http::Method::GET,
                format!("?x-id=GetObject&response-content-disposition={kept}"),
            ),
            (LinkMethod::Get, None) => (http::Method::GET, "?x-id=GetObject".to_owned()),
            (LinkMethod::Head, _) => (http::Method::HEAD, String::new()),
        };
        let url = format!("{}/{key}{addition}", self.bucket_url(&output.bucket).await?);
        let request = http::Request::builder()
            .method(method.clone())
            .uri(&url)
            .body(());
        let mut request = request.map_err(|error| unsigned().source(error))?;
        let body = SignableBody::UnsignedPayload;
        let signable = SignableRequest::new(method.as_str(), url, std::iter::empty(), body);
        let signable = signable.map_err(|error| unsigned().source(error))?;
        let identity = keys.into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.settings.region)
            .name("s3")
            .time(validity.start)
            .settings(query(validity))
            .build()
            .map_err(|error| unsigned().source(error))?;
        let signed = sign(signable, &params.into()).map_err(|error| unsigned().source(error))?;
        signed.into_parts().0.apply_to_request_http1x(&mut request);
        Ok(request.uri().to_string())
    }

    async fn bucket_url(&self, bucket: &str) -> Result<String> {
        let params = Params::builder()
            .bucket(bucket)
            .region(&self.settings.region)
            .set_endpoint(self.settings.endpoint.clone())
            .force_path_style(self.settings.force_path_style)
            .build()
            .map_err(|error| unsigned().source(error))?;
        let endpoint = self
            .endpoints
            .resolve_endpoint(&params)
            .await
            .map_err(|error| unsigned().source(error))?;
        // A directory bucket is read with the keys of a session, which only S3 hands out.
        if endpoint
            .auth_schemes()
            .iter()
            .any(|scheme| scheme.name() == "sigv4-s3express")
        {
            let text = format!(
                "'{bucket}' is a directory bucket, whose objects have no links; use a general purpose bucket"
            );
            return Err(Error::invalid("presign_unsupported", text));
        }
        Ok(endpoint.url().trim_end_matches('/').to_owned())
    }
}

#[async_trait]
impl LinkSigner for S3Signer {
    /// A URL that reads the output, by the method asked, for at least as long as asked. Signed in a
    /// role it dies with the role's keys, however long it was asked to work: within the hour.
    async fn presign(
        &self,
        tenant: &TenantId,
        destination: &Destination,
        output: &Output,
        link: LinkTerms,
    ) -> Result<String> {
        let caller = self.caller(destination, tenant).await?;
        let validity = Validity::of(
            link.expires_ms,
            link.from.map_or_else(SystemTime::now, moment),
            caller.expires(),
        )?;
        let keys = match caller.keys() {
            Some(keys) => keys.clone(),
            None => self
                .settings
                .credentials
                .provide_credentials()
                .await
                .map_err(|error| unsigned().source(error))?,
        };
        self.signed(output, link.method, validity, keys).await
    }
}

/// S3 takes a path as it is sent, and a link carries all of its signature.
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
