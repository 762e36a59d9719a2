//! The shape of the house: caps on files and functions, and what must not be in the tree.

mod width;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;
const LAMBDA_MAIN_LINES_MAX: usize = 40;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in ["shared", "functions", "tests"] {
        walk(&root().join(folder), &mut found);
    }
    assert!(found.len() > 100, "the sources were not found");
    found
}

fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
}

#[test]
fn no_file_and_no_function_is_over_its_cap() {
    for (path, text) in sources() {
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines.len() <= FILE_LINES_MAX,
            "{} has {} lines",
            path.display(),
            lines.len()
        );
        if path.file_name().is_some_and(|name| name == "main.rs")
            && path.starts_with(root().join("functions"))
        {
            assert!(
                lines.len() <= LAMBDA_MAIN_LINES_MAX,
                "{} has {} lines",
                path.display(),
                lines.len()
            );
        }
        for (start, line) in lines
            .iter()
            .enumerate()
            .filter(|(_, line)| is_function(line))
        {
            let indent = line.len() - line.trim_start().len();
            let end = lines[start..].iter().position(|line| {
                line.len() > indent && line[..=indent] == *format!("{}}}", " ".repeat(indent))
            });
            let length = end.map_or(1, |end| end + 1);
            assert!(
                length <= FUNCTION_LINES_MAX,
                "{}:{} has {length} lines",
                path.display(),
                start + 1
            );
        }
    }
}

fn is_function(line: &str) -> bool {
    let text = line.trim_start();
    let text = text
        .strip_prefix("pub ")
        .or_else(|| {
            text.split_once(") ")
                .map(|(_, rest)| rest)
                .filter(|_| text.starts_with("pub("))
        })
        .unwrap_or(text);
    text.starts_with("fn ") || text.starts_with("async fn ") || text.starts_with("const fn ")
}

#[test]
fn every_source_file_says_what_it_is_for() {
    for (path, text) in sources() {
        assert!(
            text.starts_with("//! "),
            "{} has no module doc",
            path.display()
        );
    }
}

#[test]
fn nothing_is_left_unfinished_or_ignored() {
    let forbidden = [
        "to".to_owned() + "do!(",
        "unimple".to_owned() + "mented!(",
        "FIX".to_owned() + "ME",
        "#[ign".to_owned() + "ore",
        "#[all".to_owned() + "ow(",
    ];
    for (path, text) in sources() {
        for word in &forbidden {
            assert!(
                !text.contains(word.as_str()),
                "{} contains {word}",
                path.display()
            );
        }
    }
}

#[test]
fn the_core_does_no_io_and_reads_no_environment() {
    let clock = root().join("shared/core/src/port/clock.rs");
    let entropy = root().join("shared/core/src/port/entropy.rs");
    for (path, text) in sources()
        .into_iter()
        .filter(|(path, _)| path.starts_with(root().join("shared/core/src")))
    {
        for word in [
            "std::fs",
            "std::net::Tcp",
            "std::env",
            "std::thread",
            "tokio::",
            "reqwest::",
            "Instant::now",
        ] {
            assert!(!text.contains(word), "{} uses {word}", path.display());
        }
        assert!(
            path == entropy || !text.contains("rand::"),
            "{} asks for random bits",
            path.display()
        );
        for machine in ["SystemClock", "SystemEntropy"] {
            assert!(
                path.starts_with(root().join("shared/core/src/port")) || !text.contains(machine),
                "{} names {machine}; wiring alone does",
                path.display()
            );
        }
        assert!(
            path == clock || !text.contains("SystemTime"),
            "{} reads the clock",
            path.display()
        );
    }
}

/// Wherever a port's trait is out of scope, its methods cannot be called. The clock and random bits
/// are for everybody to ask.
#[test]
fn only_the_core_its_wiring_and_its_adapters_name_a_port() {
    let ports: Vec<String> = sources()
        .into_iter()
        .filter(|(path, _)| path.starts_with(root().join("shared/core/src/port")))
        .flat_map(|(_, text)| {
            let traits = text
                .lines()
                .filter_map(|line| line.strip_prefix("pub trait "));
            traits
                .filter_map(|rest| Some(rest.split_once(':')?.0.to_owned()))
                .collect::<Vec<_>>()
        })
        .filter(|port| !["Clock", "Entropy", "Ids"].contains(&port.as_str()))
        .collect();
    assert!(
        ports.len() > 12 && ports.iter().any(|port| port == "TaskStore"),
        "{ports:?}"
    );
    let wiring = [
        "lambda/src/wiring/",
        "local/src/server/wiring.rs",
        "local/src/onboarding.rs",
        "local/src/stores.rs",
    ];
    let adapters = [
        "local/src/destinations.rs",
        "local/src/folder/token_file.rs",
        "local/src/key_ring/",
    ];
    for (path, text) in sources() {
        let name = path
            .strip_prefix(root())
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let guarded = ["shared/edge/src/", "shared/lambda/src/", "functions/"]
            .iter()
            .any(|start| name.starts_with(start));
        if !guarded
            || wiring
                .iter()
                .chain(&adapters)
                .any(|known| name.contains(known))
        {
            continue;
        }
        // What follows is one name, or a list of them.
        let named: Vec<&str> = text
            .split("port::")
            .skip(1)
            .map(|rest| rest.split([';', '(', '>']).next().unwrap())
            .collect();
        let words: Vec<&str> = named
            .iter()
            .flat_map(|names| names.split(|sign: char| !sign.is_alphanumeric()))
            .collect();
        for port in &ports {
            assert!(
                !words.contains(&port.as_str()),
                "{name} names the port {port}; let a role of core do it"
            );
        }
        assert!(!text.contains("port::*"), "{name} names every port");
    }
}

/// Ports are private fields of a role.
#[test]
fn no_role_shows_its_ports() {
    let parts = ["Context", "GatewayParts", "OperatorParts", "Hooks"];
    for (path, text) in sources()
        .into_iter()
        .filter(|(path, _)| path.starts_with(root().join("shared/core/src/app")))
    {
        let mut holder = "";
        for line in text.lines() {
            holder = line
                .strip_prefix("pub struct ")
                .map_or(holder, |rest| rest.trim_end_matches(" {"));
            let is_field = line.trim_start().starts_with("pub ") && !line.contains("fn ");
            let shows = is_field && line.contains(": Arc<dyn ");
            assert!(
                !shows || parts.contains(&holder),
                "{}: {holder} shows {}",
                path.display(),
                line.trim()
            );
        }
    }
}

/// serde takes an array for a struct, and of two names the last: external JSON is read by
/// `fluxgate_core::json`.
#[test]
fn json_from_outside_is_read_strictly() {
    let bare = ["serde_json::from_", ": Json<", "::deserialize("];
    // Settings are read by their own crate, text by text.
    let bare_here = &bare[..2];
    for (path, text) in sources() {
        let name = path
            .strip_prefix(root())
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let (is_edge, is_local) = (
            name.starts_with("shared/edge/src/"),
            name.starts_with("functions/local/src/"),
        );
        // These read what this program itself sent or answered.
        let is_own = ["/cli/demo/", "/cli/bench/", "/src/client/"]
            .iter()
            .any(|folder| name.contains(folder));
        if !(is_edge || is_local) || is_own {
            continue;
        }
        for word in if is_edge { &bare[..] } else { bare_here } {
            assert!(!text.contains(word), "{name} has '{word}'");
        }
    }
}

/// `cargo tree` tells what is really linked; the lock file also lists what optional features would
/// bring.
#[test]
fn one_tls_stack_is_linked_and_neither_ring_nor_openssl() {
    for package in ["ring", "openssl-sys", "native-tls"] {
        let output = std::process::Command::new(env!("CARGO"))
            .args([
                "tree",
                "--workspace",
                "--offline",
                "--locked",
                "-e",
                "normal,build",
                "--prefix",
                "none",
                "-f",
                "{p}",
            ])
            .current_dir(root())
            .output()
            .unwrap();
        let tree = String::from_utf8(output.stdout).unwrap();
        assert!(
            tree.contains("rustls v"),
            "the tree was not read: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(
            !tree
                .lines()
                .any(|line| line.starts_with(&format!("{package} v"))),
            "{package} is linked"
        );
    }
}

#[test]
fn adapters_do_not_know_each_other_and_the_core_knows_none() {
    let manifest = |name: &str| {
        fs::read_to_string(root().join("shared").join(name).join("Cargo.toml")).unwrap()
    };
    let normal = |text: &str| text.split("[dev-dependencies]").next().unwrap().to_owned();
    let adapters = [
        "edge", "outbound", "s3", "sts", "aws", "embedded", "emulator",
    ];
    for name in adapters {
        assert!(
            !normal(&manifest("core")).contains(&format!("fluxgate-{name}")),
            "the core depends on {name}"
        );
        for other in adapters.iter().filter(|other| **other != name) {
            assert!(
                !normal(&manifest(name)).contains(&format!("fluxgate-{other}")),
                "{name} depends on {other}"
            );
        }
    }
}
