//! The documents: a short front page, every page reachable from it, links that lead somewhere, and
//! no command written twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use fluxgate_tests::process;

const README_LINES_MAX: usize = 150;
const PICTURE_BYTES_MAX: u64 = 30_000;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// Every page of the project by its path from the root.
fn pages() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let top = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file());
    let below = ["shared", "functions", "tests", "infra"].map(|folder| root().join(folder));
    for path in top.chain(below) {
        collect(&path, &mut found);
    }
    assert!(found.len() > 15, "the pages were not found");
    found
}

fn collect(path: &Path, found: &mut BTreeMap<String, String>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            collect(&entry.unwrap().path(), found);
        }
    } else if path.extension().is_some_and(|extension| extension == "md") {
        let name = path
            .strip_prefix(root())
            .unwrap()
            .to_string_lossy()
            .into_owned();
        found.insert(name, fs::read_to_string(path).unwrap());
    }
}

/// The lines outside of code blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut in_block = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        in_block ^= is_fence;
        !in_block && !is_fence
    })
}

/// Where a page's links lead.
fn links(text: &str) -> Vec<&str> {
    let targets = prose(text).flat_map(|line| line.split("](").skip(1));
    targets
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
        .collect()
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter_map(|line| {
        line.trim_start_matches('#')
            .strip_prefix(' ')
            .filter(|_| line.starts_with('#'))
    });
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    headings
        .map(|heading| {
            heading
                .to_lowercase()
                .chars()
                .filter(kept)
                .collect::<String>()
                .replace(' ', "-")
        })
        .collect()
}

#[test]
fn the_readme_is_a_front_page_with_both_commands_and_both_pictures() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();

    let lines = readme.lines().count();
    assert!(
        lines <= README_LINES_MAX,
        "README.md has {lines} lines; move what is new to a page under shared/docs"
    );
    for command in [
        "$ cargo run --release --bin fluxgate -- demo\n",
        "$ tests/run\n",
    ] {
        assert!(readme.contains(command), "README.md lacks: {command}");
    }
    for picture in [
        "shared/docs/images/before.jpg",
        "shared/docs/images/after.jpg",
    ] {
        assert!(
            readme.contains(&format!("]({picture})")),
            "README.md does not show {picture}"
        );
        let bytes = fs::metadata(root().join(picture)).unwrap().len();
        assert!(bytes <= PICTURE_BYTES_MAX, "{picture} has {bytes} bytes");
    }
}

#[test]
fn every_page_under_shared_docs_is_linked_from_the_readme() {
    let pages = pages();
    let linked: Vec<&str> = links(&pages["README.md"])
        .iter()
        .map(|target| target.split('#').next().unwrap())
        .collect();

    for page in pages.keys().filter(|page| page.starts_with("shared/docs/")) {
        let folder = page.rsplit_once('/').unwrap().0;
        assert!(
            linked.contains(&page.as_str()) || linked.contains(&folder),
            "README.md does not link {page}"
        );
    }
}

#[test]
fn every_link_between_pages_leads_to_a_file_and_a_heading_that_exist() {
    let pages = pages();
    let mut checked = 0;
    for (page, text) in &pages {
        for link in links(text).into_iter().filter(|link| !link.contains("://")) {
            let (file, anchor) = link
                .split_once('#')
                .map_or((link, None), |(file, anchor)| (file, Some(anchor)));
            let folder = root().join(page).parent().unwrap().to_owned();
            let target = if file.is_empty() {
                root().join(page)
            } else {
                folder.join(file)
            };
            assert!(target.exists(), "{page}: nothing is at {link}");
            if let Some(anchor) = anchor {
                let text = fs::read_to_string(&target).unwrap();
                assert!(
                    anchors(&text).contains(anchor),
                    "{page}: no heading for {link}"
                );
            }
            checked += 1;
        }
    }
    assert!(checked > 50, "only {checked} links were seen");
}

/// What `serve` takes, by its help and by the structs that read its file, is what the page of
/// settings lists.
#[test]
fn every_setting_of_serve_is_on_the_page_of_settings() {
    let page = fs::read_to_string(root().join("shared/docs/guides/settings.md")).unwrap();
    let listed = |from: &str, to: &str| -> BTreeSet<String> {
        let section = page.split_once(from).unwrap().1.split(to).next().unwrap();
        let cells = section
            .lines()
            .filter(|line| line.starts_with("| `"))
            .map(|line| line.split('|').nth(1).unwrap());
        cells
            .flat_map(|cell| cell.split('`').skip(1).step_by(2))
            .map(str::to_owned)
            .collect()
    };
    let fields = |file: &str, name: &str| -> BTreeSet<String> {
        let code = fs::read_to_string(root().join("functions/local/src").join(file)).unwrap();
        let body = code
            .split_once(&format!("pub struct {name} {{"))
            .unwrap()
            .1
            .split("\n}")
            .next()
            .unwrap()
            .to_owned();
        let names = body
            .lines()
            .filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(": "));
        names.map(|(name, _)| name.to_owned()).collect()
    };
    let help = String::from_utf8(process::run(&["serve", "--help"]).stdout).unwrap();
    let flags = help
        .lines()
        .filter_map(|line| line.trim().strip_prefix("--")?.split(' ').next());
    // A line of text may begin with a flag's name too.
    let is_name = |name: &str| {
        name.bytes()
            .all(|b| b.is_ascii_lowercase() || b == b'-' || b.is_ascii_digit())
    };
    let flags: BTreeSet<String> = flags
        .filter(|name| is_name(name))
        .map(|name| format!("--{name}"))
        .filter(|name| !["--config", "--json"].contains(&name.as_str()))
        .collect();

    assert_eq!(listed("# Settings", "\n## "), flags);
    assert_eq!(
        listed("\n## Bounds", "\n## "),
        fields("settings/bounds.rs", "BoundsSettings")
    );
    assert_eq!(
        listed("\n## Connections", "\n## "),
        fields("connections.rs", "ConnectionSettings")
    );
}

/// Two copies of a command come to differ. A short one may be named wherever it is needed.
#[test]
fn no_long_command_stands_on_two_pages() {
    const SHORT_MAX: usize = 60;
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for (page, text) in pages() {
        for line in text
            .split("```console\n")
            .skip(1)
            .flat_map(|rest| rest.split("```").next().unwrap().lines())
        {
            let command = line.split(" # ").next().unwrap().trim();
            if command.len() > SHORT_MAX
                && let Some(other) = seen.insert(command.to_owned(), page.clone())
            {
                assert!(other == page, "{other} and {page} both have: {command}");
            }
        }
    }
    assert!(seen.len() > 15, "only {} commands were seen", seen.len());
}
