//! The rooms of the core: four, each using only those before it, and no two files that import each
//! other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const ROOMS: [&str; 4] = ["base", "domain", "port", "app"];

fn core() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join("shared/core/src")
}

/// A file of the core: its module's path and its text without tests.
struct Source {
    module: Vec<String>,
    text: String,
}

fn sources() -> BTreeMap<String, Source> {
    let mut found = BTreeMap::new();
    walk(&core(), &mut found);
    assert!(found.len() > 80, "the sources of the core were not found");
    found
}

fn walk(folder: &Path, found: &mut BTreeMap<String, Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path
            .strip_prefix(core())
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let is_test = ["tests.rs", "transition_table.rs", "simulation.rs"]
            .iter()
            .any(|end| name.ends_with(end));
        if path.is_dir() {
            walk(&path, found);
        } else if name.ends_with(".rs") && !is_test {
            let text = fs::read_to_string(&path).unwrap();
            let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap();
            let lines = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            let text = lines.collect::<Vec<_>>().join("\n");
            let parts = name.trim_end_matches(".rs").split('/').map(str::to_owned);
            let module = parts
                .filter(|part| part != "mod" && part != "lib")
                .collect();
            found.insert(name, Source { module, text });
        }
    }
}

#[test]
fn the_core_has_four_rooms_and_no_other() {
    let mut entries: Vec<String> = fs::read_dir(core())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    entries.sort();
    assert_eq!(entries, ["app", "base", "domain", "lib.rs", "port"]);
}

#[test]
fn a_room_uses_only_those_before_it() {
    for (name, source) in sources() {
        let Some(room) = ROOMS
            .iter()
            .position(|room| source.module.first().is_some_and(|first| first == room))
        else {
            continue;
        };
        for later in &ROOMS[room + 1..] {
            assert!(
                !source.text.contains(&format!("crate::{later}::")),
                "{name} uses the room '{later}'"
            );
        }
    }
}

#[test]
fn no_two_files_of_the_core_import_each_other_however_far_around() {
    let sources = sources();
    let mut imports: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, source) in &sources {
        let used = paths(&source.text)
            .into_iter()
            .filter_map(|path| file_of(&path, &source.module, &sources));
        imports.insert(name, used.filter(|used| used != name).collect());
    }
    assert!(
        imports.values().map(BTreeSet::len).sum::<usize>() > 200,
        "the imports were not read"
    );
    // A file without remaining imports or importers is in no cycle.
    loop {
        let used: BTreeSet<&str> = imports.values().flatten().copied().collect();
        let is_done =
            |(name, uses): &(&&str, &BTreeSet<&str>)| uses.is_empty() || !used.contains(**name);
        let done: Vec<&str> = imports
            .iter()
            .filter(is_done)
            .map(|(name, _)| *name)
            .collect();
        if done.is_empty() {
            break;
        }
        imports.retain(|name, _| !done.contains(name));
        imports
            .values_mut()
            .for_each(|used| used.retain(|name| !done.contains(name)));
    }
    assert!(imports.is_empty(), "these import each other: {imports:#?}");
}

/// Every path that begins with `crate`, `super` or `self`, except in a `pub use`, which re-exports
/// and is no dependency.
fn paths(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut rest = String::new();
    let mut statements = text.split_inclusive(';');
    for statement in &mut statements {
        let start = statement
            .rfind("\nuse ")
            .or_else(|| statement.starts_with("use ").then_some(0));
        let exported = statement
            .rfind("\npub use ")
            .or_else(|| statement.rfind("\npub(crate) use "));
        match (start, exported) {
            (Some(start), _) => {
                rest.push_str(&statement[..start]);
                let tree = statement[start..]
                    .trim()
                    .trim_start_matches("use ")
                    .trim_end_matches(';');
                expand(tree, &[], &mut found);
            }
            (None, Some(exported)) => rest.push_str(&statement[..exported]),
            (None, None) => rest.push_str(statement),
        }
    }
    for word in rest.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')) {
        let path: Vec<String> = word.split("::").map(str::to_owned).collect();
        if path.len() > 1 {
            found.push(path);
        }
    }
    found.retain(|path| matches!(path[0].as_str(), "crate" | "super" | "self"));
    found
}

fn parts(text: &str) -> impl Iterator<Item = String> {
    text.split("::")
        .map(|part| part.trim().to_owned())
        .filter(|part| !part.is_empty())
}

fn expand(tree: &str, before: &[String], found: &mut Vec<Vec<String>>) {
    let tree = tree.trim();
    let Some((head, list)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        return found.push(before.iter().cloned().chain(parts(path)).collect());
    };
    let before: Vec<String> = before.iter().cloned().chain(parts(head)).collect();
    let (mut depth, mut item) = (0, String::new());
    for c in list[..list.rfind('}').unwrap_or(list.len())]
        .chars()
        .chain([','])
    {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if c == ',' && depth == 0 {
            if !item.trim().is_empty() {
                expand(&item, &before, found);
            }
            item.clear();
        } else {
            item.push(c);
        }
    }
}

/// The file that defines what a path names, behind any re-exports.
fn file_of<'a>(
    path: &[String],
    from: &[String],
    sources: &'a BTreeMap<String, Source>,
) -> Option<&'a str> {
    let mut at: Vec<String> = if path[0] == "crate" {
        Vec::new()
    } else {
        from.to_vec()
    };
    let mut path = path;
    while let Some(step @ ("crate" | "super" | "self")) = path.first().map(String::as_str) {
        if step == "super" {
            at.pop();
        }
        path = &path[1..];
    }
    at.extend(path.iter().cloned());
    let module = (0..=at.len())
        .rev()
        .map(|end| &at[..end])
        .find(|part| sources.values().any(|it| it.module == *part))?;
    let name = at.get(module.len());
    let own = sources
        .iter()
        .find(|(_, source)| source.module == module)
        .map(|(name, _)| name.as_str());
    let Some(name) = name else { return own };
    let mut here = sources
        .iter()
        .filter(|(_, source)| source.module.starts_with(module));
    here.find(|(_, source)| defines(&source.text, name))
        .map(|(name, _)| name.as_str())
        .or(own)
}

fn defines(text: &str, name: &str) -> bool {
    let kinds = ["struct", "enum", "trait", "fn", "const", "static", "type"];
    text.lines()
        .filter(|line| !line.starts_with([' ', '}']))
        .any(|line| {
            let mut words = line.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            let mut words = words.by_ref().skip_while(|word| !kinds.contains(word));
            // `const fn`, and a name in generics or arguments is not defined here.
            words.next().is_some()
                && words
                    .find(|word| !kinds.contains(word))
                    .is_some_and(|word| word == name)
        })
}
