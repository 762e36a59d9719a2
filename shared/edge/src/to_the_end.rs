//! Work that must not stop half-way because its client has gone.

use std::any::Any;
use std::error::Error as StdError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tracing::{Instrument as _, Span};

/// Runs in the task that awaits it. If that is dropped first, the rest runs in a task of its own,
/// in the span in which it was made.
///
/// A task from the start would cost each request two more wake-ups.
pub(crate) struct ToTheEnd<F: Future<Output: Send> + Send + 'static> {
    /// `None` once it has ended.
    rest: Option<Pin<Box<F>>>,
    span: Span,
}

impl<F: Future<Output: Send> + Send + 'static> ToTheEnd<F> {
    pub(crate) fn new(work: F) -> Self {
        Self {
            rest: Some(Box::pin(work)),
            span: Span::current(),
        }
    }
}

/// What a panic said, as from a task of its own.
pub(crate) type Panicked = Box<dyn StdError + Send + Sync>;

impl<F: Future<Output: Send> + Send + 'static> Future for ToTheEnd<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut rest = self.rest.take().expect("it is not polled after its end");
        match catch_unwind(AssertUnwindSafe(|| rest.as_mut().poll(context))) {
            Ok(Poll::Ready(done)) => Poll::Ready(Ok(done)),
            Ok(Poll::Pending) => {
                self.rest = Some(rest);
                Poll::Pending
            }
            Err(panic) => Poll::Ready(Err(said(&*panic).into())),
        }
    }
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("it panicked: {}", text.unwrap_or("without a message"))
}

impl<F: Future<Output: Send> + Send + 'static> Drop for ToTheEnd<F> {
    fn drop(&mut self) {
        if let (Some(rest), Ok(runtime)) = (self.rest.take(), Handle::try_current()) {
            runtime.spawn(rest.instrument(self.span.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn what_is_no_longer_awaited_goes_on_to_its_end() {
        let (go_on, waits) = oneshot::channel::<()>();
        let (done, ended) = oneshot::channel();
        let mut work = ToTheEnd::new(async move {
            waits.await.unwrap();
            done.send("done").unwrap();
        });
        assert!(futures::poll!(&mut work).is_pending());

        drop(work);
        go_on.send(()).unwrap();

        assert_eq!(ended.await, Ok("done"));
    }

    #[tokio::test]
    async fn what_was_never_polled_runs_too() {
        let (done, ended) = oneshot::channel();

        drop(ToTheEnd::new(async move { done.send("done").unwrap() }));

        assert_eq!(ended.await, Ok("done"));
    }

    #[tokio::test]
    async fn a_panic_is_an_error_of_who_awaits_it() {
        let panics = ToTheEnd::new(async { panic!("no {}", "way") });

        let error = panics.await.map(|()| "done").unwrap_err();

        assert_eq!(error.to_string(), "it panicked: no way");
    }
}
