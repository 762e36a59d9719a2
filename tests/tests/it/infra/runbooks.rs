//! The runbooks: each alarm has its page, each page its alarm, and what a page tells to run exists.

use std::collections::{BTreeMap, BTreeSet};

use fluxgate_tests::process;

use super::{read, resources, root, text};

const FOLDER: &str = "shared/docs/runbooks";
const INDEX: &str = "README";
/// What nobody is called for by an alarm of its own.
const WITHOUT_ALARM: [&str; 1] = ["restore"];

/// Each alarm with the page that its description names.
fn pages_of_alarms() -> BTreeMap<&'static str, String> {
    let page = |description: String| {
        let link = description.split("${RunbooksUrl}/").nth(1)?;
        link.strip_suffix(".md").map(str::to_owned)
    };
    let alarms = resources("AWS::CloudWatch::Alarm").into_iter();
    alarms
        .map(|(alarm, it)| {
            let description = text(&it["AlarmDescription"]["Fn::Sub"]);
            let page = page(description).unwrap_or_else(|| panic!("{alarm} names no page"));
            (alarm.strip_suffix("Alarm").unwrap(), page)
        })
        .collect()
}

fn pages() -> BTreeSet<String> {
    let entries = std::fs::read_dir(root().join(FOLDER)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter_map(|name| name.strip_suffix(".md").map(str::to_owned))
        .filter(|name| name != INDEX)
        .collect()
}

fn page(name: &str) -> String {
    read(&format!("{FOLDER}/{name}.md"))
}

#[test]
fn each_alarm_has_its_page_and_each_page_its_alarm() {
    let alarms = pages_of_alarms();

    let named = alarms.values().cloned();
    let expected = named.chain(WITHOUT_ALARM.map(str::to_owned));
    assert_eq!(expected.collect::<BTreeSet<_>>(), pages());
    for (alarm, name) in &alarms {
        assert!(
            page(name).contains(&format!("`{alarm}`")),
            "{name}.md: {alarm}"
        );
    }
    let index = page(INDEX);
    let links: Vec<&str> = index.split("](").skip(1).collect();
    assert!(
        links[0].starts_with("task-stuck.md"),
        "a stuck task comes first"
    );
    for name in pages() {
        assert!(
            links
                .iter()
                .any(|link| link.starts_with(&format!("{name}.md"))),
            "{name}"
        );
    }
}

#[test]
fn each_page_says_what_it_means_what_to_ask_what_to_run_and_how_it_ends() {
    for name in pages() {
        let text = page(&name);
        let headings = [
            "## What it means",
            "## What to look at",
            "## What to do",
            "## How it ends",
        ];
        let places = headings.map(|it| text.find(it).unwrap_or_else(|| panic!("{name}: {it}")));
        assert!(places.is_sorted(), "{name}");
    }
}

#[test]
fn what_a_page_tells_to_run_exists() {
    let queries: BTreeSet<String> = resources("AWS::Logs::QueryDefinition")
        .iter()
        .map(|(_, it)| text(&it["Name"]["Fn::Sub"]).replace("${AWS::StackName}/", ""))
        .collect();
    let mut seen = 0;
    for name in pages().into_iter().chain([INDEX.to_owned()]) {
        let text = page(&name);
        let blocks = text.split("```console\n").skip(1);
        let blocks = blocks.filter_map(|rest| rest.split("```").next());
        for command in blocks
            .flat_map(str::lines)
            .filter_map(|line| line.strip_prefix("$ "))
        {
            seen += 1;
            check(&name, command);
        }
        for query in text.split("*fluxgate/").skip(1) {
            let query = query.split('*').next().unwrap();
            assert!(queries.contains(query), "{name} names the query '{query}'");
        }
    }
    assert!(seen > 20, "only {seen} commands were found");
}

/// A command of ours has these subcommands and flags; a script is there; the rest is AWS's.
fn check(page: &str, command: &str) {
    let words: Vec<&str> = command
        .split(" | ")
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    match words[0] {
        "fluxgate" => {
            let is_name =
                |word: &&&str| word.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'-'));
            let path: Vec<&str> = words[1..].iter().take_while(is_name).copied().collect();
            let path: Vec<&str> = path
                .into_iter()
                .filter(|word| !word.starts_with('-'))
                .collect();
            let output = process::run(&[path.as_slice(), &["--help"]].concat());
            let help = String::from_utf8(output.stdout).unwrap();
            assert!(output.status.success(), "{page}: {command}");
            for flag in words.iter().filter(|word| word.starts_with("--")) {
                let flag = flag.split('=').next().unwrap();
                assert!(help.contains(flag), "{page}: {command}: {flag}");
            }
        }
        "aws" | "journalctl" | "curl" => {}
        script => assert!(root().join(script).is_file(), "{page}: {command}"),
    }
}
