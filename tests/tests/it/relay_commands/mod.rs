//! `fluxgate endpoints`, `deliveries`, `listen`, `trigger` and `verify`: a tenant's callbacks from
//! a terminal.

mod foreign_gateway;
mod listen;
mod verify;

use fluxgate_tests::receiver::Reply;
use fluxgate_tests::{Gateway, LiveReceiver, TestTenant, eventually, process};
use serde_json::Value;

use crate::command::said;

/// A gateway with a receiver, and the flags that name the tenant.
struct Bed {
    gateway: Gateway,
    tenant: TestTenant,
    receiver: LiveReceiver,
}

impl Bed {
    async fn start() -> Self {
        let gateway = Gateway::start().await;
        Self {
            tenant: gateway.tenant("acme", "1").await,
            receiver: LiveReceiver::start().await,
            gateway,
        }
    }

    /// What a command prints that works, run beside this test's server.
    async fn told(&self, args: &[&str]) -> String {
        let (good, stdout, stderr) = self.run(args).await;
        assert!(good, "{args:?}: {stderr}");
        stdout
    }

    /// Why a command fails.
    async fn why(&self, args: &[&str]) -> String {
        let (good, stdout, stderr) = self.run(args).await;
        assert!(!good, "{args:?}: {stdout}");
        stderr
    }

    async fn run(&self, args: &[&str]) -> (bool, String, String) {
        let data = self.gateway.server.folder().path.clone();
        let mut all: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let named = ["--tenant", "acme", "--data", data.to_str().unwrap()];
        let url = self.gateway.server.base_url();
        all.extend(named.map(str::to_owned));
        all.extend(["--url".to_owned(), url]);
        let run = move || process::run(&all.iter().map(String::as_str).collect::<Vec<_>>());
        let output = tokio::task::spawn_blocking(run).await.unwrap();
        let stdout = String::from_utf8(output.stdout.clone()).unwrap();
        (output.status.success(), stdout, said(&output))
    }

    /// The id and the secret of an endpoint that a command created.
    async fn created(&self, args: &[&str]) -> (String, String) {
        let url = self.receiver.url("events");
        let create = [&["endpoints", "create", &url], args].concat();
        let text = self.told(&create).await;
        (field(&text, "endpoint"), field(&text, "secret"))
    }
}

/// What a line of the output says of this.
fn field(text: &str, name: &str) -> String {
    let value = text.lines().find_map(|line| {
        let rest = line.strip_prefix(name)?;
        rest.starts_with(' ').then(|| rest.trim().to_owned())
    });
    value.unwrap_or_else(|| panic!("no '{name}' in: {text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_created_shown_changed_and_deleted_from_a_terminal() {
    let bed = Bed::start().await;
    let fields = "--event task.completed --filter-metadata shop=1 --rate 50 --header";
    let mut fields: Vec<&str> = fields.split(' ').collect();
    fields.push("X-Api-Key: top secret");
    let (id, secret) = bed.created(&fields).await;
    assert!(secret.starts_with("whsec_"), "{secret}");

    let shown = bed.told(&["endpoints", "show", &id]).await;
    assert!(
        !shown.contains("whsec_") && !shown.contains("top secret"),
        "{shown}"
    );
    for (name, wanted) in [
        ("state", "enabled"),
        ("events", "task.completed"),
        ("filter", "shop=1"),
        ("headers", "x-api-key"),
        ("limits", "50 a second"),
        ("health", "good"),
    ] {
        assert_eq!(field(&shown, name), wanted, "{shown}");
    }
    let listed = bed.told(&["endpoints", "list"]).await;
    let words: Vec<&str> = listed.split_whitespace().collect();
    assert_eq!(words[1..3], ["enabled", "ok"], "{listed}");
    let change = "--event all --remove-header x-api-key --no-filter --rate none";
    let mut change: Vec<&str> = change.split(' ').collect();
    change.extend(["--description", "orders"]);
    let changed = bed
        .told(&[&["endpoints", "change", &id], &change[..]].concat())
        .await;
    assert_eq!(field(&changed, "events"), "all but task.started");
    assert_eq!(field(&changed, "description"), "orders");
    for gone in ["headers", "filter", "limits"] {
        assert!(!changed.contains(gone), "{changed}");
    }
    assert_eq!(
        field(&bed.told(&["endpoints", "disable", &id]).await, "state"),
        "disabled"
    );
    let listed = bed.told(&["endpoints", "list"]).await;
    assert!(
        listed.starts_with(&id) && listed.contains("disabled"),
        "{listed}"
    );
    assert_eq!(
        field(&bed.told(&["endpoints", "enable", &id]).await, "state"),
        "enabled"
    );
    let json: Value =
        serde_json::from_str(&bed.told(&["endpoints", "list", "--json"]).await).unwrap();
    assert_eq!(json[0]["id"], id.as_str());
    bed.told(&["endpoints", "delete", &id]).await;
    assert_eq!(bed.told(&["endpoints", "list"]).await, "");
    let gone = bed.why(&["endpoints", "show", &id]).await;
    assert!(gone.contains("HTTP 404"), "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_gateway_refuses_is_said_in_one_line() {
    let bed = Bed::start().await;
    let (id, _) = bed.created(&[]).await;

    for (args, wanted) in [
        (
            vec!["endpoints", "create", "ftp://hooks.example/"],
            "the callback URL must start with",
        ),
        (
            vec!["endpoints", "change", &id, "--event", "task.done"],
            "'task.done' is not an event type",
        ),
        (
            vec!["endpoints", "change", &id, "--header", "Host: a"],
            "is sent by Fluxgate itself",
        ),
        (vec!["endpoints", "change", &id], "nothing is to be changed"),
        (vec!["endpoints", "rotate-key", &id], "does not sign by v1a"),
        (
            vec!["deliveries", "list", "--state", "done"],
            "'done' is not a state",
        ),
        (
            vec!["deliveries", "show", &format!("{}-00", "0".repeat(32))],
            "no delivery",
        ),
        (
            vec!["trigger", "task.done"],
            "'task.done' is not an event type",
        ),
    ] {
        let why = bed.why(&args).await;
        let line = why.lines().find(|line| line.starts_with("fluxgate: "));
        assert!(
            line.is_some_and(|line| line.contains(wanted)),
            "{args:?}: {why}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_receiver_is_seen_mended_and_told_again_from_a_terminal() {
    let bed = Bed::start().await;
    let (id, _) = bed.created(&[]).await;
    bed.receiver.answer_always(Reply {
        status: 503,
        headers: vec![("retry-after", "0".to_owned())],
        body: "the queue\nis full \u{1b}[31m".to_owned(),
    });
    let task = bed.tenant.submit(&bed.tenant.inputs().await).await;
    let list = [
        "deliveries",
        "list",
        "--task",
        &task,
        "--endpoint",
        &id,
        "--state",
        "exhausted",
    ];
    let line = eventually("an exhausted delivery", || async {
        Some(bed.told(&list).await).filter(|text| !text.is_empty())
    })
    .await;
    assert!(
        line.contains("task.completed") && line.contains("HTTP 503"),
        "{line}"
    );
    let delivery = line.split_whitespace().next().unwrap();

    let shown = bed.told(&["deliveries", "show", delivery]).await;
    assert_eq!(field(&shown, "state"), "exhausted");
    assert_eq!(shown.matches("\nattempt ").count(), 5, "{shown}");
    for wanted in [
        "server_error",
        "the receiver answered 503",
        "the queue",
        "is full",
        "retry after 0",
    ] {
        assert!(shown.contains(wanted), "no '{wanted}' in: {shown}");
    }
    assert!(
        !shown.contains('\u{1b}'),
        "a receiver commands the terminal"
    );
    let body = bed.told(&["deliveries", "show", delivery, "--body"]).await;
    assert_eq!(body.trim_end().as_bytes(), bed.receiver.received()[0].body);

    bed.receiver.answer_always(Reply::of(204));
    let replayed = bed.told(&["deliveries", "replay", delivery]).await;
    assert_eq!(field(&replayed, "state"), "pending");
    eventually("a delivered one", || async {
        let shown = bed.told(&["deliveries", "show", delivery]).await;
        (field(&shown, "state") == "delivered").then_some(())
    })
    .await;
    let over = bed.why(&["deliveries", "cancel", delivery]).await;
    assert!(over.contains("the delivery is delivered already"), "{over}");
    let recovered = bed.told(&["endpoints", "recover", &id]).await;
    assert!(recovered.contains("recovery"), "{recovered}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_is_read_page_by_page() {
    let bed = Bed::start().await;
    bed.created(&[]).await;
    let inputs = bed.tenant.inputs().await;
    for _ in 0..3 {
        let task = bed.tenant.submit(&inputs).await;
        bed.receiver.about(&task, 1).await;
    }
    eventually("three delivered callbacks", || async {
        let listed = bed
            .told(&["deliveries", "list", "--state", "delivered"])
            .await;
        (listed.lines().count() == 3).then_some(())
    })
    .await;

    let (_, two, more) = bed.run(&["deliveries", "list", "--limit", "2"]).await;

    assert_eq!(two.lines().count(), 2);
    assert!(more.contains("--limit"), "{more}");
    let json = bed
        .told(&["deliveries", "list", "--json", "--limit", "1000"])
        .await;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (json["deliveries"].as_array().unwrap().len(), &json["next"]),
        (3, &Value::Null)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_event_says_what_came_back() {
    let bed = Bed::start().await;
    let none = bed.why(&["trigger", "task.completed"]).await;
    assert!(none.contains("fluxgate endpoints create"), "{none}");
    let (id, _) = bed.created(&[]).await;

    let told = bed.told(&["trigger", "task.failed"]).await;
    assert!(
        told.starts_with("delivered: task.failed evt_") && told.contains("HTTP 204"),
        "{told}"
    );
    bed.receiver.answer(&[302]);
    let (good, told, why) = bed.run(&["endpoints", "test", &id]).await;
    assert!(
        !good && told.contains("/elsewhere") && told.contains("redirect"),
        "{told}"
    );
    assert!(why.contains("did not take the event"), "{why}");
    let other = bed.receiver.url("other");
    bed.told(&["endpoints", "create", &other]).await;
    let several = bed.why(&["trigger", "task.completed"]).await;
    assert!(
        several.contains(&other) && several.contains("--endpoint"),
        "{several}"
    );
}
