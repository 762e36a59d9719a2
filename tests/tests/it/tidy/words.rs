//! The words of the house: one for each thing, and the field's own.

use std::fs;

use super::{root, sources};

/// One word for each thing: what is not said any more, and what is said instead. ADRs and the
/// CHANGELOG tell what was; whatever reads stored forms, names of secrets and flags of earlier
/// releases names them.
#[test]
fn a_thing_has_one_word() {
    let banned = [
        ("vendor", "provider"),
        ("upstream", "provider"),
        ("glance", "get_eventual"),
        ("manieth", "ordinal"),
        ("tenancy", "operator"),
    ];
    let spoken_of_once = [
        "functions/local/src/renamed.rs",
        "shared/aws/src/dynamodb/task_item.rs",
        "shared/core/src/domain/task/record.rs",
        "shared/embedded/src/sqlite/migrations/1.sql",
        "shared/embedded/src/sqlite/migrations/5.sql",
        "shared/core/src/app/watcher/advance.rs",
        "tests/tests/it/command/settings.rs",
        "tests/tests/it/tidy/words.rs",
    ];
    for name in tracked() {
        let is_history = name.starts_with("shared/docs/adr/")
            || ["CHANGELOG.md", "Cargo.lock"].contains(&name.as_str());
        if is_history || spoken_of_once.contains(&name.as_str()) {
            continue;
        }
        let Ok(text) = fs::read_to_string(root().join(&name)) else {
            continue;
        };
        // A secret of an earlier release, and a feature of a crate.
        let text = text.to_lowercase().replace("fluxgate/upstream-key", "");
        let text = text.replace("\"vendored\"", "");
        for (word, instead) in banned {
            let line = text.lines().position(|line| line.contains(word));
            assert_eq!(
                line, None,
                "{name} says '{word}'; it is called '{instead}' (lines from 0)"
            );
        }
    }
}

/// What is not a name any more, however natural the verb is in a sentence: each says the field's
/// word now, as `cached`, `ended`, `filter` or `fair_share`.
#[test]
fn no_name_is_a_vivid_one() {
    let vivid = [
        "kept", "over", "looks", "share", "hear", "news", "Kept", "Look", "Looks", "Share",
        "Shares", "News",
    ];
    let begins = [
        "fn", "let", "mut", "mod", "for", "struct", "enum", "trait", "type",
    ];
    let parts = [
        "aws", "core", "edge", "embedded", "emulator", "lambda", "listen", "outbound", "s3",
    ];
    for (path, text) in sources() {
        let is_guarded = path.starts_with(root().join("functions"))
            || parts
                .iter()
                .any(|part| path.starts_with(root().join("shared").join(part).join("src")));
        for (n, line) in text.lines().enumerate().filter(|_| is_guarded) {
            let line = line.trim_start();
            if line.starts_with("//") {
                continue;
            }
            let words: Vec<&str> = line
                .split(|sign: char| !sign.is_alphanumeric() && sign != '_')
                .collect();
            let named = words
                .windows(2)
                .find(|pair| begins.contains(&pair[0]) && vivid.contains(&pair[1]));
            let field = line.strip_prefix("pub ").unwrap_or(line).split_once(": ");
            let is_field = field.is_some_and(|(name, _)| vivid.contains(&name));
            assert!(
                named.is_none() && !is_field,
                "{}:{} has a vivid name: {line}",
                path.display(),
                n + 1
            );
        }
    }
}

/// The files of the project, without what is built.
fn tracked() -> Vec<String> {
    let output = std::process::Command::new("git")
        .args(["ls-files"])
        .current_dir(root())
        .output()
        .unwrap();
    let names: Vec<String> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    assert!(names.len() > 300, "the files were not listed");
    names
}
