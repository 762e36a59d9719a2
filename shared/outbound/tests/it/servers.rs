//! Servers that speak HTTP, well (axum) and badly (bytes on a socket).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use fluxgate_core::id::TenantId;
use fluxgate_core::trace_context::TraceContext;
use fluxgate_outbound::{Guard, GuardPolicy, NameSettings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// Counts what a server got.
#[derive(Clone, Default)]
pub(crate) struct Count(Arc<AtomicUsize>);

impl Count {
    pub(crate) fn one_more(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Whoever names the URLs.
pub(crate) fn tenant() -> TenantId {
    TenantId::parse("acme").unwrap()
}

/// What a request belongs to.
pub(crate) fn trace() -> TraceContext {
    TraceContext::read(TRACE_PARENT, Some("a=b")).unwrap()
}

pub(crate) const TRACE_PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A guard that lets the tests' own servers through.
pub(crate) fn loopback_guard() -> Guard {
    let allow = ["127.0.0.0/8", "::1/128"]
        .map(|net| net.parse().unwrap())
        .to_vec();
    Guard::new(GuardPolicy::allowing(allow), NameSettings::default()).unwrap()
}

/// A guard as it is in production.
pub(crate) fn strict_guard() -> Guard {
    Guard::new(GuardPolicy::default(), NameSettings::default()).unwrap()
}

pub(crate) async fn serve(router: Router) -> Url {
    let (listener, url) = listen().await;
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

/// What a bad server does with a connection on which it has read a request.
#[derive(Clone)]
pub(crate) enum Manners {
    /// Sends these bytes and closes.
    Say(Vec<u8>),
    /// Sends these bytes and then nothing, for ever.
    SayAndStall(Vec<u8>),
}

/// A server of bytes; counts the requests it has read.
pub(crate) async fn serve_bytes(manners: Manners) -> (Url, Count) {
    let (listener, url) = listen().await;
    let requests = Count::default();
    let counter = requests.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(misbehave(stream, manners.clone(), counter.clone()));
        }
    });
    (url, requests)
}

async fn misbehave(mut stream: TcpStream, manners: Manners, requests: Count) {
    if !read_request(&mut stream).await {
        return;
    }
    requests.one_more();
    match manners {
        Manners::Say(bytes) => stream.write_all(&bytes).await.unwrap_or_default(),
        Manners::SayAndStall(bytes) => {
            stream.write_all(&bytes).await.unwrap_or_default();
            std::future::pending::<()>().await;
        }
    }
}

/// Accepts connections and closes them at once; counts them.
pub(crate) async fn serve_hang_ups() -> (Url, Count) {
    let (listener, url) = listen().await;
    let connections = Count::default();
    let counter = connections.clone();
    tokio::spawn(async move {
        loop {
            drop(listener.accept().await.unwrap());
            counter.one_more();
        }
    });
    (url, connections)
}

/// A URL at which nobody listens.
pub(crate) async fn nobody() -> Url {
    listen().await.1
}

pub(crate) async fn listen() -> (TcpListener, Url) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    (listener, url)
}

/// Reads one request with a `Content-Length` body, or none; false when the client closed instead.
pub(crate) async fn read_request(stream: &mut TcpStream) -> bool {
    let mut request = Vec::new();
    loop {
        if let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
            if request.len() >= end + 4 + length {
                return true;
            }
        }
        match stream.read_buf(&mut request).await {
            Ok(0) | Err(_) => return false,
            Ok(_) => {}
        }
    }
}

pub(crate) fn http_answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The same place under another scheme or host.
pub(crate) fn at(url: &Url, scheme_and_host: &str, path: &str) -> Url {
    Url::parse(&format!("{scheme_and_host}:{}{path}", url.port().unwrap())).unwrap()
}
