//! The list of error codes, compared with the source.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use fluxgate_core::error_code;

/// The product's own source: not the emulator's, whose errors are the provider's, and no tests.
fn source(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !["emulator", "tests", "docs", "target"].contains(&name) {
            source(&path, text);
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") && name != "error_code.rs" {
            let file = std::fs::read_to_string(&path).unwrap();
            text.push_str(file.split("#[cfg(test)]\nmod tests {").next().unwrap());
        }
    }
}

/// The first string of each call that makes an error, if it stands in the call itself.
fn made(text: &str) -> BTreeSet<String> {
    let calls = ["Error::invalid(", "Error::unavailable(", "Error::internal("];
    let rest = calls.iter().flat_map(|call| text.split(call).skip(1));
    let of_kind = text.split("Kind::").skip(1).filter_map(|rest| {
        let (kind, rest) = rest.split_once(',')?;
        kind.chars().all(char::is_alphabetic).then_some(rest)
    });
    let literal = |rest: &str| {
        let code = rest.trim_start().strip_prefix('"')?.split('"').next()?;
        let fits = |sign: char| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == '_';
        (!code.is_empty() && code.chars().all(fits)).then(|| code.to_owned())
    };
    rest.chain(of_kind).filter_map(literal).collect()
}

#[test]
fn every_code_of_an_error_is_in_the_list_and_the_list_has_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut text = String::new();
    source(&root.join("shared"), &mut text);
    source(&root.join("functions"), &mut text);
    let listed: BTreeSet<String> = error_code::ALL.map(str::to_owned).into();
    assert_eq!(
        listed.len(),
        error_code::ALL.len(),
        "each stands there once"
    );

    let missing: Vec<_> = made(&text).difference(&listed).cloned().collect();
    assert!(missing.is_empty(), "add to error_code.rs: {missing:?}");
    let gone: Vec<_> = listed
        .iter()
        .filter(|code| !text.contains(&format!("\"{code}\"")))
        .collect();
    assert!(gone.is_empty(), "no error has these any more: {gone:?}");
}
