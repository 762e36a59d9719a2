//! Who does something about a tenant's callbacks: the tenant, by the gateway, or the operator, by
//! the admin API. The routes and the answers are the same.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use fluxgate_core::id::TenantId;
use reqwest::Method;
use serde_json::Value;

use super::access::AccessArgs;
use crate::client::{Admin, TenantClient};

#[derive(Args)]
pub(super) struct CallerArgs {
    #[command(flatten)]
    access: AccessArgs,
    /// As the operator, for --tenant: a file with the admin token of the admin API at --url
    #[arg(long, value_name = "FILE", requires = "tenant")]
    admin_token_file: Option<PathBuf>,
    /// As the operator, for --tenant: sign calls of the admin API at --url with AWS credentials
    #[arg(long, requires = "tenant", conflicts_with_all = ["admin_token_file", "data"])]
    sigv4: bool,
}

pub(super) enum Caller {
    Tenant(TenantClient),
    Operator(Box<Admin>, TenantId),
}

impl CallerArgs {
    pub(super) async fn caller(&self) -> Result<Caller> {
        let is_operator = self.admin_token_file.is_some() || self.sigv4;
        let operated = self.access.operated(is_operator);
        let Some((tenant, mut admin)) = operated else {
            return Ok(Caller::Tenant(self.access.client().await?));
        };
        admin.admin_token_file = self.admin_token_file.clone();
        admin.sigv4 = self.sigv4;
        Ok(Caller::Operator(Box::new(admin.admin()?), tenant))
    }
}

impl Caller {
    /// `path` is what follows `/v1`, or `/admin/v1/tenants/{id}`.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value> {
        match self {
            Self::Tenant(client) => client.call(method, &format!("/v1{path}"), body).await,
            Self::Operator(admin, tenant) => {
                let path = format!("/tenants/{tenant}{path}");
                admin.call(method, &path, &[], body).await
            }
        }
    }
}
