//! Why a token is accepted or not, check by check, for the operator. Shows what the trusts compare
//! and nothing else of the token.

use std::collections::BTreeSet;
use std::sync::Arc;

use fluxgate_core::id::TenantId;
use fluxgate_core::tenant::{ClaimPath, Scope, Trust};
use fluxgate_core::{Error, Kind, echo};

use super::authenticator::{Authenticator, check_audience};
use super::refusal::Refusal;
use super::token::Token;
use super::trust_cache::Trusted;

/// Maximum number of values, trusts or tenants that one text names.
const NAMED_MAX: usize = 5;

/// What became of a token.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
#[schema(as = TokenExplanation)]
pub struct Explanation {
    /// Whether a request with the token would be authenticated now.
    pub accepted: bool,
    /// Whom it speaks for, if it is accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub tenant: Option<TenantId>,
    /// What it may be used for, if it is accepted.
    pub scopes: BTreeSet<Scope>,
    pub checks: Vec<TokenCheck>,
}

/// One thing that was compared.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct TokenCheck {
    /// `token`, `issuer`, `tenant`, `key`, `signature`, `audience`, `time`, `scopes` or `verdict`.
    pub name: &'static str,
    pub passed: bool,
    pub text: String,
}

#[derive(Default)]
struct Checks(Vec<TokenCheck>);

impl Authenticator {
    /// With a tenant, only its own trusts are compared. The verdict is that of
    /// [`Self::authenticate`], by the same path, though not by what it remembers.
    ///
    /// The store's own errors; everything about the token is in the answer.
    pub async fn explain(
        &self,
        bearer: &str,
        tenant: Option<&TenantId>,
    ) -> Result<Explanation, Error> {
        let mut checks = Checks::default();
        if let Some(token) = self.read(bearer, &mut checks) {
            match self.own_keys.issuer(&token).await? {
                Some(_) => checks.add("issuer", Ok("it is an API key of this gateway".to_owned())),
                None => self.compare(&token, tenant, &mut checks).await?,
            }
        }
        let verdict = if bearer.len() > self.bounds.token_bytes_max {
            Err(Refusal::TooLong.into())
        } else {
            self.verify(bearer).await
        };
        let principal = match verdict {
            Ok((principal, _)) => Some(principal),
            Err(error) if matches!(error.kind, Kind::Unauthenticated | Kind::Unavailable) => {
                checks.fail_last(error.message.to_string());
                None
            }
            Err(error) => return Err(error),
        };
        let principal = principal.filter(|principal| {
            let is_meant = tenant.is_none_or(|tenant| *tenant == principal.tenant);
            if !is_meant {
                checks.fail_last(format!(
                    "the token speaks for tenant '{}'",
                    principal.tenant
                ));
            }
            is_meant
        });
        let (tenant, scopes) = principal.map(|one| (one.tenant, one.scopes)).unzip();
        Ok(Explanation {
            accepted: tenant.is_some(),
            tenant,
            scopes: scopes.unwrap_or_default(),
            checks: checks.0,
        })
    }

    fn read<'a>(&self, bearer: &'a str, checks: &mut Checks) -> Option<Token<'a>> {
        let read = if bearer.len() > self.bounds.token_bytes_max {
            Err(Refusal::TooLong)
        } else {
            Token::parse(bearer)
        };
        let told = read.as_ref().map(|token| {
            let kid = token.kid.as_deref().map_or("no 'kid'".to_owned(), |kid| {
                format!("the 'kid' {}", quoted(kid))
            });
            format!("a JWT signed with {:?} and {kid}", token.algorithm)
        });
        checks.add("token", told.map_err(|refusal| refusal.text().into_owned()));
        read.ok()
    }

    async fn compare(
        &self,
        token: &Token<'_>,
        tenant: Option<&TenantId>,
        checks: &mut Checks,
    ) -> Result<(), Error> {
        let trusted = self.trusted(token, tenant, checks).await?;
        let trusted = checks.told_tenant(token, &trusted);
        if let Some(trusted) = &trusted {
            match self.keys.find(trusted, token).await {
                Ok(key) => {
                    checks.add("key", Ok("the issuer's key set has the key".to_owned()));
                    let signed = key.verify(token).map(|()| "it is the key's".to_owned());
                    checks.add(
                        "signature",
                        signed.map_err(|refusal| refusal.text().into_owned()),
                    );
                }
                Err(error) => checks.add("key", Err(error.with_causes())),
            }
            checks.add("audience", audience(token, &trusted.trust));
        }
        checks.add("time", self.time(token));
        if let Some(trusted) = &trusted {
            checks.add("scopes", scopes(token, &trusted.trust));
        }
        Ok(())
    }

    /// The trusts that count for the token's issuer.
    async fn trusted(
        &self,
        token: &Token<'_>,
        tenant: Option<&TenantId>,
        checks: &mut Checks,
    ) -> Result<Vec<Arc<Trusted>>, Error> {
        let Some(issuer) = token.claims.issuer() else {
            checks.add(
                "issuer",
                Err("the token has no text in its 'iss'".to_owned()),
            );
            return Ok(Vec::new());
        };
        let is_meant = |id: &TenantId| tenant.is_none_or(|tenant| tenant == id);
        let found: Vec<Arc<Trusted>> = self
            .of_issuer(issuer)
            .await?
            .into_iter()
            .filter(|(id, _)| is_meant(id))
            .map(|(id, trust)| Arc::new(Trusted::new(id, trust)))
            .collect();
        let shown = quoted(issuer);
        let told = match (found.len(), tenant) {
            (0, _) => Err(self.untrusted(issuer, tenant).await?),
            (_, Some(tenant)) => Ok(format!("tenant '{tenant}' trusts {shown}")),
            (1, None) => Ok(format!("tenant '{}' trusts {shown}", found[0].tenant)),
            (trusts, None) => Ok(format!("{trusts} trusts of tenants are in {shown}")),
        };
        checks.add("issuer", told);
        Ok(found)
    }

    async fn of_issuer(&self, issuer: &str) -> Result<Vec<(TenantId, Trust)>, Error> {
        if issuer.len() > Trust::ISSUER_BYTES_MAX {
            return Ok(Vec::new());
        }
        let mut trusts = self.tenants.of_issuer(issuer).await?;
        trusts.retain(|(_, trust)| trust.issuer == issuer);
        Ok(trusts)
    }

    /// Names what the tenant trusts instead, or what differs by a slash alone.
    async fn untrusted(&self, issuer: &str, tenant: Option<&TenantId>) -> Result<String, Error> {
        let shown = quoted(issuer);
        let near = match issuer.strip_suffix('/') {
            Some(bare) => bare.to_owned(),
            None => format!("{issuer}/"),
        };
        if !self.of_issuer(&near).await?.is_empty() {
            let near = quoted(&near);
            return Ok(format!(
                "nobody trusts {shown}; a trust in {near} differs by its slash"
            ));
        }
        let Some(tenant) = tenant else {
            return Ok(format!("no tenant trusts {shown}"));
        };
        let record = self.tenants.tenant(tenant).await?;
        let issuers: Vec<String> = Trust::issuers(&record.trust)
            .into_iter()
            .map(quoted)
            .collect();
        let issuers = issuers.join(", ");
        Ok(format!(
            "tenant '{tenant}' trusts {issuers}, and the token is of {shown}"
        ))
    }

    fn time(&self, token: &Token<'_>) -> Result<String, String> {
        let now = self.clock.now();
        let until = token.claims.check(now, self.bounds.leeway_s);
        let until = until.map(|until| format!("valid until {}", until.rfc3339()));
        until.map_err(|refusal| refusal.text().into_owned())
    }
}

impl Checks {
    fn add(&mut self, name: &'static str, outcome: Result<String, String>) {
        let (passed, text) = match outcome {
            Ok(text) => (true, text),
            Err(text) => (false, text),
        };
        self.0.push(TokenCheck { name, passed, text });
    }

    /// A refusal that no check before it told of.
    fn fail_last(&mut self, text: String) {
        if self.0.iter().all(|check| check.passed) {
            self.add("verdict", Err(text));
        }
    }

    /// The trust to go on with: the one that matches, or the only one that could.
    fn told_tenant(&mut self, token: &Token<'_>, all: &[Arc<Trusted>]) -> Option<Arc<Trusted>> {
        let is_matching =
            |trusted: &&Arc<Trusted>| trusted.trust.check_claim(token.claims.all()).is_ok();
        let matching: Vec<&Arc<Trusted>> = all.iter().filter(is_matching).collect();
        let told = |list: &[&Arc<Trusted>]| {
            let named = list.iter().take(NAMED_MAX).map(|one| claim(token, one));
            named.collect::<Vec<_>>().join("; ")
        };
        match matching.as_slice() {
            [one] => self.add("tenant", Ok(told(&[one]))),
            [] if all.is_empty() => return None,
            [] => self.add("tenant", Err(told(&all.iter().collect::<Vec<_>>()))),
            several => {
                let text = format!("more than one trust matches: {}", told(several));
                self.add("tenant", Err(text));
            }
        }
        let only = matching.first().copied().or(all.first());
        only.filter(|_| matching.len() == 1 || all.len() == 1)
            .cloned()
    }
}

fn claim(token: &Token<'_>, trusted: &Trusted) -> String {
    let tenant = &trusted.tenant;
    match &trusted.trust.claim {
        None => format!("tenant '{tenant}' asks for no claim"),
        Some(claim) => format!(
            "tenant '{tenant}' wants {} at '{}', where the token has {}",
            quoted(&claim.value),
            claim.path.pointer(),
            seen(token, &claim.path)
        ),
    }
}

fn audience(token: &Token<'_>, trust: &Trust) -> Result<String, String> {
    if trust.audience.is_any() {
        return Ok("the trust accepts any".to_owned());
    }
    let path = &trust.audience_claim;
    let wanted: Vec<String> = trust
        .audience
        .values()
        .iter()
        .map(|one| quoted(one))
        .collect();
    let text = format!(
        "the trust wants {} in '{path}', where the token has {}",
        wanted.join(" or "),
        seen(token, path)
    );
    match check_audience(trust, &token.claims) {
        Ok(()) => Ok(text),
        Err(_) => Err(text),
    }
}

fn scopes(token: &Token<'_>, trust: &Trust) -> Result<String, String> {
    let scopes = trust.scopes_of(token.claims.all());
    let granted: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    let why = match &trust.scopes {
        Some(mapping) => {
            let (at, found) = (mapping.claim.pointer(), seen(token, &mapping.claim));
            format!("at '{at}' it has {found}, which allows")
        }
        None => "the trust names no claim for scopes, which allows".to_owned(),
    };
    if granted.is_empty() {
        return Err(format!("{why} nothing"));
    }
    Ok(format!("{why} {}", granted.join(", ")))
}

/// What stands there, shortened.
fn seen(token: &Token<'_>, path: &ClaimPath) -> String {
    let claims = token.claims.all();
    let values = path.values(claims);
    if values.is_empty() {
        return match path.find(claims) {
            None | Some(serde_json::Value::Null) => "nothing".to_owned(),
            Some(serde_json::Value::Array(_)) => "a list without text or whole numbers".to_owned(),
            Some(serde_json::Value::Object(_)) => "an object".to_owned(),
            Some(_) => "neither text nor a whole number nor a list".to_owned(),
        };
    }
    let shown: Vec<String> = values
        .iter()
        .take(NAMED_MAX)
        .map(|one| quoted(one))
        .collect();
    let more = values.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("{}{more}", shown.join(", "))
}

fn quoted(text: &str) -> String {
    format!("'{}'", echo(text))
}
