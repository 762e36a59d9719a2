//! A bare reverse proxy on hyper, without tokens, checks or a store: the baseline for the gateway's
//! submit.

use std::convert::Infallible;
use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use clap::Args;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};

#[derive(Args)]
pub(crate) struct ProxyArgs {
    #[arg(long)]
    listen: SocketAddr,
    #[arg(long)]
    provider: String,
}

type Provider = Client<HttpConnector, Incoming>;
type Body = BoxBody<Bytes, hyper::Error>;

pub(crate) async fn run(args: ProxyArgs) -> Result<()> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Provider = Client::builder(TokioExecutor::new()).build(connector);
    let listener = TcpListener::bind(args.listen)
        .await
        .context("the proxy cannot listen")?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(connection(stream, client.clone(), args.provider.clone()));
    }
}

async fn connection(stream: TcpStream, client: Provider, provider: String) {
    // Without it the proxy would look slower than it is.
    drop(stream.set_nodelay(true));
    let service = service_fn(|request| forward(client.clone(), provider.clone(), request));
    // A client that hangs up is normal.
    drop(
        hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}

async fn forward(
    client: Provider,
    provider: String,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    let Ok(uri) = format!("{provider}{path}").parse::<Uri>() else {
        return Ok(bad_gateway());
    };
    *request.uri_mut() = uri;
    request.headers_mut().remove(hyper::header::HOST);
    match client.request(request).await {
        Ok(response) => Ok(response.map(BodyExt::boxed)),
        Err(_) => Ok(bad_gateway()),
    }
}

fn bad_gateway() -> Response<Body> {
    let empty = Full::new(Bytes::new()).map_err(|never| match never {});
    let mut response = Response::new(empty.boxed());
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}
