//! Connections: accepted, served over HTTP/1.1, and brought to an end when the server stops.

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use s3s::service::S3Service;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinSet;

/// More connections than this wait in the listener's backlog.
const CONNECTIONS_MAX: usize = 1024;
/// How long a connection may take over the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// How long running requests are waited for when the server stops.
pub(super) const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause after a failed accept, which is mostly a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

pub(super) async fn serve(listener: TcpListener, service: S3Service, mut stopped: oneshot::Receiver<()>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        let (stream, permit) = tokio::select! {
            // An error means that the `S3Server` was dropped.
            _ = &mut stopped => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        while connections.try_join_next().is_some() {}
        connections.spawn(connection(stream, permit, service.clone(), &graceful));
    }
    drop(listener);
    // What still runs after the time-out is aborted with the set.
    let _ = tokio::time::timeout(STOP_TIMEOUT, graceful.shutdown()).await;
}

async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    let permit = Arc::clone(permits).acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, permit),
            Err(error) => {
                tracing::warn!(error = %error, "the s3 server could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn connection(
    stream: TcpStream,
    permit: OwnedSemaphorePermit,
    service: S3Service,
    graceful: &GracefulShutdown,
) -> impl Future<Output = ()> + Send + use<> {
    // Without it a delayed acknowledgement adds 40 ms to a small object's download.
    let nodelay = stream.set_nodelay(true);
    let answer = service_fn(move |request| super::answer::answer(service.clone(), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), answer);
    let connection = graceful.watch(connection);
    async move {
        let _permit = permit;
        // A connection that breaks is the client's affair, and its request's effect is all or nothing.
        if nodelay.is_ok() {
            let _ = connection.await;
        }
    }
}
