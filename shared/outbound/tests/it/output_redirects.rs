//! Outputs behind redirects: each hop is judged anew.

use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Redirect;
use axum::routing::get;
use fluxgate_core::port::{FetchFailureSort as Sort, OutputFetch, OutputFetcher, Purpose};
use fluxgate_outbound::HttpOutputFetcher;
use futures::FutureExt as _;

use crate::output_fetch::{MIB, failure, fetch, fetch_within, png};
use crate::servers::{at, listen, serve, strict_guard, trace};

/// `/5` leads over `/4`, `/3`, … to a picture.
fn hops(most: usize) -> Router {
    let hop = |n: usize| get(move || async move { Redirect::temporary(&format!("/{}", n - 1)) });
    (1..=most).fold(
        Router::new().route("/0", get(|| async { png(100) })),
        |all, n| all.route(&format!("/{n}"), hop(n)),
    )
}

#[tokio::test]
async fn an_output_is_found_behind_up_to_five_redirects() {
    let url = serve(hops(6)).await;

    assert_eq!(
        fetch(url.join("/1").unwrap().as_str(), MIB)
            .await
            .unwrap()
            .bytes,
        100
    );
    assert_eq!(
        fetch(url.join("/5").unwrap().as_str(), MIB)
            .await
            .unwrap()
            .bytes,
        100
    );
    assert_eq!(
        failure(url.join("/6").unwrap().as_str(), MIB).await,
        (Sort::Unusable, "output_unavailable")
    );
}

#[tokio::test]
async fn every_kind_of_redirect_is_followed_and_one_to_nowhere_is_not() {
    let moved = |status: u16, to: &'static str| {
        get(move || async move {
            (
                StatusCode::from_u16(status).unwrap(),
                [(header::LOCATION, to)],
            )
        })
    };
    let kinds = [301, 302, 303, 307, 308];
    let router = kinds.iter().fold(Router::new(), |all, n| {
        all.route(&format!("/{n}"), moved(*n, "picture?a=1#b"))
    });
    let router = router
        .route("/picture", get(|| async { png(100) }))
        .route("/silent", get(|| async { StatusCode::FOUND }))
        .route("/unreadable", moved(302, "http://["))
        .route("/choice", moved(300, "/picture"));
    let url = serve(router).await;

    for n in kinds {
        assert_eq!(
            fetch(url.join(&n.to_string()).unwrap().as_str(), MIB)
                .await
                .unwrap()
                .bytes,
            100,
            "{n}"
        );
    }
    for path in ["/silent", "/unreadable"] {
        let failure = failure(url.join(path).unwrap().as_str(), MIB).await;
        assert_eq!(failure, (Sort::Unusable, "output_unavailable"), "{path}");
    }
    assert_eq!(
        failure(url.join("/choice").unwrap().as_str(), MIB).await.0,
        Sort::Unavailable
    );
}

#[tokio::test]
async fn each_hop_is_judged_by_the_guard() {
    let (elsewhere, target) = listen().await;
    let places = [
        "https://10.0.0.1/",
        "http://169.254.169.254/latest",
        "http://8.8.8.8/",
        "file:///etc/passwd",
        "data:,a",
    ];
    for place in places {
        let url = serve(Router::new().route(
            "/out",
            get(move || async move { Redirect::temporary(place) }),
        ))
        .await;

        let failure = failure(url.join("/out").unwrap().as_str(), MIB).await;

        assert_eq!(failure.0, Sort::Forbidden, "{place}");
    }
    let to = target.to_string();
    let url =
        serve(Router::new().route("/out", get(move || async move { Redirect::temporary(&to) })))
            .await;
    let fetcher =
        HttpOutputFetcher::new(strict_guard().with_provider(&url).client(Purpose::Output));
    let out = url.join("/out").unwrap();

    let output = OutputFetch {
        url: out.as_str(),
        promised: None,
        bytes_max: MIB,
        timeout_ms: 5_000,
        trace: &trace(),
    };
    let failure = fetcher.fetch(output).await.err().unwrap();

    assert_eq!(
        (failure.sort, failure.error.code),
        (Sort::Forbidden, "forbidden_address")
    );
    assert!(
        elsewhere.accept().now_or_never().is_none(),
        "the guard judged after the connection"
    );
}

#[tokio::test]
async fn a_redirect_carries_no_credentials_and_no_referer() {
    let seen = |headers: HeaderMap| async move {
        let carried = [header::AUTHORIZATION, header::COOKIE, header::REFERER];
        if carried.iter().any(|name| headers.contains_key(name)) {
            Err(StatusCode::BAD_REQUEST)
        } else {
            Ok(png(100))
        }
    };
    let leading = || async {
        (
            [(header::SET_COOKIE, "a=b")],
            Redirect::temporary("/target"),
        )
    };
    let url = serve(
        Router::new()
            .route("/out", get(leading))
            .route("/target", get(seen)),
    )
    .await;
    let out = at(&url, "http://user:password@127.0.0.1", "/out");

    assert_eq!(fetch(out.as_str(), MIB).await.unwrap().bytes, 100);
}

#[tokio::test]
async fn the_time_out_is_for_all_hops_together() {
    let slow = |to: &'static str| {
        get(move || async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            Redirect::temporary(to)
        })
    };
    let url = serve(
        Router::new()
            .route("/a", slow("/b"))
            .route("/b", slow("/a")),
    )
    .await;

    let failure = fetch_within(url.join("/a").unwrap().as_str(), MIB, 500)
        .await
        .err()
        .unwrap();

    assert!(
        failure.error.message.ends_with("did not answer in time"),
        "{}",
        failure.error.message
    );
}
