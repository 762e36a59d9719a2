//! Completions and man pages.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use fluxgate_tests::process;

use super::said;

fn script(shell: &str) -> String {
    let output = process::run(&["completions", shell]);
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn completions_are_scripts_that_know_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = script(shell);
        for word in ["rotate-webhook-secret", "completions", "quiet"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    // It is a script, and completes what is meant.
    let use_it = "COMP_WORDS=(fluxgate tenants rot); COMP_CWORD=2; COMP_LINE='fluxgate tenants rot'
        _fluxgate fluxgate rot tenants; echo \"${COMPREPLY[@]}\"";
    let mut bash = Command::new("bash")
        .args(["--norc", "-s"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let text = format!("set -e\n{}\n{use_it}\n", script("bash"));
    bash.stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = bash.wait_with_output().unwrap();
    let completed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(completed.trim(), "rotate-webhook-secret");

    let unknown = process::run(&["completions", "tcsh"]);
    assert_eq!(unknown.status.code(), Some(2));
}

pub(super) fn help(path: &[&str]) -> String {
    let help = process::run(&[path, &["--help"]].concat());
    assert!(help.status.success(), "{path:?}: {}", said(&help));
    String::from_utf8(help.stdout).unwrap()
}

/// This command and all that its help lists, and theirs.
pub(super) fn commands(path: &[&str], found: &mut BTreeSet<String>) {
    let help = help(path);
    found.insert([&["fluxgate"], path].concat().join(" "));
    let listed = help.split("\nCommands:\n").nth(1).unwrap_or_default();
    let listed = listed.split("\n\n").next().unwrap_or_default();
    let named = listed
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    for name in named.filter_map(|line| line.split_whitespace().next()) {
        if name != "help" {
            commands(&[path, &[name]].concat(), found);
        }
    }
}

#[test]
fn every_command_has_a_man_page() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    let written = process::run(&["man", pages.to_str().unwrap(), "--quiet"]);
    assert!(written.status.success(), "{}", said(&written));
    let mut wanted = BTreeSet::new();
    commands(&[], &mut wanted);
    assert!(wanted.len() > 40, "{wanted:?}");

    let mut names = BTreeSet::new();
    for file in std::fs::read_dir(&pages).unwrap() {
        let path = file.unwrap().path();
        let page = std::fs::read_to_string(&path).unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        // What man needs: a title of this section, and the sections that it shows first.
        let title = page.lines().find(|line| line.starts_with(".TH")).unwrap();
        assert!(title.starts_with(&format!(".TH {name} 1")), "{title}");
        for heading in [".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION"] {
            assert!(
                page.lines().any(|line| line == heading),
                "{name}: {heading}"
            );
        }
        names.insert(name);
    }

    let wanted: BTreeSet<String> = wanted.iter().map(|name| name.replace(' ', "-")).collect();
    assert_eq!(names, wanted);
    let listed = String::from_utf8(written.stdout).unwrap();
    assert_eq!(listed.lines().count(), wanted.len());
    let edit = std::fs::read_to_string(pages.join("fluxgate-edit.1")).unwrap();
    assert!(edit.contains("FLUXGATE_TOKEN"), "{edit}");
}
