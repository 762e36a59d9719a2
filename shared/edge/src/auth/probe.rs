//! Looks now at the key sets of a tenant's trusts, for the operator.

use fluxgate_core::counted;
use fluxgate_core::id::TenantId;
use fluxgate_core::tenant::Trust;

use super::authenticator::Authenticator;
use super::discovery::key_set;
use super::key::Key;
use super::key_set::{Dropped, KeySet};
use super::trust_cache::Trusted;

/// What became of asking one issuer for its keys.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct TrustProbe {
    pub issuer: String,
    /// True if there are keys, and none that ought to be of use is not.
    pub passed: bool,
    pub text: String,
    pub keys: Vec<UsableKey>,
    pub dropped: Vec<DroppedKey>,
}

#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct UsableKey {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// What it verifies: one if the key names its `alg`, else all of its kind.
    pub algorithms: Vec<String>,
}

/// A key that verifies nothing.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct DroppedKey {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    pub why: String,
}

impl Authenticator {
    /// Past the cache.
    pub async fn probe(&self, tenant: &TenantId, trusts: Vec<Trust>) -> Vec<TrustProbe> {
        let mut probes = Vec::new();
        for trust in trusts {
            let trusted = Trusted::new(tenant.clone(), trust);
            let keys_max = self.bounds.key_set_keys_max;
            let found = key_set(&self.tenants, &trusted, keys_max).await;
            let issuer = trusted.trust.issuer;
            probes.push(match found {
                Ok(set) => of_set(issuer, &set),
                Err(error) => TrustProbe {
                    issuer,
                    passed: false,
                    text: error.with_causes(),
                    keys: Vec::new(),
                    dropped: Vec::new(),
                },
            });
        }
        probes
    }
}

fn of_set(issuer: String, set: &KeySet) -> TrustProbe {
    let complaint = set.complaint();
    let text = match (&complaint, set.keys.len()) {
        (_, 0) => "the key set has no usable key: no token of the issuer is accepted".to_owned(),
        (Some(complaint), _) => complaint.clone(),
        (None, keys) => format!("{} for verifying tokens", counted(keys, "key")),
    };
    TrustProbe {
        issuer,
        passed: complaint.is_none() && !set.keys.is_empty(),
        text,
        keys: set.keys.iter().map(|key| usable(key)).collect(),
        dropped: set.dropped.iter().map(dropped).collect(),
    }
}

fn usable(key: &Key) -> UsableKey {
    let named = key
        .algorithms
        .iter()
        .map(|algorithm| format!("{algorithm:?}"));
    UsableKey {
        kid: key.kid.clone(),
        algorithms: named.collect(),
    }
}

fn dropped(key: &Dropped) -> DroppedKey {
    DroppedKey {
        kid: key.kid.clone(),
        why: key.why.text().to_owned(),
    }
}
