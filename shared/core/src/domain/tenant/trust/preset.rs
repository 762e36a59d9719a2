//! What the tokens of well-known identity providers look like.
//!
//! A preset fills a trust from the one thing that differs between two customers of the provider.
//! What it leaves open, or fills otherwise than needed, is given beside it.

use super::audience::Audience;
use super::claim_path::ClaimPath;
use super::record::{KeySource, ScopeMapping};
use crate::base::error::{Error, Result};

/// A trust as far as the provider's name gives it away.
#[derive(Debug, Clone)]
pub struct Preset {
    pub name: &'static str,
    pub issuer: String,
    pub keys: KeySource,
    pub audience_claim: ClaimPath,
    /// `None` where the customer must say it: see `audience_hint`.
    pub audience: Option<Audience>,
    pub audience_hint: &'static str,
    pub tenant: ClaimPath,
    /// `None` for the tenant's own id.
    pub tenant_value: Option<String>,
    pub scopes: Option<ScopeMapping>,
}

/// One provider: its name, what follows it, and the rest.
struct Provider {
    name: &'static str,
    /// What the argument is, for an error.
    takes: &'static str,
    issuer: fn(&str) -> Option<String>,
    audience_claim: &'static str,
    audience: fn(&str) -> Option<String>,
    audience_hint: &'static str,
    tenant: &'static str,
    tenant_value: fn(&str) -> Option<String>,
    scopes: Option<&'static str>,
    /// `None` for discovery.
    jwks_path: Option<&'static str>,
}

const OPEN: fn(&str) -> Option<String> = |_| None;
const AS_GIVEN: fn(&str) -> Option<String> = |argument| Some(argument.to_owned());

const PROVIDERS: [Provider; 8] = [
    // docs.aws.amazon.com/cognito/latest/developerguide/
    // amazon-cognito-user-pools-using-the-access-token.html: no `aud`, but `client_id`;
    // `cognito:groups` is a list.
    Provider {
        name: "cognito",
        takes: "the user pool's id, such as cognito:eu-central-1_AbC123dEf",
        issuer: cognito,
        audience_claim: "client_id",
        audience: OPEN,
        audience_hint: "the app client's id",
        tenant: "/cognito:groups",
        tenant_value: OPEN,
        scopes: None,
        jwks_path: None,
    },
    // auth0.com/docs/secure/tokens/access-tokens/validate-access-tokens: the issuer ends in a
    // slash; `org_id` and, with RBAC and "Add Permissions in the Access Token", `permissions`.
    Provider {
        name: "auth0",
        takes: "the domain, such as auth0:acme.eu.auth0.com",
        issuer: |domain| Some(format!("https://{}/", host(domain)?)),
        audience_claim: "aud",
        audience: OPEN,
        audience_hint: "the API's identifier",
        tenant: "/org_id",
        tenant_value: OPEN,
        scopes: Some("/permissions"),
        jwks_path: None,
    },
    // learn.microsoft.com/entra/identity-platform/access-token-claims-reference: v2.0 tokens; `tid`
    // is the directory, `roles` the app roles.
    Provider {
        name: "entra",
        takes: "the directory (tenant) id, such as entra:7f3c1b0e-…",
        issuer: |id| {
            Some(format!(
                "https://login.microsoftonline.com/{}/v2.0",
                plain(id)?
            ))
        },
        audience_claim: "aud",
        audience: OPEN,
        audience_hint: "the API's application (client) id",
        tenant: "/tid",
        tenant_value: AS_GIVEN,
        scopes: Some("/roles"),
        jwks_path: None,
    },
    // clerk.com/docs/guides/sessions/session-tokens (version 2): no `aud`; `azp` is the origin of
    // the page, `o` the active organization.
    Provider {
        name: "clerk",
        takes: "the Frontend API's domain, such as clerk:clerk.acme.example",
        issuer: |domain| Some(format!("https://{}", host(domain)?)),
        audience_claim: "azp",
        audience: OPEN,
        audience_hint: "the origin of your page, such as https://app.acme.example",
        tenant: "/o/id",
        tenant_value: OPEN,
        scopes: None,
        jwks_path: Some("/.well-known/jwks.json"),
    },
    // supabase.com/docs/guides/auth/jwt-fields and …/signing-keys: asymmetric keys only; users
    // cannot write `app_metadata`.
    Provider {
        name: "supabase",
        takes: "the project's reference, such as supabase:abcdefghijklmnop",
        issuer: |project| Some(format!("https://{}.supabase.co/auth/v1", label(project)?)),
        audience_claim: "aud",
        audience: |_| Some("authenticated".to_owned()),
        audience_hint: "",
        tenant: "/app_metadata/tenant_id",
        tenant_value: OPEN,
        scopes: None,
        jwks_path: Some("/.well-known/jwks.json"),
    },
    // firebase.google.com/docs/auth/admin/verify-id-tokens; `firebase.tenant` is Identity
    // Platform's (cloud.google.com/identity-platform/docs).
    Provider {
        name: "firebase",
        takes: "the project's id, such as firebase:acme-pictures",
        issuer: |project| {
            Some(format!(
                "https://securetoken.google.com/{}",
                plain(project)?
            ))
        },
        audience_claim: "aud",
        audience: AS_GIVEN,
        audience_hint: "",
        tenant: "/firebase/tenant",
        tenant_value: OPEN,
        scopes: None,
        jwks_path: None,
    },
    // keycloak.org/docs/latest/server_admin: `aud` is `account` unless mapped, `azp` the client;
    // the scope `organization` adds the list `organization`.
    Provider {
        name: "keycloak",
        takes: "the realm's URL, such as keycloak:https://id.acme.example/realms/acme",
        issuer: keycloak,
        audience_claim: "azp",
        audience: OPEN,
        audience_hint: "the client's id",
        tenant: "/organization",
        tenant_value: OPEN,
        scopes: Some("/realm_access/roles"),
        jwks_path: None,
    },
    // developers.google.com/identity/openid-connect/openid-connect#an-id-tokens-payload: only ID
    // tokens are JWTs; `hd` is the Workspace's domain.
    Provider {
        name: "google",
        takes: "the OAuth client's id, such as google:123-abc.apps.googleusercontent.com",
        issuer: |client| plain(client).map(|_| "https://accounts.google.com".to_owned()),
        audience_claim: "aud",
        audience: AS_GIVEN,
        audience_hint: "",
        tenant: "/hd",
        tenant_value: OPEN,
        scopes: None,
        jwks_path: None,
    },
];

impl Preset {
    /// True for text that begins with a provider's name and a colon.
    pub fn is_named_by(text: &str) -> bool {
        let name = text.split_once(':').map(|(name, _)| name);
        PROVIDERS.iter().any(|provider| Some(provider.name) == name)
    }

    /// The providers' names, for an error.
    pub fn names() -> String {
        PROVIDERS.map(|provider| provider.name).join(", ")
    }

    /// `cognito:…`, `auth0:…` and so on. Kind `Invalid` with code `invalid_trust`.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = |why: String| Error::invalid("invalid_trust", why);
        let (name, argument) = text.split_once(':').unwrap_or((text, ""));
        let named = PROVIDERS.iter().find(|provider| provider.name == name);
        let provider = named.ok_or_else(|| {
            bad(format!(
                "there is no such preset; there are {}",
                Self::names()
            ))
        })?;
        let Provider { name, takes, .. } = provider;
        let issuer = (provider.issuer)(argument)
            .ok_or_else(|| bad(format!("the preset '{name}' needs {takes}")))?;
        let keys = match provider.jwks_path {
            Some(path) => KeySource::JwksUrl(format!("{issuer}{path}")),
            None => KeySource::Oidc,
        };
        let scopes = provider.scopes.map(ClaimPath::parse).transpose()?;
        Ok(Self {
            name,
            keys,
            audience_claim: ClaimPath::named(provider.audience_claim),
            audience: (provider.audience)(argument).map(|value| Audience::one(&value)),
            audience_hint: provider.audience_hint,
            tenant: ClaimPath::parse(provider.tenant)?,
            tenant_value: (provider.tenant_value)(argument),
            scopes: scopes.map(ScopeMapping::by_name),
            issuer,
        })
    }
}

/// A pool's id begins with its region.
fn cognito(pool: &str) -> Option<String> {
    let (region, _) = pool.split_once('_')?;
    let (region, pool) = (label(region)?, plain(pool)?);
    // <https://docs.amazonaws.cn/en_us/aws/latest/userguide/endpoints-arns.html>
    let partition = match region.starts_with("cn-") {
        true => "amazonaws.com.cn",
        false => "amazonaws.com",
    };
    Some(format!("https://cognito-idp.{region}.{partition}/{pool}"))
}

/// A realm may be anywhere, and its path differs between versions.
fn keycloak(url: &str) -> Option<String> {
    let is_realm = url.starts_with("https://") || url.starts_with("http://");
    (is_realm && url.contains("/realms/")).then(|| url.trim_end_matches('/').to_owned())
}

/// What can stand in a path or an id as it is.
fn plain(text: &str) -> Option<&str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (!text.is_empty() && text.chars().all(is_plain)).then_some(text)
}

fn label(text: &str) -> Option<&str> {
    plain(text).filter(|text| !text.contains(['.', '_']))
}

fn host(text: &str) -> Option<&str> {
    plain(text).filter(|text| text.contains('.') && !text.contains('_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preset_names_its_provider_s_issuer() {
        for (preset, issuer) in [
            (
                "cognito:eu-central-1_AbC",
                "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbC",
            ),
            (
                "cognito:cn-north-1_AbC",
                "https://cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_AbC",
            ),
            ("auth0:acme.eu.auth0.com", "https://acme.eu.auth0.com/"),
            (
                "entra:7f3c-1b",
                "https://login.microsoftonline.com/7f3c-1b/v2.0",
            ),
            ("clerk:clerk.acme.example", "https://clerk.acme.example"),
            ("supabase:abc", "https://abc.supabase.co/auth/v1"),
            (
                "firebase:project-1",
                "https://securetoken.google.com/project-1",
            ),
            (
                "keycloak:https://id.example/realms/acme/",
                "https://id.example/realms/acme",
            ),
            (
                "google:1-a.apps.googleusercontent.com",
                "https://accounts.google.com",
            ),
        ] {
            assert!(Preset::is_named_by(preset));
            assert_eq!(Preset::parse(preset).unwrap().issuer, issuer);
        }
    }

    #[test]
    fn what_is_no_preset_says_what_is_needed() {
        let told = |text: &str| {
            let error = Preset::parse(text).unwrap_err();
            assert_eq!(error.code, "invalid_trust");
            error.message
        };

        for incomplete in [
            "cognito:",
            "cognito:pool",
            "auth0:localhost",
            "keycloak:realm",
            "google",
        ] {
            let name = incomplete.split(':').next().unwrap();
            assert!(
                told(incomplete).contains(&format!("'{name}' needs the ")),
                "{incomplete}"
            );
        }
        assert!(
            told("okta:x").contains("cognito, auth0, entra, clerk, supabase, firebase, keycloak")
        );
        assert!(told("auth0:evil.example/x?y").contains("'auth0' needs the domain"));
        assert!(!Preset::is_named_by("https://id.example"));
    }
}
