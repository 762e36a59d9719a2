//! What runs the gateway on one machine: units, container, compose file. `infra/lint` has the tools
//! that read them; here they are compared with the program.

use std::collections::BTreeSet;

use fluxgate_tests::process;

use super::root;

fn file(name: &str) -> String {
    std::fs::read_to_string(root().join("infra/machine").join(name)).unwrap()
}

/// What a unit has to say for whatever reads and writes in its name.
const HARDENED: [&str; 22] = [
    "CapabilityBoundingSet=",
    "NoNewPrivileges=yes",
    "LockPersonality=yes",
    "MemoryDenyWriteExecute=yes",
    "PrivateDevices=yes",
    "PrivateTmp=yes",
    "PrivateUsers=yes",
    "ProtectClock=yes",
    "ProtectControlGroups=yes",
    "ProtectHome=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "ProtectProc=invisible",
    "ProtectSystem=strict",
    "RestrictNamespaces=yes",
    "RestrictSUIDSGID=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallFilter=~@privileged",
    "UMask=0077",
    "User=fluxgate",
];

#[test]
fn the_units_are_hardened_and_call_commands_that_there_are() {
    for unit in ["fluxgate.service", "fluxgate-backup.service"] {
        let text = file(unit);
        let lines: BTreeSet<&str> = text.lines().collect();
        let says = |wanted: &str| lines.iter().any(|line| line.starts_with(wanted));
        let lacks: Vec<_> = HARDENED.iter().filter(|wanted| !says(wanted)).collect();
        assert!(lacks.is_empty(), "{unit} lacks {lacks:?}");
        let start = lines
            .iter()
            .find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/fluxgate "));
        let args: Vec<&str> = start.unwrap().split(' ').collect();
        let help = process::run(&[args[0], "--help"]);
        let help = String::from_utf8(help.stdout).unwrap();
        for flag in args.iter().filter(|arg| arg.starts_with("--")) {
            assert!(help.contains(*flag), "{unit}: {flag}: {help}");
        }
    }
    let served = file("fluxgate.service");
    for wanted in [
        "Type=notify",
        "WatchdogSec=",
        "LoadCredential=wavespeed-api-key:",
    ] {
        assert!(served.contains(wanted), "{wanted}");
    }
    assert!(
        !served.contains("WAVESPEED_API_KEY="),
        "no secret in a unit"
    );
}

/// A variable that is no setting stops the start.
#[test]
fn the_container_s_variables_are_settings_and_its_user_is_not_root() {
    let (docker, compose) = (file("Dockerfile"), file("compose.yaml"));
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, "a-key\n").unwrap();
    let mut names: BTreeSet<&str> = BTreeSet::new();
    for text in [&docker, &compose] {
        let is_of_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let words = text.split(|c: char| !is_of_name(c));
        names.extend(words.filter(|word| word.starts_with("FLUXGATE_")));
    }
    assert!(names.len() >= 6, "{names:?}");
    let value = |name: &str| match name {
        _ if name.ends_with("_URL") => "https://gateway.example".to_owned(),
        _ if name.ends_with("LISTEN") => "127.0.0.1:0".to_owned(),
        "FLUXGATE_DATA" => folder.path().join("data").to_str().unwrap().to_owned(),
        _ => "10000".to_owned(),
    };
    let values: Vec<(&str, String)> = names.iter().map(|name| (*name, value(name))).collect();
    let mut env: Vec<(&str, &str)> = values.iter().map(|(n, v)| (*n, v.as_str())).collect();
    env.push(("WAVESPEED_API_KEY_FILE", key.to_str().unwrap()));
    env.push(("FLUXGATE_PROVIDER", "http://127.0.0.1:9"));

    let said = process::serve_until_it_says(&[], &env, "fluxgate serves");

    assert!(!said.contains("a-key"), "{said}");
    assert!(docker.contains("\nUSER 65532:65532\n"));
    assert!(docker.contains("HEALTHCHECK") && docker.contains("\"healthcheck\""));
    assert!(compose.contains("cap_drop: [ALL]") && compose.contains("read_only: true"));
}
