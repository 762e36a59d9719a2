//! Variables that commands read, and help that names them.

use fluxgate_tests::process;

use super::{said, served};

fn help(args: &[&str], env: &[(&str, &str)]) -> String {
    let output = process::run_with(&[args, &["--help"]].concat(), env);
    assert!(output.status.success(), "{}", said(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    // Lines are wrapped anywhere.
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_tenant_s_commands_take_gateway_and_token_from_the_environment() {
    let served = served().await;
    process::run(&["tenants", "add", "acme", "--data", &served.data]);
    let token = process::run(&["token", "acme", "--data", &served.data]);
    let token = String::from_utf8(token.stdout).unwrap().trim().to_owned();
    let env = [
        ("FLUXGATE_URL", served.base_url.as_str()),
        ("FLUXGATE_TOKEN", &token),
    ];

    let created = ["endpoints", "create", "https://a.example"];
    let created = process::run_with(&created, &env);
    let listed = process::run_with(&["endpoints", "list"], &env);
    // A variable gives way to the command line, whose two ways of saying who exclude each other.
    let other = [
        "endpoints",
        "list",
        "--tenant",
        "acme",
        "--data",
        &served.data,
    ];
    let other = process::run_with(&other, &[env[0], ("FLUXGATE_TOKEN", "expired")]);
    let flag = ["endpoints", "list", "--url", &served.base_url];
    let flag = process::run_with(&flag, &[("FLUXGATE_URL", "http://127.0.0.1:1"), env[1]]);
    let both = process::run(&["endpoints", "list", "--tenant", "acme", "--token", &token]);

    for output in [created, listed, other, flag] {
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        assert!(
            text.contains("https://a.example"),
            "{text}{}",
            said(&output)
        );
    }
    assert_eq!(both.status.code(), Some(2), "{}", said(&both));
}

#[test]
fn help_names_every_variable_and_shows_no_value() {
    let secret = [
        ("FLUXGATE_TOKEN", "t0ken"),
        ("FLUXGATE_URL", "http://u:p4ss@gw.example"),
    ];
    for command in ["edit", "download", "listen", "trigger"] {
        let text = help(&[command], &secret);
        assert!(text.contains("[env: FLUXGATE_TOKEN]"), "{text}");
        assert!(text.contains("[env: FLUXGATE_URL]"), "{text}");
        assert!(!text.contains("t0ken") && !text.contains("p4ss"), "{text}");
    }

    let settings = serde_json::to_value(fluxgate_local::settings::Settings::default()).unwrap();
    let serve = help(&["serve"], &[("WAVESPEED_API_KEY", "k3y")]);

    let optional = "s3_listen base_url s3_public_url public_url provider provider_rate_per_minute \
                    provider_concurrency config";
    let tables = ["bounds", "connections"];
    let names = settings.as_object().unwrap().keys().map(String::as_str);
    let names = names.filter(|name| !tables.contains(name));
    for name in names.chain(optional.split_whitespace()) {
        let variable = format!("[env: FLUXGATE_{}", name.to_uppercase());
        assert!(serve.contains(&variable), "{variable}: {serve}");
    }
    for text in [
        "WAVESPEED_API_KEY",
        "FLUXGATE_BOUNDS__",
        "FLUXGATE_CONNECTIONS__",
    ] {
        assert!(serve.contains(text), "{text}");
    }
    assert!(!serve.contains("k3y"));
}

#[test]
fn variables_of_other_commands_are_no_settings_of_serve() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let args = [
        "--data",
        data,
        "--listen",
        "127.0.0.1:0",
        "--provider",
        "emulator",
    ];
    let env = [
        ("FLUXGATE_URL", "http://127.0.0.1:1"),
        ("FLUXGATE_TOKEN", "x"),
        ("FLUXGATE_ENDPOINT_SECRET", "whsec_x"),
    ];

    process::serve_until_it_says(&args, &env, "fluxgate serves");
}
