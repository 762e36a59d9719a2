//! An operator as it calls the admin API, by plain HTTP; and issuers whose tokens tenants trust.

use fluxgate_core::id::TenantId;
use fluxgate_core::port::SystemEntropy;
use fluxgate_core::port::{Clock as _, Ids as _, SystemClock};
use fluxgate_core::tenant::ClaimMatch;
use fluxgate_edge::auth::{LocalIssuer, TokenClaims};
use reqwest::Method;
use serde_json::{Value, json};

use crate::TestTenant;
use crate::tenant::Answer;

pub struct TestOperator {
    base_url: String,
    token: String,
    http: reqwest::Client,
}

impl TestOperator {
    pub fn new(base_url: &str, token: &str) -> Self {
        Self {
            base_url: base_url.to_owned(),
            token: token.to_owned(),
            http: reqwest::Client::new(),
        }
    }

    /// `path` is what follows `/admin/v1`.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let request = self
            .http
            .request(method, format!("{}/admin/v1{path}", self.base_url))
            .bearer_auth(&self.token);
        let request = if let Some(body) = body {
            request.json(body)
        } else {
            request
        };
        let response = request.send().await.expect("the gateway answers");
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.expect("the answer arrives whole");
        Answer {
            status,
            headers,
            body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// Makes a tenant that trusts the issuer, and gives it money.
    pub async fn tenant(&self, name: &str, trust: &[Value], balance_usd: &str) {
        let created = self.post("/tenants", &new_tenant(name, trust)).await;
        assert_eq!(created.status, 201, "{:?}", created.body);
        let money = json!({ "amount_usd": balance_usd, "reference": "first" });
        let funded = self.post(&format!("/tenants/{name}/top-ups"), &money).await;
        assert_eq!(funded.status, 200, "{:?}", funded.body);
    }

    /// The audit log's actions and tenants, newest first.
    pub async fn audit(&self) -> Vec<(String, String)> {
        let page = self.get("/audit?limit=200").await;
        let entries = page.body["entries"].as_array().cloned().unwrap_or_default();
        let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        entries
            .iter()
            .map(|entry| (text(entry, "action"), text(entry, "tenant")))
            .collect()
    }
}

/// What the admin API takes for a new tenant.
pub fn new_tenant(name: &str, trust: &[Value]) -> Value {
    json!({ "id": name, "trust": trust, "destination": { "bucket": format!("fluxgate-{name}") } })
}

/// An issuer whose tokens a tenant may trust.
pub struct TestIssuer {
    pub url: String,
    key: LocalIssuer,
}

impl TestIssuer {
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            key: LocalIssuer::generate().0,
        }
    }

    /// Trust in every token of the issuer.
    pub fn trust(&self) -> Value {
        json!({ "issuer": self.url, "audience": "fluxgate", "keys": { "jwks": self.key.jwks() } })
    }

    /// Trust in those whose claim `org` has this value.
    pub fn trust_for(&self, org: &str) -> Value {
        let mut trust = self.trust();
        trust["claim"] = json!({ "name": "org", "value": org });
        trust
    }

    pub fn token(&self, claim: Option<(&str, &str)>) -> String {
        let now = SystemClock.now();
        let claims = TokenClaims {
            iss: self.url.clone(),
            aud: "fluxgate".to_owned(),
            sub: "someone".to_owned(),
            claim: claim.map(|(name, value)| ClaimMatch {
                name: name.to_owned(),
                value: value.to_owned(),
            }),
            iat: now,
            nbf: now,
            exp: now.plus_ms(3_600_000),
            jti: SystemEntropy.id32(now),
        };
        self.key.sign(&claims).expect("the claims can be signed")
    }

    /// A caller with a token that has this claim.
    pub fn caller(&self, tenant: &str, base_url: &str, claim: Option<(&str, &str)>) -> TestTenant {
        TestTenant::new(
            TenantId::parse(tenant).expect("a valid name"),
            base_url,
            self.token(claim),
        )
    }
}
