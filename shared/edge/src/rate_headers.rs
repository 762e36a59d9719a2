//! The layer that adds the headers of the rate limit to every answer.
//!
//! Written out, as is that of [`crate::body_form`]: a layer that is made from an async function
//! copies all that is inside it for each request.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::extract::Request;
use axum::response::Response;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::throttle::RateReport;

#[derive(Clone, Copy)]
pub(crate) struct RateHeaders;

#[derive(Clone)]
pub(crate) struct WithRateHeaders<S>(S);

pin_project! {
    pub(crate) struct Answering<F> {
        #[pin]
        answer: F,
        report: RateReport,
    }
}

impl<S> Layer<S> for RateHeaders {
    type Service = WithRateHeaders<S>;

    fn layer(&self, inner: S) -> Self::Service {
        WithRateHeaders(inner)
    }
}

impl<S, B> Service<Request> for WithRateHeaders<S>
where
    S: Service<Request, Response = Response<B>>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = Answering<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let report = RateReport::default();
        request.extensions_mut().insert(report.clone());
        Answering {
            answer: self.0.call(request),
            report,
        }
    }
}

impl<F, B, E> Future for Answering<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut answered = ready!(this.answer.poll(context));
        if let Ok(response) = &mut answered {
            this.report.tell(response.headers_mut());
        }
        Poll::Ready(answered)
    }
}
