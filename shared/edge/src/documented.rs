//! Routes and their OpenAPI descriptions from one list, so that they cannot diverge. The routes are
//! built at once, the document on its first request: with all its schemas it is most of the cost of
//! a router, and startup need not wait for it.

use axum::Extension;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::body::BodyBytesMax;
use crate::state::Edge;

/// The handlers under one path.
pub(crate) struct DocumentedRoutes<S> {
    pub(crate) routed: fn(Router<S>) -> Router<S>,
    pub(crate) described: fn() -> UtoipaMethodRouter<S>,
}

/// Whatever the state is; a derived one would want the state's.
impl<S> Clone for DocumentedRoutes<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for DocumentedRoutes<S> {}

/// Of handlers under `#[utoipa::path]`: where they are found, and on demand what is said of them.
///
/// `@path` is an arm of `utoipa_axum::routes!` that is not public API, and the only way to a path
/// without the document of its operation; the workspace pins the crate.
macro_rules! routes {
    ($($($part:ident)::+),+ $(,)?) => {
        $crate::documented::DocumentedRoutes {
            routed: |router| {
                use utoipa_axum::PathItemExt as _;
                $(
                    let path = utoipa_axum::routes!(@path [path()] of $($part)::+);
                    let methods = utoipa_axum::routes!(@path [methods()] of $($part)::+);
                    let on = axum::routing::MethodRouter::new();
                    let on = methods
                        .iter()
                        .fold(on, |on, method| on.on(method.to_method_filter(), $($part)::+));
                    let router = router.route(&path, on);
                )+
                router
            },
            described: || utoipa_axum::routes!($($($part)::+),+),
        }
    };
}
pub(crate) use routes;

/// A router that can describe itself.
pub(crate) struct DocumentedRouter<S = Edge> {
    router: Router<S>,
    described: Vec<fn() -> UtoipaMethodRouter<S>>,
}

impl<S: Clone + Send + Sync + 'static> Default for DocumentedRouter<S> {
    fn default() -> Self {
        Self {
            router: Router::new(),
            described: Vec::new(),
        }
    }
}

impl<S: Clone + Send + Sync + 'static> DocumentedRouter<S> {
    pub(crate) fn routes(mut self, routes: DocumentedRoutes<S>) -> Self {
        let DocumentedRoutes { routed, described } = routes;
        self.described.push(described);
        Self {
            router: routed(self.router),
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

    /// With something that the handlers of all its routes share.
    pub(crate) fn with<T: Clone + Send + Sync + 'static>(self, shared: T) -> Self {
        Self {
            router: self.router.layer(Extension(shared)),
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

    /// The routes, and a function that adds all of them to a document.
    pub(crate) fn into_parts(
        self,
    ) -> (
        Router<S>,
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

#[cfg(test)]
mod tests {
    use axum::routing::MethodRouter;
    use utoipa_axum::PathItemExt;

    mod probe {
        #[utoipa::path(get, path = "/probe/{id}", responses((status = 204)))]
        pub(super) async fn look() -> axum::http::StatusCode {
            axum::http::StatusCode::NO_CONTENT
        }
    }

    /// When this fails, or does not compile, after an update of utoipa-axum: its `routes!` no
    /// longer has the arm `@path`. See what it has in its place; else make the router from the
    /// public form of `routes!`, which builds the whole document at each start.
    #[test]
    fn a_path_and_its_methods_are_told_without_their_document() {
        let path: String = utoipa_axum::routes!(@path [path()] of probe::look);
        let methods = utoipa_axum::routes!(@path [methods()] of probe::look);
        let (_, document, _): utoipa_axum::router::UtoipaMethodRouter<()> =
            utoipa_axum::routes!(probe::look);

        assert_eq!(path, "/probe/{id}");
        assert_eq!(document.paths.keys().collect::<Vec<_>>(), [&path]);
        assert_eq!(methods.len(), 1);
        let filters: Vec<_> = methods.iter().map(PathItemExt::to_method_filter).collect();
        assert_eq!(filters, [axum::routing::MethodFilter::GET]);
        let _: MethodRouter = MethodRouter::new().on(filters[0], probe::look);
    }
}
