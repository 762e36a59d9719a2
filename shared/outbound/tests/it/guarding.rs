//! The guard, from outside: what is refused before a connection, and what when it is made.

use axum::Router;
use axum::routing::get;
use fluxgate_core::Kind;
use fluxgate_core::port::{
    AddressGuard, FetchFailure, Fetched, OutputFetch, OutputFetcher, Purpose,
};
use fluxgate_outbound::{Guard, GuardPolicy, HttpOutputFetcher, NameSettings};
use url::Url;

use crate::servers::{at, loopback_guard, serve, serve_hang_ups, strict_guard, tenant, trace};

async fn fetch(fetcher: &HttpOutputFetcher, url: &Url) -> Result<Fetched, FetchFailure> {
    fetcher
        .fetch(OutputFetch {
            url: url.as_str(),
            promised: None,
            bytes_max: 1024,
            timeout_ms: 5_000,
            trace: &trace(),
        })
        .await
}

async fn code(guard: &Guard, url: &str) -> Option<&'static str> {
    let error = guard
        .check(&tenant(), Purpose::Callback, &Url::parse(url).unwrap())
        .await
        .err()?;
    assert_eq!(error.kind, Kind::Invalid);
    Some(error.code)
}

#[tokio::test]
async fn a_name_that_resolves_to_loopback_is_refused_by_the_check() {
    for url in [
        "https://localhost/",
        "https://LocalHost:8443/",
        "http://localhost/",
        "https://127.0.0.1.:8443/",
    ] {
        assert_eq!(
            code(&strict_guard(), url).await,
            Some("forbidden_address"),
            "{url}"
        );
    }
}

#[tokio::test]
async fn a_name_that_does_not_resolve_now_passes_the_check() {
    assert_eq!(
        code(&strict_guard(), "https://no-such-name.invalid/").await,
        None
    );
}

#[tokio::test]
async fn an_allowed_network_passes_the_check_over_both_schemes() {
    assert_eq!(
        code(&loopback_guard(), "http://localhost:1234/hook").await,
        None
    );
    assert_eq!(
        code(&loopback_guard(), "https://localhost:1234/hook").await,
        None
    );
    assert_eq!(
        code(&loopback_guard(), "http://no-such-name.invalid/").await,
        None
    );
    assert_eq!(
        code(&loopback_guard(), "http://10.0.0.1/").await,
        Some("forbidden_address")
    );
}

#[tokio::test]
async fn a_refusal_tells_the_operator_what_to_do() {
    let url = Url::parse("https://169.254.169.254/latest").unwrap();

    let error = strict_guard()
        .check(&tenant(), Purpose::Callback, &url)
        .await
        .unwrap_err();

    assert!(
        error.message.contains("169.254.169.254"),
        "{}",
        error.message
    );
    assert!(error.message.contains("--allow-net"), "{}", error.message);
    assert!(!error.message.contains("latest"), "{}", error.message);
}

#[tokio::test]
async fn a_name_that_resolves_to_loopback_is_refused_at_connect_time() {
    let (url, connections) = serve_hang_ups().await;
    let fetcher = HttpOutputFetcher::new(strict_guard().client(Purpose::Output));

    let error = fetch(&fetcher, &at(&url, "https://localhost", "/x.png"))
        .await
        .err()
        .unwrap()
        .error;

    assert_eq!(
        (error.kind, error.code),
        (Kind::Invalid, "forbidden_address")
    );
    assert_eq!(connections.get(), 0);
}

/// Some resolvers know `localhost.` and some do not; none may lead there.
#[tokio::test]
async fn a_trailing_dot_leads_nowhere() {
    let (url, connections) = serve_hang_ups().await;
    let fetcher = HttpOutputFetcher::new(strict_guard().client(Purpose::Output));

    for host in [
        "https://localhost.",
        "https://127.0.0.1.",
        "http://localhost.",
    ] {
        assert!(
            fetch(&fetcher, &at(&url, host, "/x.png")).await.is_err(),
            "{host}"
        );
    }
    assert_eq!(connections.get(), 0);
}

/// The client asks no resolver for an address written out, so this is another path than the test
/// above.
#[tokio::test]
async fn an_address_written_out_is_refused_at_request_time() {
    let (url, connections) = serve_hang_ups().await;
    let fetcher = HttpOutputFetcher::new(strict_guard().client(Purpose::Output));

    for host in [
        "https://127.0.0.1",
        "https://2130706433",
        "https://[::ffff:127.0.0.1]",
        "http://127.0.0.1",
    ] {
        let error = fetch(&fetcher, &at(&url, host, "/x.png"))
            .await
            .err()
            .unwrap()
            .error;
        assert_eq!(
            (error.kind, error.code),
            (Kind::Invalid, "forbidden_address"),
            "{host}"
        );
    }
    assert_eq!(connections.get(), 0);
}

/// With some network allowed, plain http passes the first look at a name; its addresses must still
/// be judged for http.
#[tokio::test]
async fn plain_http_to_a_name_outside_the_allowed_networks_is_refused_at_connect_time() {
    let (url, connections) = serve_hang_ups().await;
    let guard = Guard::new(
        GuardPolicy::allowing(vec!["10.0.0.0/8".parse().unwrap()]),
        NameSettings::default(),
    )
    .unwrap();
    let fetcher = HttpOutputFetcher::new(guard.client(Purpose::Output));

    let error = fetch(&fetcher, &at(&url, "http://localhost", "/x.png"))
        .await
        .err()
        .unwrap()
        .error;

    assert_eq!(
        (error.kind, error.code),
        (Kind::Invalid, "forbidden_address")
    );
    assert_eq!(connections.get(), 0);
}

/// Whoever names a store waits for the answer; a callback's name may begin to resolve later.
#[tokio::test]
async fn a_store_over_plain_http_must_have_an_allowed_address_when_it_is_named() {
    let guard = loopback_guard();
    let code = async |purpose, url: &str| {
        let url = Url::parse(url).unwrap();
        let checked = guard.check(&tenant(), purpose, &url).await;
        checked.err().map(|error| error.code)
    };

    for (purpose, url, refused) in [
        (Purpose::Store, "http://localhost:9000", None),
        (Purpose::Store, "http://127.0.0.1:9000", None),
        (Purpose::Store, "http://8.8.8.8", Some("forbidden_address")),
        (
            Purpose::Store,
            "http://store.invalid",
            Some("forbidden_address"),
        ),
        (Purpose::Store, "https://store.invalid", None),
        (Purpose::Callback, "http://store.invalid/hook", None),
    ] {
        assert_eq!(code(purpose, url).await, refused, "{url}");
    }
}

#[tokio::test]
async fn a_name_in_an_allowed_network_is_called_over_plain_http() {
    let url =
        serve(Router::new().route("/x.gif", get(|| async { &b"GIF89a\x01\0\x01\0"[..] }))).await;
    let fetcher = HttpOutputFetcher::new(loopback_guard().client(Purpose::Output));

    let fetched = fetch(&fetcher, &at(&url, "http://localhost", "/x.gif"))
        .await
        .unwrap();

    assert_eq!(fetched.content_type, "image/gif");
}
