//! The whole installation as it is on AWS: the template deployed to ministack, the function
//! binaries run by a double of Lambda, the provider's double behind them.

mod deployment;
mod options;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::SystemEntropy;
use fluxgate_core::port::{Clock as _, Ids as _, SystemClock};
use fluxgate_core::tenant::ClaimMatch;
use fluxgate_edge::auth::{LocalIssuer, TokenClaims};
use fluxgate_emulator::Emulator;
use serde_json::json;
use tokio::net::TcpListener;

use crate::aws_calls::AwsCalls;
use crate::lambda::{AuthType, EventSource, Function, FunctionUrl, Mapping, signature};
use crate::{Ministack, TestTenant};

pub use options::{StackOptions, Waits};

use deployment::{
    Deployed, DeployedFunction, DeployedSource, calls_of, deploy, put_secrets, start_functions,
};

const HIDDEN_S: u32 = 5;
const ISSUER: &str = "urn:test:issuer";

/// A running installation.
pub struct Stack {
    pub ministack: Ministack,
    pub emulator: Emulator,
    /// What the functions asked of AWS.
    pub calls: AwsCalls,
    functions: BTreeMap<String, Function>,
    deployed: Deployed,
    gateway_url: String,
    admin_url: String,
    issuer: LocalIssuer,
    waits: Waits,
    _sources: Vec<EventSource>,
}

/// The URLs that the world would call.
struct Fronts {
    gateway: (TcpListener, FunctionUrl),
    receiver: (TcpListener, FunctionUrl),
    admin: (TcpListener, FunctionUrl),
}

impl Stack {
    pub async fn start() -> Self {
        Self::with(StackOptions::default()).await
    }

    pub async fn with(options: StackOptions) -> Self {
        let ministack = Ministack::start().await;
        let emulator = Emulator::start(options.emulator.clone())
            .await
            .expect("the emulator starts");
        put_secrets(&ministack, &emulator).await;
        Box::pin(Self::on(ministack, emulator, options)).await
    }

    /// The same on an AWS that has the provider's secrets already.
    pub async fn on(ministack: Ministack, emulator: Emulator, options: StackOptions) -> Self {
        Self::after(Deployed::default(), ministack, emulator, options).await
    }

    async fn after(
        before: Deployed,
        ministack: Ministack,
        emulator: Emulator,
        options: StackOptions,
    ) -> Self {
        let fronts = Fronts {
            gateway: FunctionUrl::reserve().await,
            receiver: FunctionUrl::reserve().await,
            admin: FunctionUrl::reserve().await,
        };
        let public_url = if options.webhooks {
            fronts.receiver.1.url()
        } else {
            "http://127.0.0.1:9".to_owned()
        };
        let own = [
            ("ProviderUrl", emulator.base_url()),
            ("BaseUrl", fronts.gateway.1.url()),
            ("PublicUrl", public_url),
            ("AllowNet", "127.0.0.0/8".to_owned()),
            // Tenants of tests have buckets of the stack's own account.
            ("OwnBucketPattern", "fluxgate-test-*".to_owned()),
        ];
        let deployed = deploy(&ministack, &[&own, options.parameters.as_slice()].concat()).await;
        let deployed = deployed.after(before);
        let kms_key = options.parameter("EncryptionKmsKeyArn");
        let calls = calls_of(&ministack, &deployed, kms_key);
        let functions = start_functions(&deployed, &calls, &options).await;
        let (gateway_url, admin_url) = (fronts.gateway.1.url(), fronts.admin.1.url());
        FunctionUrl::serve(
            fronts.gateway.0,
            functions["gateway"].clone(),
            AuthType::None,
        );
        FunctionUrl::serve(
            fronts.receiver.0,
            functions["receiver"].clone(),
            AuthType::None,
        );
        FunctionUrl::serve(fronts.admin.0, functions["admin"].clone(), AuthType::Iam);
        let issuer = LocalIssuer::generate().0;
        let mut stack = Self {
            ministack,
            emulator,
            calls,
            functions,
            deployed,
            gateway_url,
            admin_url,
            issuer,
            waits: options.waits,
            _sources: Vec::new(),
        };
        if options.waits == Waits::Brief {
            stack.shorten_visibility().await;
        }
        if options.event_sources {
            stack._sources = ["watch", "archive", "notify"]
                .map(|lane| stack.event_source(lane))
                .into();
        }
        stack
    }

    /// The installation after another deployment: new processes at new URLs. What those before had
    /// in hand they drop, and they answer on as they were deployed.
    pub async fn deployed_again(self, options: StackOptions) -> Self {
        let Self {
            ministack,
            emulator,
            issuer,
            deployed,
            _sources: sources,
            ..
        } = self;
        drop(sources);
        let again = Box::pin(Self::after(deployed, ministack, emulator, options)).await;
        Self { issuer, ..again }
    }

    pub fn function(&self, name: &str) -> &Function {
        &self.functions[name]
    }

    pub fn functions(&self) -> impl Iterator<Item = &Function> {
        self.functions.values()
    }

    pub fn gateway_url(&self) -> &str {
        &self.gateway_url
    }

    /// Where the operator calls the admin function.
    pub fn admin_url(&self) -> &str {
        &self.admin_url
    }

    /// The name of the stack's table.
    pub fn table(&self) -> &str {
        &self.deployed.functions["poller"].environment["FLUXGATE_TABLE"]
    }

    /// A queue by its name in the stack, as `archive` or `archive-dead-letters`.
    pub fn queue_url(&self, name: &str) -> String {
        format!("{}/000000000000/fluxgate-{name}", self.ministack.endpoint())
    }

    /// A new tenant with a bucket and this much to spend, made by the admin API.
    pub async fn tenant(&self, name: &str, balance_usd: &str) -> TestTenant {
        let bucket = format!("fluxgate-test-{name}");
        self.create_bucket(&bucket).await;
        self.tenant_with(name, balance_usd, json!({ "bucket": bucket }))
            .await
    }

    /// The same with any destination.
    pub async fn tenant_with(
        &self,
        name: &str,
        balance_usd: &str,
        destination: serde_json::Value,
    ) -> TestTenant {
        let trust = json!({
            "issuer": ISSUER, "audience": "fluxgate", "keys": { "jwks": self.issuer.jwks() },
            "claim": { "name": "tenant", "value": name },
        });
        let new = json!({ "id": name, "trust": [trust], "destination": destination });
        let created = self.admin("/admin/v1/tenants", &new).await;
        assert_eq!(created.0, 201, "{}", created.1);
        let money = json!({ "amount_usd": balance_usd, "reference": "first" });
        let funded = self
            .admin(&format!("/admin/v1/tenants/{name}/top-ups"), &money)
            .await;
        assert_eq!(funded.0, 200, "{}", funded.1);
        let id = TenantId::parse(name).expect("a valid name");
        let token = self.token(&id);
        TestTenant::new(id, &self.gateway_url, token)
    }

    /// POSTs to the admin API; status and body.
    pub async fn admin(&self, path: &str, body: &serde_json::Value) -> (u16, serde_json::Value) {
        self.admin_call(reqwest::Method::POST, path, body).await
    }

    /// The same by any method.
    pub async fn admin_call(
        &self,
        method: reqwest::Method,
        path: &str,
        body: &serde_json::Value,
    ) -> (u16, serde_json::Value) {
        let (url, body) = (format!("{}{path}", self.admin_url), body.to_string());
        let signed = signature::signed(method.as_str(), &url, body.as_bytes());
        let call = reqwest::Client::new().request(method, &url);
        let call = signed
            .into_iter()
            .fold(call, |call, (name, value)| call.header(name, value));
        let call = call.header("content-type", "application/json").body(body);
        let answer = call.send().await.expect("the admin API answers");
        (
            answer.status().as_u16(),
            answer.json().await.unwrap_or_default(),
        )
    }

    /// A new token of a tenant.
    pub fn token(&self, tenant: &TenantId) -> String {
        let now = SystemClock.now();
        let claims = TokenClaims {
            iss: ISSUER.to_owned(),
            aud: "fluxgate".to_owned(),
            sub: "test".to_owned(),
            claim: Some(ClaimMatch {
                name: "tenant".to_owned(),
                value: tenant.to_string(),
            }),
            iat: now,
            nbf: now,
            exp: now.plus_ms(3_600_000),
            jti: SystemEntropy.id32(now),
        };
        self.issuer.sign(&claims).expect("the claims can be signed")
    }

    /// A bucket of the stack's own account.
    pub async fn create_bucket(&self, name: &str) {
        let url = format!("{}/{name}", self.ministack.endpoint());
        let answer = reqwest::Client::new()
            .put(url)
            .send()
            .await
            .expect("ministack answers");
        assert!(answer.status().is_success());
    }

    async fn shorten_visibility(&self) {
        for lane in ["watch", "archive", "notify"] {
            let set = self
                .ministack
                .aws()
                .sqs()
                .set_queue_attributes()
                .queue_url(self.queue_url(lane));
            let set = set.attributes(QueueAttributeName::VisibilityTimeout, HIDDEN_S.to_string());
            set.send().await.expect("the stack has the queue");
        }
    }

    /// Polls a lane's queue into its function, as the template maps them.
    pub fn event_source(&self, lane: &str) -> EventSource {
        let is_of_lane =
            |source: &&DeployedSource| source.arn.ends_with(&format!("fluxgate-{lane}"));
        let of_lane = |(name, function): (&String, &DeployedFunction)| {
            function
                .queues
                .iter()
                .find(is_of_lane)
                .map(|source| (name.clone(), source.clone()))
        };
        let (name, source) = self
            .deployed
            .functions
            .iter()
            .find_map(of_lane)
            .expect("the template maps the lane");
        assert_eq!(
            (source.batch_size, source.responses.as_slice()),
            (10, &["ReportBatchItemFailures".to_owned()][..])
        );
        let window = if self.waits == Waits::Brief {
            Duration::ZERO
        } else {
            Duration::from_secs(source.window_s)
        };
        let (sqs, function) = (self.ministack.aws().sqs(), self.functions[&name].clone());
        EventSource::start(Mapping {
            sqs,
            queue_url: self.queue_url(lane),
            function,
            window,
            calls: self.calls.clone(),
        })
    }

    /// What a function is deployed with.
    pub fn memory_mb(&self, function: &str) -> u64 {
        self.deployed.functions[function].memory_mb
    }

    /// Messages of a queue: waiting, delayed and in hand.
    pub async fn messages(&self, queue: &str) -> usize {
        let get = self
            .ministack
            .aws()
            .sqs()
            .get_queue_attributes()
            .queue_url(self.queue_url(queue));
        let answer = get
            .attribute_names(QueueAttributeName::All)
            .send()
            .await
            .expect("the stack has the queue");
        let attributes = answer.attributes.expect("a queue has attributes");
        let kinds = ["", "Delayed", "NotVisible"];
        let count = |kind| {
            let name = format!("ApproximateNumberOfMessages{kind}");
            attributes
                .get(&QueueAttributeName::from(name.as_str()))
                .and_then(|count| count.parse().ok())
        };
        kinds
            .into_iter()
            .map(|kind| count(kind).unwrap_or(0_usize))
            .sum()
    }
}
