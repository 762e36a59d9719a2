//! How names are looked up on the way out, against a DNS server of the test's own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fluxgate_core::Result;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::port::{
    AddressGuard as _, FetchFailure, Fetched, OutputFetch, OutputFetcher as _, Purpose,
};
use fluxgate_core::trace_context::TraceContext;
use fluxgate_outbound::{Guard, GuardPolicy, HttpOutputFetcher, NameSettings};
use fluxgate_tests::dns_server::SILENT;
use fluxgate_tests::{DnsServer, eventually};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::Url;

/// Longer than any test may take: a caller that waits for it hangs.
const FOR_EVER: Duration = Duration::from_secs(600);

fn guard_asking(servers: Vec<SocketAddr>, timeout: Duration, allow: &str) -> Arc<Guard> {
    let policy = GuardPolicy::allowing(vec![allow.parse().unwrap()]);
    Arc::new(Guard::new(policy, NameSettings { servers, timeout }).unwrap())
}

fn guard(dns: &DnsServer, timeout: Duration) -> Arc<Guard> {
    guard_asking(vec![dns.addr()], timeout, "127.0.0.0/8")
}

async fn check(guard: &Guard, tenant: &str, name: &str) -> Result<()> {
    let url = Url::parse(&format!("https://{name}/hook")).unwrap();
    guard
        .check(&TenantId::parse(tenant).unwrap(), Purpose::Callback, &url)
        .await
}

/// Checks of one tenant that wait for names that are never answered.
fn silent_checks(
    guard: &Arc<Guard>,
    tenant: &'static str,
    count: usize,
) -> Vec<JoinHandle<Result<()>>> {
    let silent = |n| {
        let guard = Arc::clone(guard);
        tokio::spawn(async move { check(&guard, tenant, &format!("{n}{SILENT}")).await })
    };
    (0..count).map(silent).collect()
}

async fn fetch(guard: &Guard, url: &str) -> std::result::Result<Fetched, FetchFailure> {
    let fetcher = HttpOutputFetcher::new(guard.client(Purpose::Output));
    fetcher
        .fetch(OutputFetch {
            url,
            promised: None,
            bytes_max: 1024,
            timeout_ms: 60_000,
            trace: &TraceContext::of_task(&TaskId::parse(&"a".repeat(32)).unwrap()),
        })
        .await
}

#[tokio::test]
async fn a_tenant_s_silent_names_hold_up_its_own_checks_and_nobody_else_s() {
    let dns = DnsServer::start().await;
    let guard = guard(&dns, FOR_EVER);
    let stuck = silent_checks(&guard, "hostile", 100);
    eventually("the look-ups that one tenant may have", || async {
        (dns.silent_names() == 4).then_some(())
    })
    .await;

    for tenant in ["acme", "bolt"] {
        let name = format!("{tenant}.example");
        dns.set(&name, "10.0.0.1", 60);
        assert_eq!(
            check(&guard, tenant, &name).await.unwrap_err().code,
            "forbidden_address",
            "{tenant}"
        );
    }

    assert!(stuck.iter().all(|check| !check.is_finished()));
    assert_eq!(dns.silent_names(), 4);
    stuck.iter().for_each(JoinHandle::abort);
}

#[tokio::test]
async fn a_tenant_s_silent_callbacks_do_not_keep_it_from_its_key_set_or_its_outputs() {
    let dns = DnsServer::start().await;
    dns.set("keys.example", "10.0.0.1", 60);
    dns.set("outputs.example", "10.0.0.1", 60);
    let guard = guard(&dns, FOR_EVER);
    let stuck = silent_checks(&guard, "acme", 8);
    eventually("the look-ups that one tenant may have", || async {
        (dns.silent_names() == 4).then_some(())
    })
    .await;

    let url = Url::parse("https://keys.example/jwks").unwrap();
    let keys = guard
        .check(&TenantId::parse("acme").unwrap(), Purpose::KeySet, &url)
        .await;
    let output = fetch(&guard, "https://outputs.example/0.png").await;

    assert_eq!(keys.unwrap_err().code, "forbidden_address");
    assert_eq!(output.err().unwrap().error.code, "forbidden_address");
    stuck.iter().for_each(JoinHandle::abort);
}

#[tokio::test]
async fn a_name_that_nobody_answers_for_is_let_through_in_time() {
    let dns = DnsServer::start().await;
    let guard = guard(&dns, Duration::from_millis(300));

    let name = format!("hooks{SILENT}");

    check(&guard, "acme", &name).await.unwrap();
    let asked = dns.asked(&name);
    let failure = fetch(&guard, &format!("https://{name}/0.png"))
        .await
        .err()
        .unwrap();

    assert!(
        failure
            .error
            .message
            .contains("its name could not be looked up in time"),
        "{}",
        failure.error.message
    );
    assert_eq!(
        dns.asked(&name),
        asked,
        "a name that is silent is not asked for again at once"
    );
}

#[tokio::test]
async fn whoever_asks_for_a_name_that_is_being_asked_for_waits_for_the_same_answer() {
    let dns = DnsServer::start().await;
    dns.set("hooks.example", "10.0.0.1", 60);
    dns.hold(true);
    let guard = guard(&dns, FOR_EVER);
    let check = |n| {
        let guard = Arc::clone(&guard);
        tokio::spawn(async move { check(&guard, &format!("tenant-{n}"), "hooks.example").await })
    };
    let checks: Vec<_> = (0..50).map(check).collect();
    eventually("the question", || async {
        (dns.asked("hooks.example") > 0).then_some(())
    })
    .await;

    dns.hold(false);

    for check in checks {
        assert_eq!(check.await.unwrap().unwrap_err().code, "forbidden_address");
    }
    assert_eq!(dns.asked("hooks.example"), 1);
}

/// A caller that leaves loses neither its permit nor the answer for the others.
#[tokio::test]
async fn a_look_up_goes_on_without_the_one_who_began_it() {
    let dns = DnsServer::start().await;
    dns.set("hooks.example", "10.0.0.1", 60);
    dns.hold(true);
    let guard = guard(&dns, FOR_EVER);
    let first = tokio::spawn({
        let guard = Arc::clone(&guard);
        async move { check(&guard, "acme", "hooks.example").await }
    });
    eventually("the question", || async {
        (dns.asked("hooks.example") > 0).then_some(())
    })
    .await;

    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    dns.hold(false);

    assert_eq!(
        check(&guard, "bolt", "hooks.example")
            .await
            .unwrap_err()
            .code,
        "forbidden_address"
    );
    assert_eq!(dns.asked("hooks.example"), 1);
}

#[tokio::test]
async fn an_answer_is_kept_as_long_as_it_allows_and_no_longer() {
    let dns = DnsServer::start().await;
    let guard = guard(&dns, FOR_EVER);
    dns.set("lasting.example", "10.0.0.1", 60);
    dns.set("brief.example", "10.0.0.1", 0);

    for _ in 0..3 {
        check(&guard, "acme", "lasting.example").await.unwrap_err();
        check(&guard, "acme", "brief.example").await.unwrap_err();
        check(&guard, "acme", "absent.example").await.unwrap();
    }

    let asked = ["lasting", "brief", "absent"].map(|name| dns.asked(&format!("{name}.example")));
    assert_eq!(asked, [1, 3, 1]);
}

#[tokio::test]
async fn a_name_is_asked_for_again_when_its_time_is_over() {
    let dns = DnsServer::start().await;
    let guard = guard(&dns, FOR_EVER);
    dns.set_in_turn("moving.example", &["10.0.0.1", "8.8.8.8"], 1);

    assert_eq!(
        check(&guard, "acme", "moving.example")
            .await
            .unwrap_err()
            .code,
        "forbidden_address"
    );

    eventually("the new address", || async {
        check(&guard, "acme", "moving.example").await.ok()
    })
    .await;
    assert_eq!(dns.asked("moving.example"), 2);
}

#[tokio::test]
async fn an_answer_that_does_not_fit_a_packet_is_asked_for_by_tcp() {
    let dns = DnsServer::start().await;
    dns.set("large.example", "10.0.0.1", 60);
    dns.truncate("large.example");

    let error = check(&guard(&dns, FOR_EVER), "acme", "large.example")
        .await
        .unwrap_err();

    assert_eq!(error.code, "forbidden_address");
}

#[tokio::test]
async fn a_server_that_is_silent_or_not_there_does_not_keep_the_next_one_from_answering() {
    let (silent, dns) = (DnsServer::start().await, DnsServer::start().await);
    let nobody = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    silent.hold(true);
    dns.set("hooks.example", "10.0.0.1", 60);

    for first in [silent.addr(), nobody] {
        let guard = guard_asking(
            vec![first, dns.addr()],
            Duration::from_secs(4),
            "127.0.0.0/8",
        );
        assert_eq!(
            check(&guard, "acme", "hooks.example")
                .await
                .unwrap_err()
                .code,
            "forbidden_address"
        );
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_of_one_family_does_not_hide_the_other() {
    let dns = DnsServer::start().await;
    dns.set("half.example", "10.0.0.1", 60);
    dns.silence_ipv6("half.example");

    let error = check(&guard(&dns, Duration::from_secs(4)), "acme", "half.example")
        .await
        .unwrap_err();

    assert_eq!(error.code, "forbidden_address");
}

/// DNS rebinding: each look-up gives another address, and none may be cached.
#[tokio::test]
async fn a_connection_goes_to_the_address_that_was_judged() {
    let dns = DnsServer::start().await;
    let allowed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = allowed.local_addr().unwrap().port();
    let forbidden = TcpListener::bind(("127.0.0.2", port)).await.unwrap();
    let guard = guard_asking(vec![dns.addr()], FOR_EVER, "127.0.0.1/32");
    let url = format!("http://two-faced.example:{port}/0.png");

    dns.set_in_turn("two-faced.example", &["127.0.0.1", "127.0.0.2"], 0);
    let admitted = tokio::select! {
        accepted = allowed.accept() => accepted.is_ok(),
        _ = fetch(&guard, &url) => false,
        _ = forbidden.accept() => panic!("the address was called without a check"),
    };
    dns.set_in_turn("two-faced.example", &["127.0.0.2", "127.0.0.1"], 0);
    let refused = tokio::select! {
        failure = fetch(&guard, &url) => failure.err().unwrap().error.code,
        _ = allowed.accept() => "called on",
        _ = forbidden.accept() => "called all the same",
    };

    assert!(admitted);
    assert_eq!(refused, "forbidden_address");
}
