//! What a tenant is to be, as arguments and as the body of a request.

use anyhow::Result;
use clap::Args;
use fluxgate_core::tenant::UnarchivedOutputs;
use serde_json::{Value, json};

use super::answer::TenantAnswer;
use super::retention::RetentionArgs;
use super::trust::TrustArgs;
use crate::cli::limits::LimitsArgs;

/// Fields of the admin API that have another name on the command line.
const FLAGS: [(&str, &str); 4] = [
    ("bucket", "--bucket"),
    ("prefix", "--prefix"),
    ("bucket_owner", "--bucket-owner"),
    ("role_arn", "--role-arn"),
];

#[derive(Args)]
#[command(next_help_heading = "What it is to be")]
pub(super) struct Fields {
    #[command(flatten)]
    trust: TrustArgs,
    /// The bucket for its outputs
    #[arg(long)]
    bucket: Option<String>,
    /// Prefix of the keys of its outputs; '' for none
    #[arg(long)]
    prefix: Option<String>,
    /// The AWS account that the bucket must belong to
    #[arg(long, value_name = "ACCOUNT")]
    bucket_owner: Option<String>,
    /// The role to write there with
    #[arg(long, value_name = "ARN")]
    role_arn: Option<String>,
    /// For a finished run whose outputs its own bucket or role refuses for a day: 'charge' it and
    /// return the provider's links, or 'release' the hold and fail the task
    #[arg(long, value_name = "WHAT", value_parser = UnarchivedOutputs::parse)]
    unarchived: Option<UnarchivedOutputs>,
    #[command(flatten)]
    limits: LimitsArgs,
    #[command(flatten)]
    retention: RetentionArgs,
}

impl Fields {
    pub(super) fn flags(&self) -> Vec<(&'static str, &'static str)> {
        [&FLAGS[..], self.trust.flags()].concat()
    }

    /// Parameters of the request.
    pub(super) fn query(&self) -> &'static [(&'static str, &'static str)] {
        self.trust.query()
    }

    /// The fields of a new tenant, without its id; what was not given is not in it.
    pub(super) fn of_new(self) -> Result<Value> {
        let mut body = self.in_common()?;
        let destination = self.destination(json!({}));
        if destination != json!({}) {
            body["destination"] = destination;
        }
        if let Some(limits) = self.limits.of(Default::default()) {
            body["limits"] = json!(limits);
        }
        if let Some(retention) = self.retention.of(Default::default()) {
            body["retention"] = json!(retention);
        }
        Ok(body)
    }

    /// What is to be different from the tenant as it is.
    pub(super) fn change_of(self, now: &TenantAnswer) -> Result<Value> {
        let mut body = self.in_common()?;
        if self.names_destination() {
            body["destination"] = self.destination(now.destination.clone());
        }
        if let Some(limits) = self.limits.of(now.limits) {
            body["limits"] = json!(limits);
        }
        if let Some(retention) = self.retention.of(now.retention) {
            body["retention"] = json!(retention);
        }
        Ok(body)
    }

    fn in_common(&self) -> Result<Value> {
        let mut body = json!({});
        if let Some(trust) = self.trust.body()? {
            body["trust"] = trust;
        }
        if let Some(unarchived) = self.unarchived {
            body["unarchived"] = json!(unarchived);
        }
        Ok(body)
    }

    fn places(&self) -> [(&'static str, &Option<String>); 4] {
        [
            ("bucket", &self.bucket),
            ("prefix", &self.prefix),
            ("bucket_owner", &self.bucket_owner),
            ("role_arn", &self.role_arn),
        ]
    }

    fn names_destination(&self) -> bool {
        self.places().iter().any(|(_, given)| given.is_some())
    }

    fn destination(&self, mut destination: Value) -> Value {
        for (name, given) in self.places() {
            if let Some(given) = given {
                destination[name] = given.as_str().into();
            }
        }
        destination
    }
}
