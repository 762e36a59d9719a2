//! A function URL: plain HTTP in front, events of payload format 2.0 behind. One that asks for IAM
//! refuses what is not signed by the operator.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>

use std::net::SocketAddr;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use super::Function;
use super::signature::{self, Signable};

/// Lambda's own limit of a request and of an answer.
const PAYLOAD_BYTES_MAX: usize = 6 * 1024 * 1024;

/// Where a function is reached by HTTP.
pub struct FunctionUrl {
    addr: SocketAddr,
}

/// The caller that the platform reports.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum AuthType {
    None,
    Iam,
}

#[derive(Clone)]
struct Front {
    function: Function,
    auth: AuthType,
    domain: String,
}

impl FunctionUrl {
    /// Binds a port before the function starts, because other functions need the URL.
    pub async fn reserve() -> (TcpListener, Self) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        (listener, Self { addr })
    }

    /// Serves the function on a reserved port.
    pub fn serve(listener: TcpListener, function: Function, auth: AuthType) {
        let domain = listener.local_addr().unwrap().to_string();
        let router = Router::new().fallback(forward).with_state(Front {
            function,
            auth,
            domain,
        });
        tokio::spawn(axum::serve(listener, router).into_future());
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }
}

/// Who calls a URL that asks for IAM.
pub const CALLER: &str = "arn:aws:iam::000000000000:user/operator";

async fn forward(State(front): State<Front>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, PAYLOAD_BYTES_MAX).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    if front.auth == AuthType::Iam
        && let Err(why) = signature::check(&Signable {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            headers: &parts.headers,
            body: &body,
        })
    {
        return (StatusCode::FORBIDDEN, Json(json!({ "Message": why }))).into_response();
    }
    let headers: Map<String, Value> = parts
        .headers
        .iter()
        .map(|(name, value)| {
            (
                name.to_string(),
                Value::from(String::from_utf8_lossy(value.as_bytes())),
            )
        })
        .collect();
    let text = String::from_utf8(body.to_vec());
    let (body, is_base64) = match text {
        Ok(text) => (text, false),
        Err(binary) => (BASE64.encode(binary.as_bytes()), true),
    };
    let authorizer = (front.auth == AuthType::Iam)
        .then(|| json!({ "iam": { "accountId": "000000000000", "userArn": CALLER } }));
    let event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": parts.uri.path(),
        "rawQueryString": parts.uri.query().unwrap_or_default(),
        "headers": headers,
        "requestContext": {
            "accountId": "anonymous", "apiId": "f", "domainName": front.domain, "domainPrefix": "f",
            "authorizer": authorizer,
            "http": { "method": parts.method.as_str(), "path": parts.uri.path(), "protocol": "HTTP/1.1",
                      "sourceIp": "127.0.0.1", "userAgent": "test" },
            "requestId": "r", "routeKey": "$default", "stage": "$default", "time": "01/Jan/2026:00:00:00 +0000",
            "timeEpoch": 1_767_225_600_000_i64,
        },
        "body": body,
        "isBase64Encoded": is_base64,
    });
    match front.function.invoke(event).await {
        Ok(answer) => translate(&answer),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

fn translate(answer: &Value) -> Response {
    let status = answer["statusCode"]
        .as_u64()
        .and_then(|status| u16::try_from(status).ok())
        .unwrap_or(502);
    let body = answer["body"].as_str().unwrap_or_default();
    let body = if answer["isBase64Encoded"] == true {
        BASE64.decode(body).unwrap()
    } else {
        body.as_bytes().to_vec()
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        let name: HeaderName = name.parse().unwrap();
        response.headers_mut().insert(
            name,
            HeaderValue::from_str(value.as_str().unwrap_or_default()).unwrap(),
        );
    }
    response
}
