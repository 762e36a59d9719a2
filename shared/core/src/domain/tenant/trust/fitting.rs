//! The trusts of one issuer by what they ask of a token: what a token fits is found without looking
//! at the others.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value};

use super::claim_path::ClaimPath;
use super::record::Trust;
use crate::base::id::TenantId;

/// What is found for a token's claims.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FittingTrusts {
    /// The trusts whose claim the token has, and those that ask for none.
    pub fitting: Vec<(TenantId, Trust)>,
    /// Where the trusts of the issuer look, those that do not fit included.
    pub asked: BTreeSet<ClaimPath>,
}

impl FittingTrusts {
    /// Nobody trusts the issuer.
    pub fn is_unknown(&self) -> bool {
        self.fitting.is_empty() && self.asked.is_empty()
    }
}

/// Every trust of an issuer.
#[derive(Debug, Default)]
pub struct TrustIndex {
    unclaimed: Vec<(TenantId, Trust)>,
    claimed: BTreeMap<ClaimPath, HashMap<String, Vec<(TenantId, Trust)>>>,
}

impl TrustIndex {
    pub fn new(trusts: impl IntoIterator<Item = (TenantId, Trust)>) -> Self {
        let mut index = Self::default();
        for (tenant, trust) in trusts {
            let alike = match &trust.claim {
                None => &mut index.unclaimed,
                Some(claim) => index
                    .claimed
                    .entry(claim.path.clone())
                    .or_default()
                    .entry(claim.value.clone())
                    .or_default(),
            };
            alike.push((tenant, trust));
        }
        index
    }

    pub fn fitting(&self, claims: &Map<String, Value>) -> FittingTrusts {
        let claimed = self.claimed.iter().flat_map(|(path, by_value)| {
            let values: BTreeSet<String> = path.values(claims).into_iter().collect();
            values
                .into_iter()
                .filter_map(|value| by_value.get(&value))
                .flatten()
        });
        FittingTrusts {
            fitting: self.unclaimed.iter().chain(claimed).cloned().collect(),
            asked: self.claimed.keys().cloned().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::tenant::KeySource;

    #[test]
    fn a_token_fits_the_trusts_that_check_its_claims_and_no_others() {
        let trust = || Trust::new("https://issuer.example", "fluxgate", KeySource::Oidc);
        let mut nested = trust().for_claim("x", "7");
        if let Some(claim) = &mut nested.claim {
            claim.path = ClaimPath::parse("/o/id").unwrap();
        }
        let all: Vec<(TenantId, Trust)> = [
            trust(),
            trust().for_claim("org", "a"),
            trust().for_claim("org", "b"),
            trust().for_claim("team", "a"),
            nested,
        ]
        .into_iter()
        .zip(["any", "a", "b", "team", "nested"])
        .map(|(trust, id)| (TenantId::parse(id).unwrap(), trust))
        .collect();
        let index = TrustIndex::new(all.clone());

        for claims in [
            json!({}),
            json!({"org": "a"}),
            json!({"org": ["b", "a", "a"], "team": "b"}),
            json!({"team": "a", "o": {"id": 7}}),
            json!({"org": {"a": 1}, "o": {"id": [8, "7"]}}),
        ] {
            let claims = claims.as_object().unwrap();
            let mut fitting = index.fitting(claims).fitting;
            fitting.sort_by(|a, b| a.0.cmp(&b.0));
            let mut checked = all.clone();
            checked.retain(|(_, trust)| trust.check_claim(claims).is_ok());
            checked.sort_by(|a, b| a.0.cmp(&b.0));
            assert_eq!(fitting, checked, "{claims:?}");
        }
        assert_eq!(index.fitting(&Map::new()).asked.len(), 3);
        assert!(TrustIndex::new([]).fitting(&Map::new()).is_unknown());
    }
}
