//! `fluxgate completions` and `fluxgate man`: made from the definition of the command line, so that
//! they cannot differ from it.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use clap_complete::Shell;
use clap_mangen::Man;
use serde_json::json;

use super::print::{self, Facts, PrintArgs};

#[derive(Args)]
#[command(after_help = "\
Examples:
  fluxgate completions bash > ~/.local/share/bash-completion/completions/fluxgate
  fluxgate completions zsh > \"${fpath[1]}/_fluxgate\"
  fluxgate completions fish > ~/.config/fish/completions/fluxgate.fish")]
pub(super) struct CompletionsArgs {
    /// The shell that is to complete the command line
    shell: Shell,
}

#[derive(Args)]
#[command(after_help = "\
Example:
  fluxgate man ~/.local/share/man/man1 && man fluxgate-edit")]
pub(super) struct ManArgs {
    /// The folder to write them to; it is made if it is missing
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    print: PrintArgs,
}

/// Prints the script that completes the command line in this shell.
pub(super) fn completions(args: &CompletionsArgs, mut command: clap::Command) -> Result<()> {
    let (name, mut script) = (command.get_name().to_owned(), Vec::new());
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    print::text(String::from_utf8(script).context("the script is not text")?)
}

/// Writes a page for every command that is not hidden.
pub(super) fn pages(args: &ManArgs, command: clap::Command) -> Result<()> {
    let folder = args.folder.display();
    std::fs::create_dir_all(&args.folder)
        .with_context(|| format!("cannot create the folder {folder}"))?;
    let mut pages = Vec::new();
    // Full names, such as fluxgate-tenants-add, are given while it is built.
    let mut command = command.disable_help_subcommand(true);
    command.build();
    pages_of(&command, &mut pages)?;
    for (name, page) in &pages {
        let path = args.folder.join(name);
        std::fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
    args.print.print(&Facts {
        json: json!({ "folder": folder.to_string(), "pages": names }),
        quiet: names.iter().map(|name| format!("{name}\n")).collect(),
        text: format!("{} pages in {folder}", names.len()),
    })
}

/// A file's name and its text.
type Page = (String, Vec<u8>);

fn pages_of(command: &clap::Command, pages: &mut Vec<Page>) -> Result<()> {
    for within in command
        .get_subcommands()
        .filter(|within| !within.is_hide_set())
    {
        pages_of(within, pages)?;
    }
    let release = concat!("fluxgate ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).source(release);
    let mut page = Vec::new();
    man.render(&mut page).context("a man page cannot be made")?;
    pages.push((man.get_filename(), page));
    Ok(())
}
