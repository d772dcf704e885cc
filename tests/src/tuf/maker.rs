//! Repositories made by python-tuf, told what to do one line at a time.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::peers::python_tuf;

/// A repository in a folder, and everybody's keys, in a process of its own.
pub struct Maker {
    folder: PathBuf,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Maker {
    /// An empty repository with one key for every top-level role, valid until 2100 and not written yet.
    pub fn new(folder: &Path) -> Result<Self> {
        Self::with(folder, &json!({}))
    }

    /// The same with more said: `consistent`, `expires`, `seed`, `hashes`.
    pub fn with(folder: &Path, options: &Value) -> Result<Self> {
        let mut command = python_tuf::bare("maker.py")?;
        let mut child = command.arg(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (input, output) = (child.stdin.take().context("no input")?, child.stdout.take().context("no output")?);
        let mut maker = Self { folder: folder.to_owned(), child, input, output: BufReader::new(output) };
        maker.tell("new", options)?;
        Ok(maker)
    }

    /// What a web server shows: `metadata` and `targets` are in it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The first root.
    pub fn root(&self) -> PathBuf {
        self.folder.join("metadata/1.root.json")
    }

    /// Adds a target to a role, and its file.
    pub fn add(&mut self, role: &str, path: &str, content: &str) -> Result<()> {
        self.tell("add", &json!({"role": role, "path": path, "content": content}))
    }

    /// Lets a role delegate patterns to another, which begins empty with one key.
    pub fn delegate(&mut self, parent: &str, name: &str, paths: &[&str]) -> Result<()> {
        self.tell("delegate", &json!({"parent": parent, "name": name, "paths": paths}))
    }

    /// Signs new versions of these targets roles, and of snapshot and timestamp.
    pub fn publish(&mut self, roles: &[&str]) -> Result<()> {
        self.tell("publish", &json!({"roles": roles}))
    }

    /// Signs everything for the first time.
    pub fn publish_all(&mut self) -> Result<()> {
        self.tell("publish", &json!({}))
    }

    /// Gives a top-level role new keys, and signs the next root with those of the last one and its own.
    pub fn rotate(&mut self, role: &str) -> Result<()> {
        self.tell("rotate", &json!({"role": role, "keys": 1, "threshold": 1}))
    }

    /// Does what `maker.py` says of a verb.
    pub fn tell(&mut self, verb: &str, arguments: &Value) -> Result<()> {
        writeln!(self.input, "{}", json!([verb, arguments]))?;
        self.input.flush()?;
        let mut answer = String::new();
        self.output.read_line(&mut answer)?;
        if answer.trim_end() != "done" {
            bail!("{verb} {arguments}: {answer}");
        }
        Ok(())
    }

    /// Keeps what the repository shows now in another folder, and gives that.
    pub fn copy(&self, name: &str) -> Result<PathBuf> {
        let copy = self.folder.with_file_name(name);
        copy_folder(&self.folder, &copy)?;
        Ok(copy)
    }
}

impl Drop for Maker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &place)?;
        } else {
            std::fs::copy(entry.path(), place)?;
        }
    }
    Ok(())
}
