//! `fluxgate bench --figures FILE…`: the tables of the figures page, made from the JSON of runs.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::facts;

/// Replaces each table on the page that a file has the figures of; the names of those tables.
pub(super) fn rewrite(page: &Path, files: &[PathBuf]) -> Result<Vec<String>> {
    let read = std::fs::read_to_string(page);
    let unread = || {
        let page = page.display();
        format!(
            "cannot read the page {page}; call it in the repository, or name the page by --page"
        )
    };
    let mut text = read.with_context(unread)?;
    let mut names: Vec<String> = Vec::new();
    for file in files {
        let figures = read_figures(file)?;
        let name = figures["bench"].as_str().unwrap_or_default().to_owned();
        if names.contains(&name) {
            bail!(
                "{} has figures that another file has too: '{name}'",
                file.display()
            );
        }
        text = replaced(&text, &name, &facts(figures).text)
            .with_context(|| format!("{} has no place for them", page.display()))?;
        names.push(name);
    }
    std::fs::write(page, text).with_context(|| format!("cannot write {}", page.display()))?;
    Ok(names)
}

fn read_figures(file: &Path) -> Result<Value> {
    let unusable = || {
        format!(
            "{} has no figures; write it with 'fluxgate bench --json'",
            file.display()
        )
    };
    let text = std::fs::read_to_string(file).with_context(unusable)?;
    let figures: Value = serde_json::from_str(&text).with_context(unusable)?;
    match figures["bench"].is_string() {
        true => Ok(figures),
        false => bail!(unusable()),
    }
}

/// The page with another text between the two comments of this name.
fn replaced(page: &str, name: &str, table: &str) -> Result<String> {
    let begin = format!("<!-- figures: {name} -->");
    let end = format!("<!-- end of figures: {name} -->");
    let parts = page.split_once(&begin).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(&end)?;
        Some((before, after))
    });
    let Some((before, after)) = parts else {
        bail!("the page needs the lines '{begin}' and '{end}'");
    };
    Ok(format!(
        "{before}{begin}\n\n{}\n\n{end}{after}",
        table.trim_end()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_comments_of_a_name_is_replaced() {
        let page = "a\n<!-- figures: x -->\nold\n<!-- end of figures: x -->\nb\n";

        let once = replaced(page, "x", "new\n").unwrap();

        let wanted = "a\n<!-- figures: x -->\n\nnew\n\n<!-- end of figures: x -->\nb\n";
        assert_eq!(once, wanted);
        assert_eq!(replaced(&once, "x", "new\n").unwrap(), wanted);
        assert!(replaced(page, "y", "new").is_err());
    }
}
