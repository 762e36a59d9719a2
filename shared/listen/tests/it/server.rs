//! A listener with short bounds, and a service that a test can look into.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fluxgate_listen::{BoxError, ConnectionBounds, Listening, RequestBody, bind};
use http_body_util::{BodyExt as _, Empty, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use hyper::{Request, Response, StatusCode};
use tokio::sync::{Notify, mpsc};

type Body = UnsyncBoxBody<Bytes, Infallible>;

pub(crate) struct Server {
    pub(crate) listening: Listening,
    events: mpsc::UnboundedReceiver<String>,
    pub(crate) release: Arc<Notify>,
}

struct Service {
    events: mpsc::UnboundedSender<String>,
    release: Arc<Notify>,
}

/// Times short enough for a test, and long enough for a loaded machine to be within them where it
/// should.
pub(crate) fn quick() -> ConnectionBounds {
    ConnectionBounds {
        open_max: 100,
        open_per_address_max: 100,
        head_timeout_ms: 500,
        idle_timeout_ms: 1_500,
        stall_timeout_ms: 500,
        body_timeout_ms: 60_000,
        ..ConnectionBounds::default()
    }
}

impl Server {
    pub(crate) fn start(bounds: ConnectionBounds) -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let release = Arc::new(Notify::new());
        let service = Arc::new(Service {
            events: sender,
            release: release.clone(),
        });
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let listening = Listening::start(listener, bounds, move |request| {
            answer(service.clone(), request)
        })
        .unwrap();
        Self {
            listening,
            events,
            release,
        }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.listening.addr()
    }

    /// What the service tells next.
    pub(crate) async fn event(&mut self) -> String {
        let event = tokio::time::timeout(Duration::from_secs(30), self.events.recv()).await;
        event.expect("the service tells something").unwrap()
    }

    /// Answers one request to `/held`.
    pub(crate) fn release_one(&self) {
        self.release.notify_one();
    }
}

/// `/held` is answered when it is released, `/body` when the body is there, `/endless` with a body
/// that never ends, and everything else at once.
async fn answer(
    service: Arc<Service>,
    request: Request<RequestBody>,
) -> Result<Response<Body>, BoxError> {
    let path = request.uri().path().to_owned();
    let status = match path.as_str() {
        "/held" => {
            service.events.send("held".to_owned()).unwrap();
            service.release.notified().await;
            StatusCode::OK
        }
        "/body" => read(&service, request).await,
        "/endless" => return Ok(Response::new(endless(service.events.clone()))),
        _ => StatusCode::OK,
    };
    Ok(Response::builder()
        .status(status)
        .header("content-length", 0)
        .body(Empty::new().boxed_unsync())?)
}

async fn read(service: &Service, request: Request<RequestBody>) -> StatusCode {
    match request.collect().await {
        Ok(body) => {
            service
                .events
                .send(format!("read {} bytes", body.to_bytes().len()))
                .unwrap();
            StatusCode::OK
        }
        Err(error) => {
            let kind = error
                .downcast_ref::<std::io::Error>()
                .map(std::io::Error::kind);
            service.events.send(format!("{kind:?}")).unwrap();
            StatusCode::REQUEST_TIMEOUT
        }
    }
}

/// Tells when it is dropped.
fn endless(events: mpsc::UnboundedSender<String>) -> Body {
    struct Told(mpsc::UnboundedSender<String>);
    impl Drop for Told {
        fn drop(&mut self) {
            // The receiver may be gone.
            drop(self.0.send("endless body dropped".to_owned()));
        }
    }
    let told = Told(events);
    let frames = futures::stream::repeat_with(move || {
        let _held = &told;
        Ok(Frame::data(Bytes::from_static(&[0; 65_536])))
    });
    StreamBody::new(frames).boxed_unsync()
}
