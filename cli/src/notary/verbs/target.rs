//! Targets: staged, listed, looked up, compared with content.

use std::io::{self, Read as _, Write};
use std::path::PathBuf;

use clap::Args;
use libtrust::edit::Change;
use libtrust::metadata::{Digests, Target};
use libtrust::names::{Gun, RoleName};

use super::super::session::Notary;
use super::super::tables::{TargetRow, targets};
use super::print;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::output::{escape, forgive_closed_pipe};

/// The largest content that is signed or verified as a file, in bytes: it is held in memory.
const MAX_CONTENT: u64 = 1 << 30;

/// Options of `notary add`.
#[derive(Debug, Args)]
pub struct AddOptions {
    /// The collection
    #[arg(value_name = "GUN")]
    pub gun: Gun,
    /// The target
    #[arg(value_name = "TARGET")]
    pub target: String,
    /// The file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// How it is staged.
    #[command(flatten)]
    pub staging: Staging,
    /// Path to the file containing custom data for this target
    #[arg(long, value_name = "FILE")]
    pub custom: Option<PathBuf>,
}

/// Options of `notary addhash`.
#[derive(Debug, Args)]
pub struct AddHashOptions {
    /// The collection
    #[arg(value_name = "GUN")]
    pub gun: Gun,
    /// The target
    #[arg(value_name = "TARGET")]
    pub target: String,
    /// Its size in bytes
    #[arg(value_name = "SIZE")]
    pub size: String,
    /// Hex encoded sha256 of the target to add
    #[arg(long, value_name = "HEX")]
    pub sha256: Option<String>,
    /// Hex encoded sha512 of the target to add
    #[arg(long, value_name = "HEX")]
    pub sha512: Option<String>,
    /// How it is staged.
    #[command(flatten)]
    pub staging: Staging,
    /// Path to the file containing custom data for this target
    #[arg(long, value_name = "FILE")]
    pub custom: Option<PathBuf>,
}

/// Options of `notary remove`.
#[derive(Debug, Args)]
pub struct RemoveOptions {
    /// The collection
    #[arg(value_name = "GUN")]
    pub gun: Gun,
    /// The target
    #[arg(value_name = "TARGET")]
    pub target: String,
    /// How it is staged.
    #[command(flatten)]
    pub staging: Staging,
}

/// Where a change goes, and whether it waits.
#[derive(Debug, Args)]
pub struct Staging {
    /// Delegation roles to change
    #[arg(short, long, value_name = "ROLES", value_delimiter = ',')]
    pub roles: Vec<RoleName>,
    /// Publish at once, with what else is staged
    #[arg(short, long)]
    pub publish: bool,
}

impl Staging {
    fn roles(&self) -> Vec<RoleName> {
        if self.roles.is_empty() { vec![RoleName::Targets] } else { self.roles.clone() }
    }
}

/// Options of `notary list`.
#[derive(Debug, Args)]
pub struct ListOptions {
    /// The collection
    #[arg(value_name = "GUN")]
    pub gun: Gun,
    /// Delegation roles to list targets for
    #[arg(short, long, value_name = "ROLES", value_delimiter = ',')]
    pub roles: Vec<RoleName>,
}

/// A target of a collection.
#[derive(Debug, Args)]
pub struct LookupOptions {
    /// The collection
    #[arg(value_name = "GUN")]
    pub gun: Gun,
    /// The target
    #[arg(value_name = "TARGET")]
    pub target: String,
}

/// Options of `notary verify`.
#[derive(Debug, Args)]
pub struct VerifyOptions {
    /// The collection
    #[arg(value_name = "GUN")]
    pub gun: Gun,
    /// The target
    #[arg(value_name = "TARGET")]
    pub target: String,
    /// Read from a file, instead of standard input
    #[arg(short, long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Write to a file, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// No output except for errors
    #[arg(short, long)]
    pub quiet: bool,
}

/// Stages a file.
pub(super) fn add(options: &AddOptions, notary: &Notary) -> Result<(), Failure> {
    let content = files::read(&options.file, MAX_CONTENT)?;
    let custom = options.custom.as_deref().map(custom).transpose()?;
    let target = Target { length: content.len() as u64, digests: Digests::of(&content), custom };
    stage(&options.gun, &options.target, &target, &options.staging, notary)?;
    let (name, gun) = (escape::line(&options.target), &options.gun);
    print(&format!("Addition of target \"{name}\" to repository \"{gun}\" staged for next publish.\n"))?;
    notary.auto_publish(gun, options.staging.publish)
}

/// Stages what a file elsewhere is.
pub(super) fn add_hash(options: &AddHashOptions, notary: &Notary) -> Result<(), Failure> {
    let size = match options.size.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => options.size.parse(),
    };
    let length = size.map_err(|_| Failure::usage(format!("{}: not a size in bytes", options.size)))?;
    let (sha256, sha512) = (digest("sha256", &options.sha256)?, digest("sha512", &options.sha512)?);
    let digests = Digests { sha256, sha512, others: false };
    let kinds: Vec<&str> =
        [digests.sha256.map(|_| "sha256"), digests.sha512.map(|_| "sha512")].into_iter().flatten().collect();
    if kinds.is_empty() {
        return Err(Failure::usage("Must specify a sha256 or a sha512 hash"));
    }
    let target = Target { length, digests, custom: options.custom.as_deref().map(custom).transpose()? };
    stage(&options.gun, &options.target, &target, &options.staging, notary)?;
    let (name, gun, kinds) = (escape::line(&options.target), &options.gun, kinds.join(", "));
    print(&format!(
        "Addition of target \"{name}\" by {kinds} hash to repository \"{gun}\" staged for next publish.\n"
    ))?;
    notary.auto_publish(gun, options.staging.publish)
}

fn digest<const N: usize>(kind: &str, hex_text: &Option<String>) -> Result<Option<[u8; N]>, Failure> {
    let Some(text) = hex_text else { return Ok(None) };
    let bytes = hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.map(Some).ok_or_else(|| Failure::usage(format!("invalid {kind} hex contents provided")))
}

fn custom(file: &std::path::Path) -> Result<libtrust::json::Value<'static>, Failure> {
    let text = files::read(file, 1 << 20)?;
    let value = libtrust::json::Value::parse(&text, 32);
    value.map(libtrust::json::Value::into_owned).map_err(|error| Failure::caused(Exit::Usage, &error))
}

fn stage(gun: &Gun, name: &str, target: &Target, staging: &Staging, notary: &Notary) -> Result<(), Failure> {
    let add = |role| Change::AddTarget { role, name: name.to_owned(), target: target.clone() };
    notary.stage(gun, &staging.roles().into_iter().map(add).collect::<Vec<_>>())
}

/// Stages that a target goes.
pub(super) fn remove(options: &RemoveOptions, notary: &Notary) -> Result<(), Failure> {
    let gun = &options.gun;
    let remove = |role| Change::RemoveTarget { role, name: options.target.clone() };
    notary.stage(gun, &options.staging.roles().into_iter().map(remove).collect::<Vec<_>>())?;
    print(&format!("Removal of {} from {gun} staged for next publish.\n", escape::line(&options.target)))?;
    notary.auto_publish(gun, options.staging.publish)
}

/// Prints a table of targets.
pub(super) fn list(options: &ListOptions, notary: &Notary) -> Result<(), Failure> {
    let collection = notary.updated(&options.gun)?;
    let roles = if options.roles.is_empty() { vec![RoleName::Targets] } else { options.roles.clone() };
    let rows = collection.targets().list(&roles).into_values().filter_map(|found| {
        Some(TargetRow {
            name: found.name.to_owned(),
            digest: hex::encode(found.target.digests.sha256?),
            size: found.target.length,
            role: found.role().to_string(),
        })
    });
    print(&targets(rows.collect()))
}

/// Prints a target.
pub(super) fn lookup(options: &LookupOptions, notary: &Notary) -> Result<(), Failure> {
    let collection = notary.updated(&options.gun)?;
    let found = collection.targets().find(&options.target, &[RoleName::Targets]);
    let found = found.ok_or_else(|| unknown(&options.target))?;
    let digest = found.target.digests.sha256.ok_or_else(|| unknown(&options.target))?;
    print(&format!("{} sha256:{} {}\n", escape::line(found.name), hex::encode(digest), found.target.length))
}

fn unknown(target: &str) -> Failure {
    Failure::new(Exit::NoTrustData, format!("No valid trust data for {target}"))
}

/// Passes content on if it is what was signed.
pub(super) fn verify(options: &VerifyOptions, notary: &Notary) -> Result<(), Failure> {
    let content = match &options.input {
        Some(file) => files::read(file, MAX_CONTENT)?,
        None => {
            let mut content = Vec::new();
            io::stdin().lock().take(MAX_CONTENT).read_to_end(&mut content)?;
            content
        }
    };
    let collection = notary.updated(&options.gun)?;
    let name = &options.target;
    let found = collection.targets().find(name, &[RoleName::Targets]).ok_or_else(|| {
        Failure::new(
            Exit::NoTrustData,
            format!("error retrieving target by name:{name}, error:No valid trust data for {name}"),
        )
    })?;
    let (signed, given) = (&found.target.digests, Digests::of(&content));
    let differs = |kind: &str, expected: String| {
        let message = format!(
            "data not present in the trusted collection, {kind} checksum for {name} did not match: expected {expected}"
        );
        Err(Failure::new(Exit::Digest, message))
    };
    if let Some(expected) = signed.sha256.filter(|expected| given.sha256 != Some(*expected)) {
        return differs("sha256", hex::encode(expected));
    }
    if let Some(expected) = signed.sha512.filter(|expected| given.sha512 != Some(*expected)) {
        return differs("sha512", hex::encode(expected));
    }
    if signed.sha256.is_none() && signed.sha512.is_none() {
        return Err(unknown(name));
    }
    match &options.output {
        _ if options.quiet => Ok(()),
        Some(file) => Ok(std::fs::write(file, &content)?),
        None => forgive_closed_pipe(io::stdout().lock().write_all(&content)),
    }
}
