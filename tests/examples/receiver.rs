//! The receiver in Rust of `shared/docs/guides/receivers.md`: the page has it from the first `use`.

#![expect(clippy::print_stdout, reason = "it shows what came")]

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::{Router, routing::post};
use standardwebhooks::Webhook;

struct Receiver {
    webhooks: Vec<Webhook>,
    seen: Mutex<HashSet<String>>, // yours: a table whose key is the event's id
}

async fn receive(receiver: State<Arc<Receiver>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let signed_by = |webhook: &Webhook| webhook.verify(&body, &headers).is_ok();
    if !receiver.webhooks.iter().any(signed_by) {
        return StatusCode::BAD_REQUEST;
    }
    let id = String::from_utf8_lossy(headers["webhook-id"].as_bytes()).into_owned();
    if receiver.seen.lock().expect("no panic").insert(id.clone()) {
        tokio::spawn(async move { work(&id, &body) }); // after the answer
    }
    StatusCode::NO_CONTENT
}

fn work(id: &str, body: &[u8]) {
    let event: serde_json::Value = serde_json::from_slice(body).expect("it was signed");
    let text = |path| {
        event
            .pointer(path)
            .and_then(|it| it.as_str())
            .unwrap_or_default()
    };
    println!("{id} {} {}", text("/type"), text("/data/id"));
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (secrets, port) = (std::env::var("WEBHOOK_SECRET")?, std::env::var("PORT")?);
    let webhooks: Result<Vec<_>, _> = secrets.split(' ').map(Webhook::new).collect();
    let receiver = Receiver {
        webhooks: webhooks?,
        seen: Mutex::default(),
    };
    let router = Router::new()
        .route("/", post(receive))
        .with_state(Arc::new(receiver));
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    Ok(axum::serve(listener, router).await?)
}
