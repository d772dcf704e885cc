//! `trust policy check`: the rules as they are understood, and whether images satisfy those that hold for them.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use libtrust::names::ImageReference;
use libtrust::policy::{NameRules, SignerRule};
use libtrust::verify::RootPins;
use serde::Serialize;

use super::Context;
use super::reading::Reading;
use super::tags;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Document, Table, escape};
use crate::session::Session;
use crate::terminal::Wording;

/// Options of `trust policy`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust policy check
  trust policy check --policy new.json registry.example/team/app:1.4
  trust policy check --offline registry.example/team/app")]
pub struct Options {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do with the policy.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the rules of the policy (--policy FILE, else that of the trust folder); with images, whether they satisfy them
    Check(Check),
}

/// Options of `trust policy check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Images; without a tag every signed one must satisfy the rules
    #[arg(value_name = "IMAGE")]
    pub images: Vec<ImageReference>,
    /// Whether a server must confirm it.
    #[command(flatten)]
    pub reading: Reading,
}

#[derive(Serialize)]
struct Checked {
    /// The policy file; absent if there is none.
    file: Option<PathBuf>,
    rules: Vec<Rule>,
    images: Vec<CheckedImage>,
}

#[derive(Serialize)]
struct Rule {
    /// `default` for names no other rule is for.
    names: String,
    root: RootRule,
    first_use: bool,
    signers: Option<Signers>,
    fresh_seconds: Option<u64>,
    mirrors: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum RootRule {
    Unpinned,
    Keys(Vec<String>),
    Authorities,
}

#[derive(Serialize)]
struct Signers {
    at_least: usize,
    of: Vec<String>,
}

#[derive(Serialize)]
struct CheckedImage {
    image: String,
    /// The rule that holds for it.
    rule: String,
    satisfied: bool,
    /// Why not.
    why: Vec<String>,
}

impl Rule {
    fn of(names: String, rules: &NameRules) -> Self {
        Self {
            names,
            root: match &rules.root {
                RootPins::Unpinned => RootRule::Unpinned,
                RootPins::Keys(ids) => RootRule::Keys(ids.iter().map(ToString::to_string).collect()),
                RootPins::Authorities(_) => RootRule::Authorities,
            },
            first_use: rules.first_use,
            signers: match &rules.signers {
                SignerRule::Anyone => None,
                SignerRule::AtLeast { count, of } => {
                    Some(Signers { at_least: *count, of: of.iter().cloned().collect() })
                }
            },
            fresh_seconds: rules.fresh.map(|fresh| fresh.as_secs()),
            mirrors: rules.mirrors.clone(),
        }
    }

    fn root_text(&self) -> String {
        match &self.root {
            RootRule::Unpinned if self.first_use => "the first one seen".to_owned(),
            RootRule::Unpinned => "none: not pinned, and no first use".to_owned(),
            RootRule::Keys(ids) => ids.join(", "),
            RootRule::Authorities => "any an authority vouches for".to_owned(),
        }
    }

    fn signers_text(&self) -> String {
        match &self.signers {
            None => "anyone".to_owned(),
            Some(Signers { at_least, of }) if *at_least == of.len() => format!("all of {}", of.join(", ")),
            Some(Signers { at_least, of }) => format!("{at_least} of {}", of.join(", ")),
        }
    }
}

impl Document for Checked {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        match &self.file {
            Some(file) => writeln!(to, "policy {}\n", escape::line(&file.display().to_string()))?,
            None => writeln!(to, "no policy file\n")?,
        }
        let mut table = Table::new(["NAMES", "ROOT KEYS", "SIGNERS", "FRESH", "MIRRORS"]);
        for rule in &self.rules {
            let fresh = rule.fresh_seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds}s"));
            let mirrors = if rule.mirrors.is_empty() { "-".to_owned() } else { rule.mirrors.join(", ") };
            table.row([rule.names.clone(), rule.root_text(), rule.signers_text(), fresh, mirrors]);
        }
        table.write(to)?;
        for image in &self.images {
            let verdict = if image.satisfied { "satisfies" } else { "does not satisfy" };
            writeln!(to, "\n{} {verdict} the rule {}", escape::line(&image.image), escape::line(&image.rule))?;
            image.why.iter().try_for_each(|why| writeln!(to, "  {}", escape::line(why)))?;
        }
        Ok(())
    }
}

/// Runs it.
///
/// # Errors
/// If the policy cannot be followed; if an image does not satisfy it, with the code of the first that does not.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let Command::Check(options) = &options.command;
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let policy = session.policy()?;
    let path = session.policy_path();
    let mut rules: Vec<Rule> = policy.patterns().map(|(names, rules)| Rule::of(names.to_string(), rules)).collect();
    rules.push(Rule::of("default".to_owned(), policy.default_rules()));
    let mut first = None;
    let mut images = Vec::new();
    for image in &options.images {
        let rule = policy.pattern(image.gun()).map_or_else(|| "default".to_owned(), ToString::to_string);
        let failures = check(image, options.reading, &session);
        let why = failures.iter().map(|failure| {
            std::iter::once(failure.message())
                .chain(failure.causes().iter().map(String::as_str))
                .collect::<Vec<_>>()
                .join(": ")
        });
        let image = image.familiar().to_string();
        images.push(CheckedImage { image, rule, satisfied: failures.is_empty(), why: why.collect() });
        first = first.or_else(|| failures.into_iter().next());
    }
    let checked = Checked { file: path.exists().then_some(path), rules, images };
    output::print(&checked, session.settings().format)?;
    match first {
        None => Ok(()),
        Some(failure) => Err(failure.while_doing("not every image satisfies the policy")),
    }
}

fn check(image: &ImageReference, reading: Reading, session: &Session) -> Vec<Failure> {
    let (client, collection) = match reading.collection(session, image.gun()) {
        Ok(found) => found,
        Err(failure) => return vec![failure],
    };
    let rules = client.policy().rules(image.gun());
    if let Some(tag) = image.tag() {
        return collection.image(tag, rules).err().map(Failure::from).into_iter().collect();
    }
    let refused = tags::of(&collection, rules).into_iter().filter_map(|tag| tag.refused);
    refused.map(|why| Failure::new(Exit::Policy, why)).collect()
}
