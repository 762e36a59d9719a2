//! Whether the table is one that this release may use: looked at when a function starts and, until
//! it is, before each request; also after it was gone.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use fluxgate_aws::dynamodb::DynamoStore;

/// Callers get 503 while the table is restored or is another release's, rather than the platform's
/// 502 for a function that did not start.
pub struct TableGate {
    store: Arc<DynamoStore>,
}

impl TableGate {
    /// Looks at the table for the first time. What is wrong with it goes to the log alone.
    pub(crate) async fn first_look(store: Arc<DynamoStore>) -> Self {
        let gate = Self { store };
        if let Err(error) = gate.pass().await {
            tracing::error!(
                error = error.with_causes(),
                "the table cannot be used; every request is refused until it can"
            );
        }
        gate
    }

    /// The router, for requests that come once the table can be used.
    pub fn guard(self, router: Router) -> Router {
        router.layer(from_fn_with_state(Arc::new(self), guarded))
    }

    async fn pass(&self) -> fluxgate_core::Result<()> {
        match self.store.is_checked() {
            true => Ok(()),
            false => self.store.check_schema().await,
        }
    }
}

async fn guarded(State(gate): State<Arc<TableGate>>, request: Request, next: Next) -> Response {
    match gate.pass().await {
        Ok(()) => next.run(request).await,
        Err(error) => fluxgate_edge::refusal(request.uri(), error),
    }
}
