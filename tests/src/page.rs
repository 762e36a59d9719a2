//! A page of the documents, whose programs and commands are run as they are written.

use std::path::Path;

/// The text of a page, with a test's addresses in place of those written there.
pub struct Page(String);

impl Page {
    /// By its path from the root of the repository.
    pub fn read(path: &str, addresses: &[(&str, &str)]) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let text = std::fs::read_to_string(root.join(path)).unwrap();
        let replaced = addresses
            .iter()
            .fold(text, |text, (written, ours)| text.replace(written, ours));
        Self(replaced)
    }

    pub fn text(&self) -> &str {
        &self.0
    }

    /// The one block of this language that holds `mark`.
    pub fn block(&self, language: &str, mark: &str) -> &str {
        let fence = format!("```{language}\n");
        let blocks = self
            .0
            .split(&fence)
            .skip(1)
            .map(|rest| rest.split("```\n").next().unwrap());
        let found: Vec<&str> = blocks.filter(|block| block.contains(mark)).collect();
        assert_eq!(found.len(), 1, "blocks of {language} with '{mark}'");
        found[0]
    }

    /// The same of a console, as a script.
    pub fn commands(&self, mark: &str) -> String {
        let lines = self.block("console", mark).lines();
        lines
            .map(|line| line.strip_prefix("$ ").unwrap_or(line).to_owned() + "\n")
            .collect()
    }
}
