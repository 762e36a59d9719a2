//! A webhook receiver that records requests and answers as the test sets it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tokio::sync::mpsc;

pub(crate) struct Receiver {
    pub(crate) url: String,
    arrived: mpsc::UnboundedReceiver<Arrival>,
}

pub(crate) struct Arrival {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

struct Desk {
    arrived: mpsc::UnboundedSender<Arrival>,
    answers: Mutex<VecDeque<u16>>,
}

impl Receiver {
    /// Answers with these, then with 200.
    pub(crate) async fn answering(answers: &[u16]) -> Self {
        let (sender, arrived) = mpsc::unbounded_channel();
        let desk = Desk {
            arrived: sender,
            answers: Mutex::new(answers.iter().copied().collect()),
        };
        let router = Router::new()
            .route("/hook", post(take))
            .with_state(Arc::new(desk));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, arrived }
    }

    pub(crate) async fn next(&mut self) -> Arrival {
        self.within(Duration::from_secs(20))
            .await
            .expect("a webhook should have come")
    }

    pub(crate) async fn within(&mut self, patience: Duration) -> Option<Arrival> {
        tokio::time::timeout(patience, self.arrived.recv())
            .await
            .ok()
            .flatten()
    }
}

impl Arrival {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    pub(crate) fn is_signed_with(&self, secret: &str) -> bool {
        use aws_lc_rs::hmac;
        let key = hmac::Key::new(
            hmac::HMAC_SHA256,
            secret.strip_prefix("whsec_").unwrap().as_bytes(),
        );
        let signed = format!(
            "{}.{}.",
            self.header("webhook-id"),
            self.header("webhook-timestamp")
        );
        let signed = [signed.as_bytes(), &self.body].concat();
        let signature = self
            .header("webhook-signature")
            .strip_prefix("v3,")
            .unwrap();
        hmac::verify(&key, &signed, &hex::decode(signature).unwrap()).is_ok()
    }
}

async fn take(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let answer = desk.answers.lock().unwrap().pop_front().unwrap_or(200);
    desk.arrived.send(Arrival { headers, body }).unwrap();
    StatusCode::from_u16(answer).unwrap()
}
