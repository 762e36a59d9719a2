//! `fluxgate destination`.

use std::io::Write as _;

use fluxgate_tests::odd_store::{ACCESS_KEY, BUCKET, OddStore, Oddity, OtherStore, SECRET_KEY};
use fluxgate_tests::process;
use serde_json::{Value, json};

/// Exit code, and the JSON that was printed.
fn told(data: &str, args: &[&str]) -> (Option<i32>, Value) {
    let args = [&["destination"], args, &["--json", "--data", data]].concat();
    let ran = process::run_with(&args, &[("FLUXGATE_ALLOW_NET", "127.0.0.0/8")]);
    let text = String::from_utf8(ran.stdout).unwrap();
    assert!(!text.contains(SECRET_KEY), "{text}");
    let told = serde_json::from_str(&text);
    let why = String::from_utf8_lossy(&ran.stderr);
    (ran.status.code(), told.unwrap_or_else(|_| json!(why)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_is_set_shown_and_probed_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let added = process::run(&["tenants", "add", "acme", "--data", data]);
    assert!(added.status.success(), "{added:?}");
    let mut secret = tempfile::NamedTempFile::new().unwrap();
    writeln!(secret, "{SECRET_KEY}").unwrap();
    let file = secret.path().to_str().unwrap();
    let (store, odd) = (
        OtherStore::start(),
        OddStore::start(&[Oddity::Overwrites]).await,
    );
    let odd = odd.destination()["endpoint"].as_str().unwrap().to_owned();

    let mut set = vec!["set", "acme", "--bucket", BUCKET, "--path-style", "true"];
    set.extend(["--endpoint", &odd, "--access-key-id", ACCESS_KEY]);
    set.extend([
        "--secret-access-key-file",
        file,
        "--storage-class",
        "STANDARD_IA",
    ]);
    let (_, first) = told(data, &set);
    let found = told(data, &["probe", "acme"]);
    let endpoint = store.endpoint();
    let again = [
        "set",
        "acme",
        "--endpoint",
        &endpoint,
        "--unset",
        "storage_class",
    ];
    let again = [&again[..], &["--secret-access-key-file", file]].concat();
    let (code, second) = told(data, &again);

    assert_eq!(
        (&first["endpoint"], &first["storage_class"]),
        (&json!(odd), &json!("STANDARD_IA")),
        "{first}"
    );
    assert_eq!(
        (found.0, &found.1["passed"]),
        (Some(1), &json!(false)),
        "{found:?}"
    );
    assert_eq!(
        (code, &second["endpoint"]),
        (Some(0), &json!(endpoint)),
        "{second}"
    );
    assert_eq!(
        (&second["bucket"], second.get("storage_class")),
        (&json!(BUCKET), None)
    );
    assert_eq!(told(data, &["show", "acme"]), (Some(0), second));
    let (code, probe) = told(data, &["probe", "acme"]);
    assert_eq!((code, &probe["passed"]), (Some(0), &json!(true)), "{probe}");
}
