//! `trust tuf add`: list files as targets.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use libtrust::client::tuf::TargetPath;
use libtrust::client::tuf::repository::OwnRepository;
use libtrust::metadata::Target;
use libtrust::names::RoleName;

use super::change::{Change, ChangeOptions, role};
use super::list;
use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// Deepest folder that is added.
const MAX_DEPTH: usize = 64;

/// Options of `trust tuf add`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
A file is listed under its name, one in a folder under its path below that folder. Without --role it goes to the hash bin of its
path if the repository has some, else to targets.

Each line of a list is a JSON object: {\"path\": \"app/a\", \"length\": 3, \"hashes\": {\"sha256\": \"..\"}}, perhaps with custom.
Such files are not copied: they are where readers look for them.

Examples:
  trust tuf add repo app.tar.gz --as app/1.2/app.tar.gz
  trust tuf add repo --prefix docs --publish site/
  trust tuf add repo --role team --list files.jsonl")]
pub struct Options {
    /// The repository.
    #[command(flatten)]
    pub change: ChangeOptions,
    /// Files, and folders with all in them
    #[arg(value_name = "FILE", required_unless_present = "list")]
    pub files: Vec<PathBuf>,
    /// The path it is listed under, for a single file
    #[arg(long = "as", value_name = "PATH", conflicts_with_all = ["prefix", "list"])]
    pub path: Option<String>,
    /// What all paths begin with
    #[arg(long, value_name = "PATH")]
    pub prefix: Option<String>,
    /// The role that lists them
    #[arg(long, value_name = "ROLE", value_parser = role)]
    pub role: Option<RoleName>,
    /// Only list the files: they are brought to readers in another way
    #[arg(long)]
    pub no_copy: bool,
    /// Take the targets of a list, one a line
    #[arg(long, value_name = "FILE", conflicts_with = "files")]
    pub list: Option<PathBuf>,
}

/// Runs it.
///
/// # Errors
/// If a file cannot be read, or has no place among the targets.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let mut change = Change::open(&options.change, context)?;
    let targets = match &options.list {
        Some(file) => list::read(file, options.prefix.as_deref())?,
        None => from_files(options, &mut change)?,
    };
    change.repository.add_all(options.role.as_ref(), targets)?;
    change.finish()
}

fn from_files(options: &Options, change: &mut Change) -> Result<Vec<(TargetPath, Target)>, Failure> {
    let mut found = Vec::new();
    for file in &options.files {
        let name = file.file_name().unwrap_or_default();
        if file.is_dir() { walk(file, Path::new(""), 0, &mut found)? } else { found.push((file.clone(), name.into())) }
    }
    if options.path.is_some() && found.len() != 1 {
        return Err(Failure::usage(format!("--as names one file, and {} are to be added", found.len())));
    }
    let paths = found.iter().map(|(_, name)| match &options.path {
        Some(path) => Ok(path.parse()?),
        None => target_path(options.prefix.as_deref(), name),
    });
    let paths = paths.collect::<Result<Vec<TargetPath>, Failure>>()?;
    // Before anything is copied to where readers are.
    change.repository.may_add(options.role.as_ref(), &paths)?;
    found
        .into_iter()
        .zip(paths)
        .map(|((file, _), path)| {
            let target = if options.no_copy || change.is_told() {
                OwnRepository::describe(&file)?
            } else {
                change.repository.put_artifact(&path, &file)?
            };
            Ok((path, target))
        })
        .collect()
}

/// Every file below a folder, each with its path from there, in order.
fn walk(top: &Path, below: &Path, depth: usize, found: &mut Vec<(PathBuf, PathBuf)>) -> Result<(), Failure> {
    let folder = top.join(below);
    let told = |failure: Failure| failure.while_doing(format!("cannot read {}", folder.display()));
    if depth > MAX_DEPTH {
        return Err(told(Failure::new(Exit::Failure, format!("it is more than {MAX_DEPTH} folders deep"))));
    }
    let entries = fs::read_dir(&folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut entries = entries.map_err(|error| told(error.into()))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = below.join(entry.file_name());
        if entry.path().is_dir() { walk(top, &name, depth + 1, found)? } else { found.push((entry.path(), name)) }
    }
    Ok(())
}

fn target_path(prefix: Option<&str>, name: &Path) -> Result<TargetPath, Failure> {
    let Some(name) = name.to_str() else {
        return Err(Failure::usage(format!("{} is not UTF-8; name it with --as", name.display())));
    };
    let name = name.replace(std::path::MAIN_SEPARATOR, "/");
    Ok(match prefix.map(|prefix| prefix.trim_end_matches('/')).filter(|prefix| !prefix.is_empty()) {
        Some(prefix) => format!("{prefix}/{name}").parse()?,
        None => name.parse()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_keep_their_shape_below_a_prefix() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("b/c")).unwrap();
        for file in ["a", "b/c/d", "b/e"] {
            fs::write(folder.path().join(file), "x").unwrap();
        }
        let mut found = Vec::new();
        walk(folder.path(), Path::new(""), 0, &mut found).unwrap();
        let paths = found.iter().map(|(_, name)| target_path(Some("x/"), name).unwrap().to_string());
        assert_eq!(paths.collect::<Vec<_>>(), ["x/a", "x/b/c/d", "x/b/e"]);
    }
}
