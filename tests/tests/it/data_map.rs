//! The data map names every table, every kind of item and every field of a task and of an attempt,
//! so that it cannot go stale.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fluxgate_tests::contract::Stores;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// What stands in backticks on the page.
fn named() -> BTreeSet<String> {
    let page = fs::read_to_string(root().join("shared/docs/guides/data-map.md")).unwrap();
    let quoted = page.split('`').skip(1).step_by(2);
    quoted.map(str::to_owned).collect()
}

fn assert_named(what: &str, names: &BTreeSet<String>, at_least: usize) {
    assert!(names.len() >= at_least, "{what}: only {names:?} were found");
    let named = named();
    let missing: Vec<&String> = names.difference(&named).collect();
    assert!(missing.is_empty(), "{what} without a word: {missing:?}");
}

#[test]
fn every_table_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let stores = Stores::on_sqlite(folder.path());
    let database = rusqlite::Connection::open(folder.path().join("fluxgate.db")).unwrap();
    let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let mut statement = database.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get::<_, String>(0));

    let tables = rows.unwrap().map(Result::unwrap).collect();

    assert_named("tables", &tables, 25);
    drop(stores);
}

/// Texts of the adapter that stand in upper case are keys, or their beginnings; but for the words
/// of DynamoDB's own language.
#[test]
fn every_kind_of_item_is_named() {
    let folder = root().join("shared/aws/src/dynamodb");
    let mut kinds = BTreeSet::new();
    for file in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        for literal in text.split('"').skip(1).step_by(2) {
            let (word, rest) = match literal.split_once('#') {
                Some((word, _)) => (word, "#"),
                None => (literal, ""),
            };
            let is_word = word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_uppercase());
            if is_word && !["ADD", "SET", "REMOVE"].contains(&word) {
                kinds.insert(format!("{word}{rest}"));
            }
        }
    }

    assert_named("kinds of items", &kinds, 30);
}

#[test]
fn every_field_of_a_task_and_of_an_attempt_is_named() {
    for (file, record, at_least) in [
        ("task/record.rs", "Task", 35),
        ("webhook/delivery/attempt.rs", "Attempt", 8),
    ] {
        let path = root().join("shared/core/src/domain").join(file);
        let text = fs::read_to_string(path).unwrap();
        let begin = format!("pub struct {record} {{");
        let body = text.split(&begin).nth(1).unwrap();
        let body = body.split("\n}").next().unwrap();
        let fields = body.lines().filter_map(|line| {
            let field = line.strip_prefix("    pub ")?;
            Some(field.split(':').next()?.to_owned())
        });

        assert_named(record, &fields.collect(), at_least);
    }
}
