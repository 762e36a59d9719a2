//! `fluxgate bench-provider`: a provider that costs almost nothing. It answers a submit with a
//! fresh run id, calls the webhook when the run is over, and serves the output. It checks nothing.

mod answers;
mod webhook;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use clap::Args;
use fluxgate_emulator::picture_of;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};
use url::form_urlencoded;

use webhook::Webhooks;

#[derive(Args)]
pub(crate) struct BareProviderArgs {
    #[arg(long)]
    listen: SocketAddr,
    /// Duration of a run; without it a run never ends
    #[arg(long)]
    run_time_ms: Option<u64>,
    #[arg(long, default_value = "0")]
    output_bytes: usize,
}

/// What it has done so far.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Counts {
    pub(super) submits: u64,
    pub(super) polls: u64,
    /// When each webhook was sent, in microseconds of Unix time.
    pub(super) webhooks_us: Vec<u64>,
}

struct BareProvider {
    url: String,
    run_time: Option<Duration>,
    picture: Bytes,
    /// The first half of each run's id, so that no two of these know the same run.
    first: u64,
    submits: AtomicU64,
    polls: AtomicU64,
    webhooks_us: Mutex<Vec<u64>>,
    webhooks: Webhooks,
}

pub(crate) async fn run(args: BareProviderArgs) -> Result<()> {
    fluxgate_listen::raise_file_limit();
    let listener = TcpListener::bind(args.listen)
        .await
        .context("the provider cannot listen")?;
    let provider = Arc::new(BareProvider {
        url: format!("http://{}", args.listen),
        run_time: args.run_time_ms.map(Duration::from_millis),
        picture: picture_of(args.output_bytes),
        first: super::now_us(),
        submits: AtomicU64::new(0),
        polls: AtomicU64::new(0),
        webhooks_us: Mutex::default(),
        webhooks: Webhooks::new(),
    });
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(connection(stream, provider.clone()));
    }
}

async fn connection(stream: TcpStream, provider: Arc<BareProvider>) {
    drop(stream.set_nodelay(true));
    let service = service_fn(|request| answer(provider.clone(), request));
    // A client that hangs up is normal.
    drop(
        hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}

async fn answer(
    provider: Arc<BareProvider>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, mut body) = request.into_parts();
    // It is read and thrown away, so that the connection can be used again.
    while let Some(Ok(_)) = body.frame().await {}
    let path = head.uri.path();
    let response = match (&head.method, path) {
        (&Method::GET, "/api/v3/models") => json(answers::catalogue(&provider.url)),
        (&Method::GET, "/bench/counts") => json(provider.counts()),
        (&Method::GET, _) if path.starts_with("/outputs/") => picture(provider.picture.clone()),
        (&Method::GET, _) if path.starts_with("/api/v3/predictions/") => provider.result(path),
        (_, "/v1/images/generations") => json(answers::openai_image(&provider.url)),
        (_, _) => match answers::constant(path) {
            Some(text) => json(text),
            None => provider.submit(path, head.uri.query()),
        },
    };
    Ok(response)
}

impl BareProvider {
    fn submit(self: Arc<Self>, path: &str, query: Option<&str>) -> Response<Full<Bytes>> {
        let number = self.submits.fetch_add(1, Ordering::Relaxed);
        let id = format!("{:016x}{number:016x}", self.first);
        let model = path.trim_start_matches("/api/v3/");
        let created = answers::created(&self.url, &id, model);
        let asked = query.and_then(|query| {
            form_urlencoded::parse(query.as_bytes())
                .find_map(|(name, value)| (name == "webhook").then(|| value.into_owned()))
        });
        if let (Some(run_time), Some(url)) = (self.run_time, asked) {
            let body = answers::completed(&self.url, &id, model);
            tokio::spawn(self.end(run_time, url, id, body));
        }
        json(created)
    }

    async fn end(self: Arc<Self>, run_time: Duration, url: String, id: String, body: String) {
        if !run_time.is_zero() {
            tokio::time::sleep(run_time).await;
        }
        let sent_us = super::now_us();
        self.webhooks_us
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(sent_us);
        self.webhooks.send(&url, &id, body.into()).await;
    }

    fn result(&self, path: &str) -> Response<Full<Bytes>> {
        self.polls.fetch_add(1, Ordering::Relaxed);
        let id = path.split('/').nth(4).unwrap_or_default();
        let data = match self.run_time {
            Some(_) => answers::completed(&self.url, id, super::MODEL),
            None => answers::processing(&self.url, id, super::MODEL),
        };
        json(answers::envelope(&data))
    }

    fn counts(&self) -> String {
        let webhooks_us = self
            .webhooks_us
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let counts = Counts {
            submits: self.submits.load(Ordering::Relaxed),
            polls: self.polls.load(Ordering::Relaxed),
            webhooks_us: webhooks_us.clone(),
        };
        serde_json::to_string(&counts).expect("numbers are JSON")
    }
}

fn json(text: String) -> Response<Full<Bytes>> {
    of_type("application/json", text.into())
}

fn picture(bytes: Bytes) -> Response<Full<Bytes>> {
    of_type("image/png", bytes)
}

fn of_type(content_type: &'static str, bytes: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(bytes));
    response.headers_mut().insert(
        CONTENT_TYPE,
        hyper::header::HeaderValue::from_static(content_type),
    );
    response
}
