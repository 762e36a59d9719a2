//! An STS that refuses like AWS's: without the ExternalId that a role's trust policy demands there
//! are no keys.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Form, Router};
use fluxgate_core::port::Clock;
use fluxgate_sts::StsSettings;

use crate::held_clock::HeldClock;
use crate::serving::Serving;

pub(crate) type Call = HashMap<String, String>;

/// A role's ARN, and the ExternalId that its trust policy demands, if it demands one.
pub(crate) type Trust = (&'static str, Option<&'static str>);

pub(crate) struct StsServer {
    serving: Serving,
    shared: Arc<Shared>,
}

struct Shared {
    trusts: Mutex<Vec<Trust>>,
    clock: HeldClock,
    calls: Mutex<Vec<Call>>,
    down: Mutex<bool>,
}

impl StsServer {
    pub(crate) async fn start(trusts: &[Trust], clock: &HeldClock) -> Self {
        let shared = Arc::new(Shared {
            trusts: Mutex::new(trusts.to_vec()),
            clock: clock.clone(),
            calls: Mutex::default(),
            down: Mutex::default(),
        });
        let router = Router::new()
            .route("/", post(answer))
            .with_state(shared.clone());
        Self {
            serving: Serving::start(router).await,
            shared,
        }
    }

    pub(crate) fn settings(&self) -> StsSettings {
        self.serving.settings()
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.shared.calls.lock().unwrap().clone()
    }

    pub(crate) fn trust(&self, trusts: &[Trust]) {
        *self.shared.trusts.lock().unwrap() = trusts.to_vec();
    }

    pub(crate) fn go_down(&self) {
        *self.shared.down.lock().unwrap() = true;
    }
}

async fn answer(State(shared): State<Arc<Shared>>, Form(call): Form<Call>) -> (StatusCode, String) {
    shared.calls.lock().unwrap().push(call.clone());
    // Concurrent callers shall meet.
    tokio::task::yield_now().await;
    if *shared.down.lock().unwrap() {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable");
    }
    assert_eq!(call["Action"], "AssumeRole");
    let arn = &call["RoleArn"];
    let trusted = shared
        .trusts
        .lock()
        .unwrap()
        .iter()
        .any(|(trusted, demanded)| {
            trusted == arn
                && demanded
                    .is_none_or(|demanded| call.get("ExternalId").is_some_and(|id| id == demanded))
        });
    if !trusted {
        return refusal(StatusCode::FORBIDDEN, "AccessDenied");
    }
    let n = shared.calls.lock().unwrap().len();
    let lifetime_ms = call["DurationSeconds"].parse::<u64>().unwrap() * 1000;
    let expiration = shared.clock.now().plus_ms(lifetime_ms).rfc3339();
    let body = format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
         <AccessKeyId>ASIA{n}</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey>\
         <SessionToken>token-{n}</SessionToken><Expiration>{expiration}</Expiration>\
         </Credentials></AssumeRoleResult></AssumeRoleResponse>"
    );
    (StatusCode::OK, body)
}

fn refusal(status: StatusCode, code: &str) -> (StatusCode, String) {
    let body = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>{code}</Code>\
         <Message>User: arn:aws:sts::1:assumed-role/archiver is not authorized, \
             ExternalId its-id</Message></Error>\
         <RequestId>r</RequestId></ErrorResponse>"
    );
    (status, body)
}
