//! Stores beside the installation's own: a real S3 server with keys of its own, and a double that
//! speaks S3 as some stores do: without conditional puts, without checksums, in another region,
//! with another clock, or with rights missing. The double checks no signatures.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use fluxgate_core::port::SystemClock;
use fluxgate_core::secret::Secret;
use fluxgate_embedded::SqliteStore;
use fluxgate_embedded::objects::{Objects, create_bucket};
use fluxgate_embedded::s3::{ConnectionBounds, S3Server, S3Settings};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Barrier;
use tokio::task::JoinHandle;

pub const BUCKET: &str = "acme-outputs";
pub const ACCESS_KEY: &str = "AKIAOTHERSTORE";
pub const SECRET_KEY: &str = "the-other-store-s-secret-key";

/// Another S3 server, with other keys than the gateway's.
pub struct OtherStore {
    server: S3Server,
    objects: Objects,
    _folder: TempDir,
}

impl OtherStore {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().join("s3");
        let rows = SqliteStore::open(folder.path(), Arc::new(SystemClock)).expect("a database");
        let objects = Objects::open(&root, rows).expect("a new folder");
        let server = S3Server::start(S3Settings {
            objects: objects.clone(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            access_key: ACCESS_KEY.to_owned(),
            secret_key: Secret::new(SECRET_KEY),
            connections: ConnectionBounds::default(),
            downloads_per_bucket_max: 16,
        })
        .expect("the store starts");
        create_bucket(&root, BUCKET).expect("a new bucket");
        Self {
            server,
            objects,
            _folder: folder,
        }
    }

    pub fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// A destination in it, as the admin API takes it.
    pub fn destination(&self) -> Value {
        destination(&self.endpoint())
    }

    /// The bytes of an object, if it is there.
    pub fn object(&self, key: &str) -> Option<Vec<u8>> {
        let file = self.objects.file(BUCKET, key);
        std::fs::read(file.expect("a readable folder")?).ok()
    }
}

fn destination(endpoint: &str) -> Value {
    json!({
        "bucket": BUCKET, "prefix": "out", "endpoint": endpoint, "path_style": true,
        "access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY,
    })
}

/// How a store differs from AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// It takes no notice of `If-None-Match`.
    Overwrites,
    /// It answers 501 to a checksum's header.
    RefusesChecksums,
    /// The bucket is in another region.
    Elsewhere(&'static str),
    /// Its clock is a quarter of an hour ahead.
    Ahead,
    /// Its policy does not allow this method.
    Denies(&'static str),
    /// It answers this method with this status and a body without end.
    Endless(&'static str, u16),
    /// It says of every key that an object of so many bytes is there, and sends it without end.
    Claims(u64),
}

/// Of a body without end.
const CHUNK_BYTES: usize = 64 * 1024;

/// A request's method, and its headers.
pub type Seen = (String, BTreeMap<String, String>);

#[derive(Clone)]
struct Shared {
    oddities: Arc<Vec<Oddity>>,
    objects: Arc<Mutex<BTreeMap<String, Bytes>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Puts are answered once so many of them have come.
    together: Arc<Option<Barrier>>,
    /// Of bodies without end.
    sent_bytes: Arc<AtomicU64>,
    is_mended: Arc<AtomicBool>,
}

pub struct OddStore {
    addr: SocketAddr,
    shared: Shared,
    serving: JoinHandle<()>,
}

impl OddStore {
    pub async fn start(oddities: &[Oddity]) -> Self {
        Self::serve(oddities, None).await
    }

    /// Answers no put before so many have come.
    pub async fn together(oddities: &[Oddity], puts: usize) -> Self {
        Self::serve(oddities, Some(Barrier::new(puts))).await
    }

    async fn serve(oddities: &[Oddity], together: Option<Barrier>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a free port");
        let addr = listener.local_addr().expect("a bound port");
        let shared = Shared {
            oddities: Arc::new(oddities.to_vec()),
            objects: Arc::default(),
            seen: Arc::default(),
            together: Arc::new(together),
            sent_bytes: Arc::default(),
            is_mended: Arc::default(),
        };
        let router = Router::new().fallback(answer).with_state(shared.clone());
        let serving = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves");
        });
        Self {
            addr,
            shared,
            serving,
        }
    }

    pub fn destination(&self) -> Value {
        destination(&format!("http://{}", self.addr))
    }

    /// The paths of all objects.
    pub fn paths(&self) -> Vec<String> {
        let objects = self.shared.objects.lock().expect("nobody panicked");
        objects.keys().cloned().collect()
    }

    /// So much of bodies without end could be sent, buffers of sockets included.
    pub fn sent_bytes(&self) -> u64 {
        self.shared.sent_bytes.load(Ordering::Relaxed)
    }

    /// From now on it is as AWS.
    pub fn mend(&self) {
        self.shared.is_mended.store(true, Ordering::Relaxed);
    }

    /// What came, in order.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().expect("nobody panicked").clone()
    }
}

impl Drop for OddStore {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(
    State(store): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let text = |value: &axum::http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let all = headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)));
    let seen = (method.to_string(), all.collect());
    store.seen.lock().expect("nobody panicked").push(seen);
    if let Some(refusal) = store.refusal(&method, &headers) {
        return refusal;
    }
    if method == Method::PUT
        && let Some(together) = &*store.together
    {
        together.wait().await;
    }
    store.served(&method, uri.path(), &headers, body)
}

impl Shared {
    fn is(&self, oddity: Oddity) -> bool {
        self.oddities().contains(&oddity)
    }

    fn oddities(&self) -> &[Oddity] {
        match self.is_mended.load(Ordering::Relaxed) {
            true => &[],
            false => &self.oddities,
        }
    }

    fn refusal(&self, method: &Method, headers: &HeaderMap) -> Option<Response> {
        self.oddities().iter().find_map(|oddity| match oddity {
            Oddity::Elsewhere(region) => {
                let mut answer = error(StatusCode::MOVED_PERMANENTLY, "PermanentRedirect");
                let region = region.parse().expect("a header's value");
                answer.headers_mut().insert("x-amz-bucket-region", region);
                Some(answer)
            }
            Oddity::Ahead => Some(error(StatusCode::FORBIDDEN, "RequestTimeTooSkewed")),
            Oddity::RefusesChecksums if has_checksum(headers) => {
                Some(error(StatusCode::NOT_IMPLEMENTED, "NotImplemented"))
            }
            Oddity::Denies(denied) if method.as_str() == *denied => {
                Some(error(StatusCode::FORBIDDEN, "AccessDenied"))
            }
            Oddity::Endless(endless, status) if method.as_str() == *endless => {
                let status = StatusCode::from_u16(*status).expect("a status");
                Some((status, self.endless()).into_response())
            }
            Oddity::Claims(bytes) => Some(match method.as_str() {
                "PUT" => error(StatusCode::PRECONDITION_FAILED, "PreconditionFailed"),
                "HEAD" => {
                    let digest = [("x-amz-meta-sha256", "0".repeat(64))];
                    ([(CONTENT_LENGTH, bytes.to_string())], digest, ()).into_response()
                }
                _ => self.endless().into_response(),
            }),
            _ => None,
        })
    }

    fn endless(&self) -> Body {
        let chunk = Bytes::from(vec![b' '; CHUNK_BYTES]);
        let sent = self.sent_bytes.clone();
        let chunks = futures::stream::repeat_with(move || {
            sent.fetch_add(CHUNK_BYTES as u64, Ordering::Relaxed);
            Ok::<_, Infallible>(chunk.clone())
        });
        Body::from_stream(chunks)
    }

    fn served(&self, method: &Method, path: &str, headers: &HeaderMap, body: Bytes) -> Response {
        let mut objects = self.objects.lock().expect("nobody panicked");
        match method.as_str() {
            "PUT" => {
                let is_taken = objects.contains_key(path) && headers.contains_key("if-none-match");
                if is_taken && !self.is(Oddity::Overwrites) {
                    return error(StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
                }
                objects.insert(path.to_owned(), body);
                StatusCode::OK.into_response()
            }
            "DELETE" => {
                objects.remove(path);
                StatusCode::NO_CONTENT.into_response()
            }
            _ => match objects.get(path) {
                Some(found) => {
                    ([("x-amz-meta-sha256", "0".repeat(64))], found.clone()).into_response()
                }
                None => error(StatusCode::NOT_FOUND, "NoSuchKey"),
            },
        }
    }
}

fn has_checksum(headers: &HeaderMap) -> bool {
    let mut names = headers.keys();
    names.any(|name| name.as_str().starts_with("x-amz-checksum"))
}

fn error(status: StatusCode, code: &str) -> Response {
    let body = format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
    (status, body).into_response()
}
