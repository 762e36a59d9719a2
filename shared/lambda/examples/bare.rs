//! The least that answers behind a function URL: what `infra/size` measures the functions against.

use lambda_http::{Body, Error, Request, Response, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let answer = |_: Request| async { Ok::<_, Error>(Response::new(Body::Empty)) };
    lambda_http::run(service_fn(answer)).await
}
