//! One authenticator, its tenants, its issuer and its clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use fluxgate_core::app::Trusts;
use fluxgate_core::port::Clock;
use fluxgate_core::tenant::{KeySource, Principal, Trust};
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Kind};
use fluxgate_edge::auth::{AuthBounds, Authenticator};
use serde_json::{Value, json};

use crate::issuer_server::{IssuerServer, PlainFetcher};
use crate::signing::{TestKey, jwks};
use crate::tenants_in_memory::TenantsInMemory;

pub(crate) const AUDIENCE: &str = "https://fluxgate.example";
const START_MS: i64 = 1_760_000_000_000;

pub(crate) struct HeldClock(AtomicI64);

impl Clock for HeldClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) struct World {
    pub(crate) authenticator: Authenticator,
    pub(crate) tenants: Arc<TenantsInMemory>,
    pub(crate) issuer: IssuerServer,
    clock: Arc<HeldClock>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::bounded(AuthBounds::default()).await
    }

    pub(crate) async fn bounded(bounds: AuthBounds) -> Self {
        let tenants = Arc::new(TenantsInMemory::default());
        let clock = Arc::new(HeldClock(AtomicI64::new(START_MS)));
        let authenticator = Authenticator::new(
            Trusts::new(tenants.clone(), Arc::new(PlainFetcher::new())),
            clock.clone(),
            bounds,
        );
        Self {
            authenticator,
            tenants,
            issuer: IssuerServer::start().await,
            clock,
        }
    }

    /// With the tenant `acme`, whose issuer serves these keys.
    pub(crate) async fn with_acme(keys: &[&TestKey]) -> Self {
        let world = Self::new().await;
        world.issuer.serve_jwks(jwks(keys));
        world.tenants.add(
            "acme",
            world.trust(KeySource::JwksUrl(world.issuer.jwks_url())),
        );
        world
    }

    pub(crate) fn trust(&self, keys: KeySource) -> Trust {
        Trust::new(&self.issuer.url, AUDIENCE, keys)
    }

    pub(crate) fn trust_for(&self, keys: KeySource, name: &str, value: &str) -> Trust {
        self.trust(keys).for_claim(name, value)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn now_s(&self) -> i64 {
        self.now().seconds()
    }

    pub(crate) fn advance_ms(&self, ms: u64) {
        self.clock
            .0
            .fetch_add(i64::try_from(ms).unwrap(), Ordering::SeqCst);
    }

    /// Claims that hold for an hour.
    pub(crate) fn claims(&self) -> Value {
        let now = self.now_s();
        json!({"iss": self.issuer.url, "aud": AUDIENCE, "sub": "user-1", "iat": now, "nbf": now, "exp": now + 3600})
    }

    pub(crate) fn claims_with(&self, name: &str, value: impl Into<Value>) -> Value {
        let mut claims = self.claims();
        claims[name] = value.into();
        claims
    }

    pub(crate) async fn authenticate(&self, token: &str) -> Result<Principal, Error> {
        self.authenticator.authenticate(token).await
    }

    pub(crate) async fn tenant(&self, token: &str) -> String {
        self.authenticate(token).await.unwrap().tenant.to_string()
    }

    /// The text of a 401.
    pub(crate) async fn why_refused(&self, token: &str) -> String {
        let error = self
            .authenticate(token)
            .await
            .expect_err("the token was taken");
        assert_eq!(error.kind, Kind::Unauthenticated, "{error}");
        error.message.to_string()
    }

    /// The code of a 401.
    pub(crate) async fn refused(&self, token: &str) -> &'static str {
        let error = self
            .authenticate(token)
            .await
            .expect_err("the token was taken");
        assert_eq!(error.kind, Kind::Unauthenticated, "{error}");
        assert!(
            token.is_empty() || !error.to_string().contains(token),
            "the token is echoed"
        );
        error.code
    }
}
