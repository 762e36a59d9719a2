//! Accepts connections and answers on them. By hand, because a fault has to be able to drop one without an answer.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Request, Response};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

/// Says in a response's extensions that the connection is to be dropped instead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HangUp;

/// How long the connections have to finish their answers at the end.
const STOP_WAIT_MAX: Duration = Duration::from_secs(2);
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

impl IntoResponse for HangUp {
    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(self);
        response
    }
}

/// Serves until told to stop, then waits a bounded time for what is under way.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let connections = TaskTracker::new();
    let drop_all = CancellationToken::new();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, _)) => {
                let serving = connection(stream, router.clone(), stop.clone());
                connections.spawn(drop_all.clone().run_until_cancelled_owned(serving));
            }
            // Out of file descriptors, most likely: let some close.
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
    connections.close();
    // Whoever has not finished by then is cut off.
    let _ = tokio::time::timeout(STOP_WAIT_MAX, connections.wait()).await;
    drop_all.cancel();
}

async fn connection(stream: TcpStream, router: Router, stop: CancellationToken) {
    // Only latency suffers without it.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(router.clone(), request));
    let serving = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// An error makes hyper drop the connection without a word.
async fn answer(router: Router, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let answered: Result<_, Infallible> = router.oneshot(request.map(Body::new)).await;
    let mut response = answered.unwrap_or_else(|never| match never {});
    if response.extensions().get::<HangUp>().is_some() {
        return Err(io::Error::other("hung up (emulated)"));
    }
    response.headers_mut().insert(HeaderName::from_static("x-fluxgate-emulator"), HeaderValue::from_static("1"));
    Ok(response)
}
