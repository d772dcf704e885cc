//! `trust man`: the manual, a page for each verb.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;
use serde::Serialize;

use super::Context;
use crate::args::Arguments;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Document, escape};

/// Options of `trust man`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust man /usr/local/share/man/man1
  trust man /tmp/man && man -l /tmp/man/trust.1")]
pub struct Options {
    /// The folder; it must be there
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

/// The pages that were written.
#[derive(Debug, Serialize)]
struct Pages {
    pages: Vec<PathBuf>,
}

impl Document for Pages {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        self.pages.iter().try_for_each(|page| writeln!(to, "{}", escape::line(&page.display().to_string())))
    }
}

/// Writes the pages and names them.
///
/// # Errors
/// If a page cannot be written.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let mut written = Pages { pages: Vec::new() };
    for (name, text) in pages()? {
        let page = options.folder.join(name);
        if !context.options.dry_run {
            write(&page, &text)?;
        }
        written.pages.push(page);
    }
    output::print(&written, context.options.output)
}

fn write(page: &Path, text: &[u8]) -> Result<(), Failure> {
    std::fs::write(page, text).map_err(|error| {
        Failure::caused(Exit::Failure, &error)
            .while_doing(format!("cannot write {}", page.display()))
            .hint("name a folder that is there and that you may write")
    })
}

/// File names and texts.
fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    add(&command, &mut pages)?;
    Ok(pages)
}

fn add(command: &Command, pages: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        add(verb, pages)?;
    }
    let man = Man::new(command.clone());
    let mut text = Vec::new();
    man.render(&mut text)?;
    pages.push((man.get_filename(), text));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_has_a_page() {
        let pages = pages().unwrap();
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        for verb in Arguments::command().get_subcommands() {
            assert!(names.contains(&format!("trust-{}.1", verb.get_name()).as_str()), "{names:?}");
        }
        let (_, main) = pages.iter().find(|(name, _)| name == "trust.1").unwrap();
        let main = String::from_utf8_lossy(main);
        assert!(main.contains("Exit codes") && main.contains("signatures are missing"), "{main}");
    }
}
