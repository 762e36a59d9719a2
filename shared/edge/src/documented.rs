//! Routes and what the OpenAPI document says of them, from one list, so that they cannot drift. The
//! routes are made at once, the document when somebody asks for it: with all its schemas it is most
//! of what a router costs, and a start need not wait for it.

use axum::Extension;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::body::BodyBytesMax;
use crate::state::Edge;

/// Handlers under one path.
#[derive(Clone, Copy)]
pub(crate) struct DocumentedRoutes {
    pub(crate) routed: fn(Router<Edge>) -> Router<Edge>,
    pub(crate) described: fn() -> UtoipaMethodRouter<Edge>,
}

/// Of handlers under `#[utoipa::path]`: where they are found, and on demand what is said of them.
macro_rules! routes {
    ($($($part:ident)::+),+ $(,)?) => {
        $crate::documented::DocumentedRoutes {
            routed: |router| {
                use utoipa_axum::PathItemExt as _;
                $(
                    let path = utoipa_axum::routes!(@path [path()] of $($part)::+);
                    let methods = utoipa_axum::routes!(@path [methods()] of $($part)::+);
                    let on = axum::routing::MethodRouter::new();
                    let on = methods.iter().fold(on, |on, method| on.on(method.to_method_filter(), $($part)::+));
                    let router = router.route(&path, on);
                )+
                router
            },
            described: || utoipa_axum::routes!($($($part)::+),+),
        }
    };
}
pub(crate) use routes;

/// A router that knows how to describe itself.
#[derive(Default)]
pub(crate) struct DocumentedRouter {
    router: Router<Edge>,
    described: Vec<fn() -> UtoipaMethodRouter<Edge>>,
}

impl DocumentedRouter {
    pub(crate) fn routes(mut self, routes: DocumentedRoutes) -> Self {
        self.described.push(routes.described);
        Self {
            router: (routes.routed)(self.router),
            ..self
        }
    }

    pub(crate) fn body_limit(self, bytes_max: usize) -> Self {
        let limits = (
            DefaultBodyLimit::max(bytes_max),
            Extension(BodyBytesMax(bytes_max)),
        );
        Self {
            router: self.router.layer(limits),
            ..self
        }
    }

    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.described.extend(other.described);
        Self {
            router: self.router.merge(other.router),
            ..self
        }
    }

    /// The routes, and what completes a document with all of them.
    pub(crate) fn into_parts(
        self,
    ) -> (
        Router<Edge>,
        impl Fn(OpenApi) -> OpenApi + Send + Sync + 'static,
    ) {
        let described = self.described;
        let complete = move |document| {
            let router = OpenApiRouter::with_openapi(document);
            described
                .iter()
                .fold(router, |router, routes| router.routes(routes()))
                .into_openapi()
        };
        (self.router, complete)
    }
}
