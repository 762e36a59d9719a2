//! The receiver of the callbacks under measurement, in a process of its own: it answers 204 and
//! notes when each request came and how old its event was. It can hold its answers back.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::{Context as _, Result};
use clap::Args;
use fluxgate_core::time::Timestamp;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::super::now_us;

#[derive(Args)]
pub(crate) struct ReceiverArgs {
    #[arg(long)]
    listen: SocketAddr,
}

/// When a callback came, in microseconds of Unix time, and how long after its event.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Arrival(pub(super) u64, pub(super) i64);

/// The last callback, to be sent again by others.
#[derive(Default, Clone, Serialize, Deserialize)]
pub(super) struct Sample {
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

#[derive(Default)]
struct Book {
    arrivals: Vec<Arrival>,
    sample: Sample,
}

struct Receiver {
    book: Mutex<Book>,
    held: watch::Sender<bool>,
}

pub(crate) async fn run(args: ReceiverArgs) -> Result<()> {
    let listener = TcpListener::bind(args.listen)
        .await
        .context("the receiver cannot listen")?;
    let receiver = Arc::new(Receiver {
        book: Mutex::default(),
        held: watch::Sender::new(false),
    });
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(connection(stream, receiver.clone()));
    }
}

async fn connection(stream: TcpStream, receiver: Arc<Receiver>) {
    drop(stream.set_nodelay(true));
    let service = service_fn(|request| answer(receiver.clone(), request));
    // A client that hangs up is normal.
    drop(
        hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}

async fn answer(
    receiver: Arc<Receiver>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::default());
    match (request.method(), request.uri().path()) {
        (&Method::PUT, "/hold") => drop(receiver.held.send_replace(true)),
        (&Method::DELETE, "/hold") => drop(receiver.held.send_replace(false)),
        (&Method::DELETE, "/arrivals") => receiver.book().arrivals.clear(),
        (&Method::GET, "/count") => return Ok(json(&receiver.book().arrivals.len())),
        (&Method::GET, "/arrivals") => return Ok(json(&receiver.book().arrivals)),
        (&Method::GET, "/sample") => return Ok(json(&receiver.book().sample)),
        _ => {
            receiver.take(request).await;
            *response.status_mut() = StatusCode::NO_CONTENT;
        }
    }
    Ok(response)
}

impl Receiver {
    async fn take(&self, request: Request<Incoming>) {
        let (head, body) = request.into_parts();
        let Ok(body) = body.collect().await else {
            return;
        };
        let body = body.to_bytes();
        let at_us = now_us();
        {
            let mut book = self.book();
            let age_ms = event_ms(&body).map_or(0, |event_ms| (at_us / 1000) as i64 - event_ms);
            book.arrivals.push(Arrival(at_us, age_ms));
            if book.sample.body.is_empty() {
                let headers = head.headers.iter().filter_map(|(name, value)| {
                    Some((name.to_string(), value.to_str().ok()?.to_owned()))
                });
                book.sample = Sample {
                    headers: headers.collect(),
                    body: String::from_utf8_lossy(&body).into_owned(),
                };
            }
        }
        let mut held = self.held.subscribe();
        drop(held.wait_for(|held| !held).await);
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book
            .lock()
            .expect("no code panics while it holds the book")
    }
}

/// Without parsing all of it: the receiver is to cost little.
fn event_ms(body: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.rsplit_once("\"timestamp\":\"")?;
    Some(Timestamp::from_rfc3339(rest.split('"').next()?)?.0)
}

fn json(value: &impl Serialize) -> Response<Full<Bytes>> {
    let text = serde_json::to_vec(value).expect("numbers and texts are JSON");
    Response::new(Full::from(text))
}
