//! The operator's commands: tenants, prices and accounts.

use fluxgate_emulator::{Emulator, EmulatorConfig};
use fluxgate_tests::process;
use fluxgate_tests::tenant::MODEL;
use serde_json::{Value, json};

const FLUX_DEV: &str = "wavespeed-ai/flux-dev";

/// A data folder with one tenant.
struct Installation {
    data: String,
    folder: tempfile::TempDir,
}

impl Installation {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let installation = Self {
            data: folder.path().join("data").to_str().unwrap().to_owned(),
            folder,
        };
        installation.does(&["tenants", "add", "acme", "--balance", "2"]);
        installation
    }

    fn run(&self, args: &[&str]) -> std::process::Output {
        process::run(&[args, &["--data", &self.data]].concat())
    }

    fn does(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(
            output.status.success(),
            "{args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    fn fails(&self, args: &[&str], wanted: &str) {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(wanted), "{args:?}: {said}");
    }

    fn shown(&self) -> Value {
        serde_json::from_str(&self.does(&["tenants", "show", "acme"])).unwrap()
    }

    fn file(&self, name: &str, content: &Value) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

#[test]
fn a_tenant_is_changed_suspended_resumed_and_deleted() {
    let here = Installation::new();
    let trust = json!([{ "issuer": "https://id.example", "audience": "fluxgate", "keys": "oidc" }]);

    let changed = here.does(&[
        "tenants",
        "change",
        "acme",
        "--trust",
        &here.file("trust", &trust),
        "--prefix",
        "a/b",
    ]);
    here.does(&["tenants", "suspend", "acme"]);
    let suspended = here.shown();
    here.does(&["tenants", "resume", "acme"]);

    assert!(
        changed.contains("https://id.example") && changed.contains("s3://fluxgate-acme/a/b"),
        "{changed}"
    );
    assert_eq!(
        (&suspended["state"], &suspended["version"]),
        (&json!("suspended"), &json!(3))
    );
    assert_eq!(here.shown()["state"], "active");
    here.fails(
        &["tenants", "change", "acme", "--bucket", "No Bucket"],
        "a bucket's name has",
    );
    here.fails(
        &[
            "tenants",
            "change",
            "acme",
            "--trust",
            &here.file("none", &json!([])),
        ],
        "name 1 to 16 issuers",
    );
    here.fails(
        &["tenants", "suspend", "nobody"],
        "there is no tenant 'nobody'",
    );
    here.fails(&["tenants", "delete", "acme"], "$2.00 left");
    here.does(&["tenants", "delete", "acme", "--forget-balance"]);
    here.fails(&["tenants", "show", "acme"], "there is no tenant 'acme'");
    here.fails(&["tenants", "add", "acme"], "choose another name");
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn prices_are_set_one_by_one_by_flags_and_all_at_once_by_a_file() {
    let here = Installation::new();
    let (price, other) = (format!("{MODEL}=0.1"), format!("{FLUX_DEV}=12.5"));
    let set = |flags: &[&str]| json(&here.does(&[&["prices", "set", "acme"], flags].concat()));

    set(&["--fixed", &price, "--force", "--allow-under-cost"]);
    set(&["--markup", &other, "--force", "--allow-under-cost"]);
    let book = set(&["--default-markup", "20"]);

    assert_eq!(book["models"][MODEL], json!({ "fixed": { "usd": "0.10" } }));
    assert_eq!(
        book["models"][FLUX_DEV],
        json!({ "markup": { "percent": "12.5" } })
    );
    assert_eq!(
        book["unlisted"],
        json!({ "price": { "markup": { "percent": "20" } } })
    );
    here.fails(
        &["prices", "set", "acme", "--default-markup", "-5"],
        "--allow-under-cost",
    );
    here.fails(&["prices", "set", "acme"], "say what to set");
    here.fails(
        &[
            "prices",
            "set",
            "acme",
            "--fixed",
            &price,
            "--markup",
            &format!("{MODEL}=1"),
        ],
        "is given two prices",
    );
    assert_eq!(json(&here.does(&["prices", "show", "acme"])), book);
    let removed = json(&here.does(&["prices", "remove", "acme", MODEL]));
    assert_eq!(
        removed["models"]
            .as_object()
            .unwrap()
            .keys()
            .collect::<Vec<_>>(),
        [FLUX_DEV]
    );
    here.fails(
        &["prices", "remove", "acme", MODEL],
        &format!("lists no '{MODEL}'; it lists {FLUX_DEV}"),
    );
    here.fails(
        &["prices", "set", "acme", "--file", &here.file("old", &book)],
        "read its prices again",
    );
    let refused = here.file("book", &json!({ "models": {}, "unlisted": "refuse" }));
    assert_eq!(set(&["--file", &refused])["unlisted"], "refuse");
    let none = json(&here.does(&["prices", "remove", "acme", "--all"]));
    assert_eq!(
        (
            &none["models"],
            &none["unlisted"]["price"]["markup"]["percent"]
        ),
        (&json!({}), &json!("0"))
    );
    for bad in [
        ["--fixed", "a/b=-1"],
        ["--fixed", "a/b"],
        ["--markup", "a/b=x"],
        ["--default-markup", "0.001"],
    ] {
        let args = [&["prices", "set", "acme"], &bad[..]].concat();
        assert_eq!(here.run(&args).status.code(), Some(2), "{bad:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_for_a_misspelt_model_is_refused_with_the_name_that_is_meant() {
    let here = Installation::new();
    let emulator = Emulator::start(EmulatorConfig::default()).await.unwrap();
    let provider = provider(&emulator);
    let set = |model: &str, more: &[&str], asked: bool| {
        let price = format!("{model}=1");
        let args = [
            &[
                "prices", "set", "acme", "--fixed", &price, "--data", &here.data,
            ],
            more,
        ]
        .concat();
        let env = provider
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        let output = tokio::task::block_in_place(|| {
            process::run_with(&args, if asked { &env } else { &[] })
        });
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };

    let (misspelt, why) = set("wavespeed-ai/flux-kontext-mx", &[], true);
    let (unasked, why_unasked) = set(MODEL, &[], false);

    assert_eq!(misspelt, Some(1));
    assert!(
        why.contains(&format!("did you mean '{MODEL}'")) && why.contains("--force"),
        "{why}"
    );
    assert_eq!(unasked, Some(1));
    assert!(
        why_unasked.contains("could not be asked") && why_unasked.contains("--force"),
        "{why_unasked}"
    );
    assert_eq!(
        json(&here.does(&["prices", "show", "acme"]))["models"],
        json!({})
    );
    assert_eq!(set(MODEL, &[], true).0, Some(0));
    assert_eq!(
        set("wavespeed-ai/flux-kontext-next", &["--force"], true).0,
        Some(0)
    );
    // What is listed in the book needs no catalogue.
    assert_eq!(set("wavespeed-ai/flux-kontext-next", &[], false).0, Some(0));
}

fn provider(emulator: &Emulator) -> [(&'static str, String); 2] {
    [
        ("FLUXGATE_PROVIDER", emulator.base_url()),
        ("WAVESPEED_API_KEY", emulator.api_key().to_owned()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_is_refused_that_is_under_cost_or_of_which_nobody_knows() {
    let here = Installation::new();
    let emulator = Emulator::start(EmulatorConfig::default()).await.unwrap();
    let price = format!("{MODEL}=0.01");
    let args = [
        "prices", "set", "acme", "--fixed", &price, "--force", "--data", &here.data,
    ];
    let provider = provider(&emulator);
    let provider = provider
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));

    let known = tokio::task::block_in_place(|| process::run_with(&args, &provider));
    let unknown = tokio::task::block_in_place(|| process::run_with(&args, &[]));

    let said = |output: &std::process::Output| String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        known.status.code() == Some(1) && said(&known).contains("--allow-under-cost"),
        "{}",
        said(&known)
    );
    assert!(
        unknown.status.code() == Some(1) && said(&unknown).contains("cannot be checked"),
        "{}",
        said(&unknown)
    );
    assert!(
        said(&unknown).contains("--allow-under-cost"),
        "{}",
        said(&unknown)
    );
}

#[test]
fn accounts_are_topped_up_once_for_each_reference_and_checked() {
    let here = Installation::new();

    let topped_up = here.does(&[
        "accounts",
        "top-up",
        "acme",
        "3",
        "--reference",
        "invoice 1",
    ]);
    let again = here.does(&[
        "accounts",
        "top-up",
        "acme",
        "3",
        "--reference",
        "invoice 1",
    ]);

    assert!(topped_up.contains("available $5.00"), "{topped_up}");
    assert_eq!(
        (&again, &here.does(&["accounts", "show", "acme"])),
        (&topped_up, &topped_up)
    );
    here.fails(
        &[
            "accounts",
            "top-up",
            "acme",
            "4",
            "--reference",
            "invoice 1",
        ],
        "was used for a top-up of $3.00",
    );
    here.fails(
        &["accounts", "top-up", "nobody", "4", "--reference", "x"],
        "there is no tenant 'nobody'",
    );
    assert_eq!(
        here.run(&["accounts", "top-up", "acme", "-4", "--reference", "x"])
            .status
            .code(),
        Some(2)
    );
    assert!(
        here.does(&["accounts", "check"])
            .contains("the books of 1 tenant are right")
    );
}

#[test]
fn a_budget_is_set_shown_and_taken_away() {
    let here = Installation::new();
    let terms = [
        "--limit",
        "500",
        "--time-zone",
        "Europe/Berlin",
        "--roll-over",
        "unused",
        "--roll-over-cap",
        "100",
    ];

    let set = here.does(&[&["accounts", "budget", "acme"], &terms[..], &["--postpaid"]].concat());
    let shown = here.does(&["accounts", "show", "acme"]);

    for told in [
        "acme  20",
        "budget $500.00",
        "carried over $0.00",
        "left $500.00",
        "until 20",
    ] {
        assert!(set.contains(told), "{told}: {set}");
    }
    assert!(
        shown.contains("available $2.00") && shown.ends_with(&set),
        "{shown}"
    );
    assert_eq!(here.does(&["accounts", "budget", "acme"]), set);
    here.fails(
        &["accounts", "budget", "acme", "--limit", "0"],
        "suspend the tenant for none",
    );
    here.fails(
        &["accounts", "budget", "nobody", "--limit", "1"],
        "there is no tenant 'nobody'",
    );
    for bad in [
        &["--limit", "x"][..],
        &["--limit", "1", "--time-zone", "Mars/Base"],
        &["--none", "--limit", "1"],
    ] {
        assert_eq!(
            here.run(&[&["accounts", "budget", "acme"], bad].concat())
                .status
                .code(),
            Some(2),
            "{bad:?}"
        );
    }
    assert_eq!(here.does(&["accounts", "budget", "acme"]), set);
    let more = here.does(&["accounts", "budget", "acme", "--limit", "600"]);
    assert!(
        more.contains("budget $600.00")
            && set.ends_with(" in Europe/Berlin  rolls over up to $100.00  postpaid\n")
    );
    assert!(
        more.ends_with(" in Europe/Berlin  rolls over up to $100.00  postpaid\n"),
        "only the limit was named: {more}"
    );
    let terms = ["--time-zone", "UTC", "--roll-over", "none", "--prepaid"];
    let other = here.does(&[&["accounts", "budget", "acme"], &terms[..]].concat());
    assert!(
        other.contains("budget $600.00") && other.ends_with(" in UTC\n"),
        "{other}"
    );
    here.fails(
        &["accounts", "budget", "acme", "--roll-over-cap", "1"],
        "--roll-over unused",
    );
    assert_eq!(
        here.does(&["accounts", "budget", "acme", "--none"]),
        "acme  no budget\n"
    );
    here.fails(
        &["accounts", "budget", "acme", "--postpaid"],
        "begin one with --limit",
    );
    assert!(
        here.does(&["accounts", "check"])
            .contains("the books of 1 tenant are right")
    );
}

#[test]
fn books_that_do_not_agree_are_told_and_the_exit_code_is_1() {
    let here = Installation::new();
    let database = rusqlite::Connection::open(format!("{}/fluxgate.db", here.data)).unwrap();
    let invented = format!(
        "INSERT INTO ledger VALUES ('acme', '{}', 'capture', 5, 0)",
        "0".repeat(32)
    );
    database
        .execute_batch(&format!(
            "UPDATE accounts SET available = available + 1, held = held + 2, in_flight = 3; {invented}"
        ))
        .unwrap();

    let checked = here.run(&["accounts", "check", "acme"]);

    let shown = String::from_utf8(checked.stdout).unwrap();
    assert_eq!(checked.status.code(), Some(1));
    for code in [
        "total",
        "held",
        "captured",
        "captured_for_nothing",
        "in_flight",
    ] {
        assert!(
            shown.contains(&format!("acme  {code}  ")),
            "{code}: {shown}"
        );
    }
    assert!(
        shown.contains("held: $0.000002; the price of the tasks that run: $0.00"),
        "{shown}"
    );
}

#[test]
fn the_admin_token_is_printed_alone_and_is_the_same_each_time() {
    let here = Installation::new();

    let token = here.does(&["token", "--admin"]);

    assert!(
        token.starts_with("fga_") && token.trim().len() == 68,
        "{}",
        token.len()
    );
    assert_eq!(here.does(&["token", "--admin"]), token);
    assert_eq!(here.run(&["token"]).status.code(), Some(2));
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(format!("{}/admin-token", here.data))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn limits_are_set_one_by_one_and_taken_away() {
    let here = Installation::new();

    here.does(&[
        "tenants",
        "change",
        "acme",
        "--requests-per-second",
        "5",
        "--burst",
        "9",
        "--weight",
        "3",
    ]);
    here.does(&[
        "tenants",
        "change",
        "acme",
        "--burst",
        "none",
        "--tasks-in-flight",
        "7",
    ]);

    assert_eq!(
        here.shown()["limits"],
        json!({ "requests_per_second": 5, "tasks_in_flight": 7, "weight": 3 })
    );
    here.fails(
        &["tenants", "change", "acme", "--weight", "0"],
        "from 1 to 1000",
    );
    here.fails(&["tenants", "change", "acme"], "say what to change");
}
