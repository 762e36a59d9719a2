//! The operator's commands for prices.

use fluxgate_emulator::{Emulator, EmulatorConfig};
use fluxgate_tests::process;
use fluxgate_tests::tenant::MODEL;
use serde_json::{Value, json};

use super::Installation;

const FLUX_DEV: &str = "wavespeed-ai/flux-dev";

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
        "has two prices",
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
        &format!("does not list '{MODEL}'; it lists {FLUX_DEV}"),
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
    misused_flags_are_a_usage_error(&here);
}

fn misused_flags_are_a_usage_error(here: &Installation) {
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

    assert_eq!(misspelt, Some(3));
    assert!(
        why.contains(&format!("did you mean '{MODEL}'")) && why.contains("--force"),
        "{why}"
    );
    assert_eq!(unasked, Some(6));
    assert!(
        why_unasked.contains("catalogue is unavailable") && why_unasked.contains("--force"),
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
        known.status.code() == Some(3) && said(&known).contains("--allow-under-cost"),
        "{}",
        said(&known)
    );
    assert!(
        unknown.status.code() == Some(6) && said(&unknown).contains("cannot be checked"),
        "{}",
        said(&unknown)
    );
    assert!(
        said(&unknown).contains("--allow-under-cost"),
        "{}",
        said(&unknown)
    );
}
