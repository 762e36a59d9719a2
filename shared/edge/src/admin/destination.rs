//! Where a tenant's outputs go, for the operator.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use fluxgate_core::app::{NewDestination, NewStore, Operator};
use fluxgate_core::id::AccountId;
use fluxgate_core::secret::Secret;
use fluxgate_core::tenant::{Archiving, Checksums, Destination, OutputUrls};
use fluxgate_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::tenants::tenant_id;
use crate::error_reply::Problem;
use crate::path::Path;

/// A bucket in the installation's own store, on AWS (`region`), or in any store that speaks S3
/// (`endpoint`, with its keys).
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DestinationRequest {
    #[schema(pattern = "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    bucket: String,
    #[serde(default)]
    prefix: String,
    /// The AWS account that the bucket must belong to.
    #[schema(pattern = "^[0-9]{12}$")]
    bucket_owner: Option<String>,
    role_arn: Option<String>,
    /// The store's origin, such as `https://s3.example.com`; left out for AWS.
    #[schema(max_length = 256)]
    endpoint: Option<String>,
    /// Needed for AWS in another region than Fluxgate's, and in local mode for AWS at all.
    #[schema(pattern = "^[a-z0-9-]{1,32}$")]
    region: Option<String>,
    /// `endpoint/bucket/key` instead of `bucket.endpoint/key`.
    path_style: Option<bool>,
    #[schema(max_length = 256)]
    access_key_id: Option<String>,
    /// Stored encrypted and never shown. May be left out while endpoint and access key stay as they
    /// are.
    #[schema(value_type = Option<String>, max_length = 256)]
    secret_access_key: Option<Secret>,
    checksums: Option<Checksums>,
    /// `false` for a store that overwrites in spite of `If-None-Match`.
    conditional_put: Option<bool>,
    /// Must contain `{task}` and `{n}`.
    #[schema(max_length = 256)]
    key_template: Option<String>,
    #[schema(pattern = "^[A-Z0-9_]{1,32}$")]
    storage_class: Option<String>,
    #[schema(max_length = 256)]
    kms_key: Option<String>,
    /// What `outputs[]` are.
    #[serde(default)]
    outputs: OutputsRequest,
    /// What a key is appended to; with `"outputs": "cdn"`.
    #[schema(max_length = 512)]
    cdn_url: Option<String>,
    #[serde(default)]
    archive: Archiving,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum OutputsRequest {
    #[default]
    Presigned,
    S3,
    Cdn,
}

impl DestinationRequest {
    pub(super) fn parse(self) -> Result<NewDestination> {
        let outputs = self.outputs()?;
        let store = self.store();
        let owner = self
            .bucket_owner
            .map(|id| AccountId::parse(&id))
            .transpose();
        Ok(NewDestination {
            bucket: self.bucket,
            prefix: self.prefix,
            bucket_owner: owner.map_err(|error| error.field("bucket_owner"))?,
            role_arn: self.role_arn,
            store,
            key_template: self.key_template,
            storage_class: self.storage_class,
            kms_key: self.kms_key,
            outputs,
            archive: self.archive,
        })
    }

    fn outputs(&self) -> Result<OutputUrls> {
        let wrong = |code, text: &str| Err(Error::invalid(code, text.to_owned()).field("cdn_url"));
        match (self.outputs, &self.cdn_url) {
            (OutputsRequest::Presigned, None) => Ok(OutputUrls::Presigned),
            (OutputsRequest::S3, None) => Ok(OutputUrls::S3),
            (OutputsRequest::Cdn, Some(url)) => {
                Ok(OutputUrls::Cdn(url.trim_end_matches('/').to_owned()))
            }
            (OutputsRequest::Cdn, None) => wrong(
                "missing_parameter",
                "'outputs': 'cdn' needs 'cdn_url', such as https://cdn.example.com",
            ),
            (_, Some(_)) => wrong(
                "invalid_parameter",
                "'cdn_url' is only used with 'outputs': 'cdn'",
            ),
        }
    }

    /// A store, if any of its fields is there.
    fn store(&self) -> Option<NewStore> {
        let is_named = self.endpoint.is_some()
            || self.region.is_some()
            || self.path_style.is_some()
            || self.access_key_id.is_some()
            || self.secret_access_key.is_some()
            || self.checksums.is_some()
            || self.conditional_put.is_some();
        let endpoint = self.endpoint.as_ref();
        is_named.then(|| NewStore {
            endpoint: endpoint.map(|endpoint| endpoint.trim_end_matches('/').to_owned()),
            region: self.region.clone(),
            path_style: self.path_style.unwrap_or_default(),
            access_key_id: self.access_key_id.clone(),
            secret_access_key: self.secret_access_key.clone(),
            checksums: self.checksums.unwrap_or_default(),
            conditional_put: self.conditional_put.unwrap_or(true),
        })
    }
}

/// A destination without its secrets.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Destination)]
pub(super) struct DestinationView {
    bucket: String,
    prefix: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket_owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_style: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checksums: Option<Checksums>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conditional_put: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_template: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    storage_class: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_key: Option<String>,
    outputs: OutputsRequest,
    #[serde(skip_serializing_if = "Option::is_none")]
    cdn_url: Option<String>,
    archive: Archiving,
}

impl DestinationView {
    pub(super) fn of(destination: &Destination) -> Self {
        let store = destination.store.as_ref();
        let of_endpoint = store.filter(|store| store.endpoint.is_some());
        let keys = store.and_then(|store| store.keys.as_ref());
        let (outputs, cdn_url) = match &destination.outputs {
            OutputUrls::Presigned => (OutputsRequest::Presigned, None),
            OutputUrls::S3 => (OutputsRequest::S3, None),
            OutputUrls::Cdn(url) => (OutputsRequest::Cdn, Some(url.clone())),
        };
        let template = destination.key_template.as_ref();
        Self {
            bucket: destination.bucket.clone(),
            prefix: destination.prefix.clone(),
            bucket_owner: destination.bucket_owner.clone().map(String::from),
            role_arn: destination.role.as_ref().map(|role| role.arn.clone()),
            endpoint: store.and_then(|store| store.endpoint.clone()),
            region: store.map(|store| store.region.clone()),
            path_style: of_endpoint.map(|store| store.path_style),
            access_key_id: keys.map(|keys| keys.access_key_id.clone()),
            checksums: of_endpoint.map(|store| store.checksums),
            conditional_put: of_endpoint.map(|store| store.conditional_put),
            key_template: template.map(|template| template.as_str().to_owned()),
            storage_class: destination.storage_class.clone(),
            kms_key: destination.kms_key.clone(),
            outputs,
            cdn_url,
            archive: destination.archive,
        }
    }
}

/// Whether outputs can be copied into the tenant's bucket and read there.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ProbeView {
    passed: bool,
    checks: Vec<CheckView>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ProbeCheck)]
struct CheckView {
    name: &'static str,
    passed: bool,
    text: String,
}

/// Check a tenant's destination
///
/// Writes a test object, reads it by a presigned link and deletes it, and says which right is
/// missing; also checks that its role refuses a wrong ExternalId. On AWS, a bucket that is written
/// with the archiver's own role is not tried.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{id}/destination/probe", tag = "tenants", operation_id = "probe_destination",
    params(("id" = String, Path, description = "the tenant's id")),
    responses((status = 200, description = "what was checked", body = ProbeView)),
    security(("admin_token" = [])))]
pub(crate) async fn probe(
    State(operator): State<Arc<Operator>>,
    Path(id): Path<String>,
) -> std::result::Result<Json<ProbeView>, Problem> {
    let checks = operator.probe(&tenant_id(&id)?).await?;
    let passed = checks.iter().all(|check| check.passed);
    let views = checks.into_iter().map(|check| CheckView {
        name: check.name,
        passed: check.passed,
        text: check.text,
    });
    Ok(Json(ProbeView {
        passed,
        checks: views.collect(),
    }))
}
