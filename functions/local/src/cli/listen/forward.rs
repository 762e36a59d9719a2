//! POSTs an event to the program, signed now.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use fluxgate_core::port::{Clock as _, SystemClock};
use fluxgate_core::secret::Secret;
use fluxgate_core::webhook::{SignedHeaders, standard};
use reqwest::header::{CONTENT_TYPE, USER_AGENT};
use reqwest::redirect::Policy;
use serde_json::{Value, json};

use super::event::Event;
use crate::cli::{print, verify};

/// As long as the gateway itself waits for a receiver.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Before the tries that follow a failed one: a program that restarts is back by then.
const WAITS: [Duration; 3] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];
const AGENT: &str = concat!("fluxgate-listen/", env!("CARGO_PKG_VERSION"));

pub(super) struct Forwarding {
    http: reqwest::Client,
    url: String,
}

/// What became of an event.
pub(super) struct Forwarded {
    pub(super) line: String,
    /// What the program answered, if it did.
    status: Option<u16>,
    tries: usize,
    /// The program answered 2xx.
    pub(super) is_taken: bool,
}

impl Forwarded {
    pub(super) fn view(&self, event: &Event) -> Value {
        json!({
            "type": event.event_type, "id": event.id, "task_id": event.task_id,
            "cursor": event.cursor, "taken": self.is_taken, "status": self.status,
            "tries": self.tries,
        })
    }
}

/// What one try came to.
struct Try {
    answer: Result<u16, String>,
    took: Duration,
}

impl Forwarding {
    pub(super) fn to(url: &str) -> Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .context("cannot build the HTTP client")?;
        Ok(Self {
            http,
            url: url.to_owned(),
        })
    }

    /// Says what became of it. Whatever that is, the next event follows.
    pub(super) async fn forward(&self, event: &Event, secret: &str) -> Forwarded {
        let secret = Secret::new(secret);
        let mut line = started(event);
        let is_signed = |headers: SignedHeaders| {
            headers.id == event.id && verify::is_signed(&secret, &headers, event.body.as_bytes())
        };
        if !event.signature().is_some_and(is_signed) {
            line.push_str("not forwarded: its signature is not by this secret; 'fluxgate listen --reset' gets a new one");
            return Forwarded {
                line,
                status: None,
                tries: 0,
                is_taken: false,
            };
        }
        let (last, tries) = self.tried(event, &secret).await;
        let status = last.answer.as_ref().ok().copied();
        let is_taken = matches!(status, Some(200..=299));
        let _ = match last.answer {
            Ok(status) => write!(line, "{status}"),
            Err(why) => write!(line, "failed: {}", print::shown(&why)),
        };
        let _ = write!(line, "  {} ms", last.took.as_millis());
        if tries > 1 {
            let _ = write!(line, "  after {tries} tries");
        }
        Forwarded {
            line,
            status,
            tries,
            is_taken,
        }
    }

    async fn tried(&self, event: &Event, secret: &Secret) -> (Try, usize) {
        let mut last = self.once(event, secret).await;
        for (n, wait) in WAITS.into_iter().enumerate() {
            if !last.may_be_mended() {
                return (last, n + 1);
            }
            tokio::time::sleep(wait).await;
            last = self.once(event, secret).await;
        }
        (last, WAITS.len() + 1)
    }

    async fn once(&self, event: &Event, secret: &Secret) -> Try {
        let began = Instant::now();
        let answer = self.post(event, secret).await;
        Try {
            answer,
            took: began.elapsed(),
        }
    }

    async fn post(&self, event: &Event, secret: &Secret) -> Result<u16, String> {
        let signers = standard::Signers {
            secrets: vec![secret.clone()],
            keys: Vec::new(),
        };
        let now = SystemClock.now();
        let signed = signers.sign(&event.id, now, event.body.as_bytes());
        let signed = signed.map_err(|error| error.message)?;
        let mut request = self
            .http
            .post(&self.url)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, AGENT)
            .header("webhook-id", signed.id)
            .header("webhook-timestamp", signed.timestamp)
            .header("webhook-signature", signed.signature);
        for (name, value) in event.other_headers() {
            request = request.header(name, value);
        }
        match request.body(event.body.clone()).send().await {
            Ok(response) => Ok(response.status().as_u16()),
            Err(error) if error.is_timeout() => Err("no answer in time".to_owned()),
            Err(error) if error.is_connect() => Err("nothing answers there".to_owned()),
            Err(_) => Err("the connection broke off".to_owned()),
        }
    }
}

impl Try {
    /// True while the program is away or in trouble; what it refuses it would refuse again.
    fn may_be_mended(&self) -> bool {
        match self.answer {
            Ok(status) => status >= 500 || status == 429,
            Err(_) => true,
        }
    }
}

fn started(event: &Event) -> String {
    let now = SystemClock.now().rfc3339();
    let task = event.task_id.as_deref().unwrap_or("-");
    let (id, kind) = (print::shown(&event.id), print::shown(&event.event_type));
    format!("{now}  {kind:<16}  {id}  {}  ", print::shown(task))
}
