//! How SQLite finds the rows of every statement in these files: none walks through a table, or
//! through all that a tenant has in it, where that grows with each task.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::connection::open_for_writing;

/// What grows with the number of tasks.
const BIG: [&str; 11] = [
    "batch_chunks",
    "batches",
    "day_sums",
    "deliveries",
    "idempotency",
    "inputs",
    "jobs",
    "ledger",
    "notices",
    "runs",
    "tasks",
];

/// Indexes of what is open alone, which is bounded: all of a tenant's may be read.
const OF_OPEN: [&str; 2] = ["tasks_open", "batches_unfinished"];

/// Statements that read all, and why they may.
const READS_ALL: [(&str, &str); 6] = [
    (
        "ledger WHERE tenant = ?1 ORDER BY at, reference, kind",
        "the check of the books",
    ),
    (
        "ledger WHERE tenant = ?1 AND kind = ?2",
        "an operator's list of top-ups",
    ),
    (
        "INDEXED BY tasks_open WHERE open = 1 GROUP BY",
        "what has not ended, once at a start",
    ),
    (
        "inputs WHERE typeof(body) = 'blob'",
        "doctor, to the first one",
    ),
    (
        "FROM batches WHERE tenant = ?1 LIMIT ?3",
        "no tenant is left; a few at a time",
    ),
    (
        "FROM batch_chunks WHERE tenant = ?1 LIMIT ?3",
        "no tenant is left; a few at a time",
    ),
];

/// What stands for the parts of statements that are put together.
const PARTS: [(&str, &[&str]); 10] = [
    ("{}", &[super::money::ENTRY]),
    ("{ENTRY}", &[super::money::ENTRY]),
    ("{OF_TASK}", &[super::delivery_store::OF_TASK]),
    ("{table}", &["batches", "batch_chunks"]),
    ("{by_target}", &["AND target = ?2", "AND ?2 IS NULL"]),
    ("{by_state}", &["", "AND state IN ('exhausted', 'held')"]),
    ("{behind}", &["<", ">"]),
    ("{order}", &["ASC", "DESC"]),
    ("{limit}", &["100"]),
    ("{missed}", &["state IN ('exhausted', 'held')"]),
];

#[test]
fn no_statement_walks_through_what_grows_with_each_task() {
    let folder = tempfile::tempdir().unwrap();
    let connection = open_for_writing(&folder.path().join("fluxgate.db")).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sqlite");
    let statements: Vec<String> = sources(&root)
        .iter()
        .flat_map(|source| literals(source))
        .flat_map(whole)
        .collect();

    let walks: Vec<String> = statements
        .iter()
        .filter(|sql| !READS_ALL.iter().any(|(part, _)| sql.contains(part)))
        .flat_map(|sql| walks(&connection, sql))
        .collect();

    assert!(statements.len() > 100, "{} found", statements.len());
    assert!(walks.is_empty(), "{walks:#?}");
}

/// The steps of its plan that read all of a big table, or all that a tenant has in one.
fn walks(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap_or_else(|error| panic!("{error}: {sql}"));
    let mut rows = statement.raw_query();
    let mut walks = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let step: String = row.get(3).unwrap();
        if is_walk(&step) {
            walks.push(format!("{step}: {sql}"));
        }
    }
    walks
}

fn is_walk(step: &str) -> bool {
    let mut words = step.split(' ');
    let (how, table) = (words.next(), words.next().unwrap_or_default());
    let reads_all_of_tenant =
        step.ends_with("(tenant=?)") && !OF_OPEN.iter().any(|index| step.contains(index));
    BIG.contains(&table) && (how == Some("SCAN") || reads_all_of_tenant)
}

#[test]
fn a_walk_is_told_from_a_search() {
    assert!(is_walk("SCAN tasks"));
    assert!(is_walk("SCAN tasks USING COVERING INDEX tasks_open"));
    assert!(is_walk(
        "SEARCH deliveries USING INDEX deliveries_by_time (tenant=?)"
    ));
    assert!(!is_walk("SEARCH tasks USING INDEX tasks_open (tenant=?)"));
    assert!(!is_walk(
        "SEARCH deliveries USING INDEX deliveries_by_time (tenant=? AND at>?)"
    ));
    assert!(!is_walk("SCAN tenants"));
}

/// The files of the folder, without what is for tests.
fn sources(folder: &Path) -> Vec<String> {
    let mut sources = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            sources.extend(self::sources(&path));
        } else if name.ends_with(".rs") && name != "plans.rs" && !name.ends_with("_tests.rs") {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests").next();
            sources.push(code.unwrap_or_default().to_owned());
        }
    }
    sources
}

/// The texts in a file that are statements. One that ends with a space is a piece of one, about
/// trusts.
fn literals(source: &str) -> Vec<String> {
    let begins = |text: &str| {
        ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "]
            .iter()
            .any(|word| text.starts_with(word))
    };
    source
        .match_indices('"')
        .map(|(at, _)| &source[at + 1..])
        .filter(|text| begins(text))
        .map(|text| text.split('"').next().unwrap_or_default().to_owned())
        .filter(|text| !text.ends_with(' '))
        .collect()
}

/// A statement with every choice of its parts.
fn whole(sql: String) -> Vec<String> {
    let found = PARTS.iter().find(|(name, _)| sql.contains(name));
    let Some((name, choices)) = found else {
        return vec![sql];
    };
    choices
        .iter()
        .flat_map(|choice| whole(sql.replace(name, choice)))
        .collect()
}
