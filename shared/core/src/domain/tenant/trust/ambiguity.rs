//! Whether one token could mean two tenants.
//!
//! Two trusts that want the same of a token are refused when they are written. Two that ask
//! different claims, or different values of a list, may both fit one token: such a token is refused
//! when it comes.

use std::collections::BTreeSet;

use super::record::Trust;
use crate::base::error::{Error, Kind, Result};
use crate::base::id::TenantId;

impl Trust {
    /// False if every token of the issuer that matches one could match the other. The audience is
    /// not enough: a token may have several.
    pub fn told_apart(&self, other: &Self) -> bool {
        match (&self.claim, &other.claim) {
            (Some(one), Some(other)) => one != other,
            _ => false,
        }
    }

    /// Kind `Conflict` with code `issuer_ambiguous`, naming both tenants, if tokens of the issuer
    /// that match these trusts could also match one of the other tenants that already trust it.
    pub fn check_ambiguity(
        tenant: &TenantId,
        trusts: &[Self],
        issuer: &str,
        trusting: &[(TenantId, Self)],
    ) -> Result<()> {
        let mut own = trusts.iter().filter(|trust| trust.issuer == issuer);
        let found = own.find_map(|trust| {
            let mut others = trusting.iter().filter(|(id, _)| id != tenant);
            let other = others.find(|(_, other)| !trust.told_apart(other));
            other.map(|other| (trust, other))
        });
        let Some((trust, (id, other))) = found else {
            return Ok(());
        };
        let which = match trust
            .claim
            .as_ref()
            .filter(|claim| Some(*claim) == other.claim.as_ref())
        {
            Some(claim) => format!(" with '{}' at '{}'", claim.value, claim.path.pointer()),
            None => String::new(),
        };
        let text = format!(
            "tokens of issuer '{issuer}'{which} could mean tenant '{tenant}' as well as tenant '{id}'; give both tenants a claim with different values"
        );
        Err(Error::new(Kind::Conflict, "issuer_ambiguous", text).field("trust"))
    }

    /// The distinct issuers of these trusts.
    pub fn issuers(trusts: &[Self]) -> BTreeSet<&str> {
        trusts.iter().map(|trust| trust.issuer.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tenant::{Audience, ClaimPath, KeySource};

    fn trust() -> Trust {
        Trust::new("https://issuer.example", "fluxgate", KeySource::Oidc)
    }

    #[test]
    fn trusts_of_one_issuer_are_told_apart_by_a_claim_of_their_own() {
        let of = |value: &str| trust().for_claim("org", value);
        let elsewhere = Trust {
            audience: Audience::one("another"),
            ..trust()
        };

        assert!(of("a").told_apart(&of("b")));
        assert!(of("a").told_apart(&trust().for_claim("team", "a")));
        assert!(!of("a").told_apart(&of("a")));
        assert!(!trust().told_apart(&of("a")));
        assert!(!trust().told_apart(&trust()));
        assert!(!trust().told_apart(&elsewhere));
    }

    #[test]
    fn the_same_claim_written_as_a_name_and_as_a_pointer_names_both_tenants() {
        let [acme, bolt] = ["acme", "bolt"].map(|id| TenantId::parse(id).unwrap());
        let mut other = trust().for_claim("org", "a");
        if let Some(claim) = &mut other.claim {
            claim.path = ClaimPath::parse("/org").unwrap();
        }
        let own = [trust().for_claim("org", "a")];

        let error = Trust::check_ambiguity(&acme, &own, &own[0].issuer, &[(bolt, other)]);

        let error = error.unwrap_err();
        assert_eq!(error.code, "issuer_ambiguous");
        for told in ["'acme'", "'bolt'", "'a' at '/org'"] {
            assert!(error.message.contains(told), "{}", error.message);
        }
    }
}
