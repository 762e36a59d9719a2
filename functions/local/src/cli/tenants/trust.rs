//! Whose tokens speak for a tenant, as arguments: one issuer, or a file with all of them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use fluxgate_core::json::{self, JsonBounds};
use fluxgate_core::tenant::TrustDraft;
use serde_json::{Value, json};

/// Fields of the admin API that have another name on the command line.
const FLAGS_OF_ONE: [(&str, &str); 6] = [
    ("trust[0].preset", "--issuer"),
    ("trust[0].issuer", "--issuer"),
    ("trust[0].audience", "--audience"),
    ("trust[0].audience_claim", "--audience-claim"),
    ("trust[0].claim", "--tenant-pointer and --tenant-value"),
    ("trust[0].scopes", "--scopes-pointer"),
];
const FLAGS_OF_FILE: [(&str, &str); 1] = [("trust", "--trust")];

#[derive(Args)]
#[command(next_help_heading = "Whose tokens speak for it")]
pub(super) struct TrustArgs {
    /// A JSON file with all the issuers to trust: [{issuer, audience, keys?, claim?, scopes?}], or
    /// [{preset, audience}]
    #[arg(long, value_name = "FILE", conflicts_with = "issuer")]
    trust: Option<PathBuf>,
    /// The only issuer to trust: the 'iss' of its tokens, or a provider: cognito:POOL,
    /// auth0:DOMAIN, entra:DIRECTORY, clerk:DOMAIN, supabase:PROJECT, firebase:PROJECT,
    /// keycloak:REALM_URL, google:CLIENT
    #[arg(long, value_name = "ISSUER")]
    issuer: Option<String>,
    /// The audience of its tokens; may be repeated
    #[arg(long, value_name = "AUDIENCE", requires = "issuer")]
    audience: Vec<String>,
    /// Accept tokens for any audience; only beside a claim that must match
    #[arg(long, requires = "issuer", conflicts_with = "audience")]
    any_audience: bool,
    /// The claim that names the audience, if it is not 'aud'
    #[arg(long, value_name = "CLAIM", requires = "issuer")]
    audience_claim: Option<String>,
    /// Where its keys are, if not found by discovery
    #[arg(long, value_name = "URL", requires = "issuer")]
    jwks_url: Option<String>,
    /// The claim that identifies the tenant: its name, or a JSON Pointer such as /o/id
    #[arg(long, value_name = "POINTER", requires = "issuer")]
    tenant_pointer: Option<String>,
    /// What that claim must say [default: the tenant's name]
    #[arg(long, value_name = "VALUE", requires = "issuer")]
    tenant_value: Option<String>,
    /// The claim that says what a token may be used for, such as /scope or /roles
    #[arg(long, value_name = "POINTER", requires = "issuer")]
    scopes_pointer: Option<String>,
    /// Trust claims that users can edit
    #[arg(long)]
    force: bool,
}

impl TrustArgs {
    /// The list of trusts, if any was given.
    pub(super) fn body(&self) -> Result<Option<Value>> {
        if let Some(path) = &self.trust {
            return read(path).map(Some);
        }
        let Some(issuer) = &self.issuer else {
            return Ok(None);
        };
        let mut trust = json!({ "issuer": issuer });
        if self.any_audience {
            trust["audience"] = Value::Null;
        }
        match self.audience.as_slice() {
            [] => {}
            [one] => trust["audience"] = json!(one),
            several => trust["audience"] = json!(several),
        }
        if let Some(url) = &self.jwks_url {
            trust["keys"] = json!({ "jwks_url": url });
        }
        for (name, given) in [
            ("audience_claim", &self.audience_claim),
            ("tenant_pointer", &self.tenant_pointer),
            ("tenant_value", &self.tenant_value),
            ("scopes_pointer", &self.scopes_pointer),
        ] {
            if let Some(given) = given {
                trust[name] = json!(given);
            }
        }
        Ok(Some(json!([trust])))
    }

    pub(super) fn flags(&self) -> &'static [(&'static str, &'static str)] {
        match self.issuer {
            Some(_) => &FLAGS_OF_ONE,
            None => &FLAGS_OF_FILE,
        }
    }

    pub(super) fn query(&self) -> &'static [(&'static str, &'static str)] {
        if self.force {
            &[("force", "true")]
        } else {
            &[]
        }
    }
}

/// What is wrong with the file is told beside its name; what is wrong with a trust, by the gateway.
fn read(path: &Path) -> Result<Value> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let no_list = || format!("{} is not a JSON list of trusts", path.display());
    let trusts = json::value(text.as_bytes(), JsonBounds::DOCUMENT).with_context(no_list)?;
    json::of::<Vec<TrustDraft>>(trusts.clone()).with_context(no_list)?;
    Ok(trusts)
}
