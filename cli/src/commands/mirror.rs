//! `trust mirror`: collections of any Notary server, copied before it goes away.
//!
//! Into a folder they go byte for byte, under the names Notary gives them, so that any web server with the folder as its root
//! is a mirror; as a server signs timestamps for some days only, a copy is good until then, and must be made anew before.
//! To another trust server they cannot go as they are: the root names the keys of the server it is on, so the owner of the
//! root key signs a root that names those of the new one. The new server counts its files from one: this client follows, as
//! the old keys are gone from the root, while clients of Notary and Docker that remember higher numbers refuse them until
//! their cache of the collection is removed.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use clap::Args;
use libtrust::client::{Cache, Client, Collection, Offline, Publisher, ReadOnlyCache, RemoteFile, TransportError};
use libtrust::metadata::{FileMeta, Metadata as _, Version};
use libtrust::names::{Gun, RoleName};
use serde::Serialize;

use super::Context;
use super::shown::{self, FileVersion};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::output::{self, Document, escape};
use crate::session::Session;
use crate::settings::{Changes, Verbosity};
use crate::terminal::Wording;

/// Largest file copied, in bytes; what readers take at most.
const MAX_FILE: u64 = 100 << 20;

/// Options of `trust mirror`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
A folder is good until the timestamp in it expires: copy again before. After a move to another server, clients of Notary and
Docker that knew the collection must forget it once (remove its folder in trust/tuf), as the new server counts from one.

Examples:
  trust mirror https://notary.example registry.example/team/app --to-folder /srv/notary
  trust mirror https://notary.old registry.example/team/app --to https://trust.new --rotate-server-keys")]
pub struct Options {
    /// The server that has them
    #[arg(value_name = "SOURCE")]
    pub source: String,
    /// Collections
    #[arg(required = true, value_name = "GUN")]
    pub guns: Vec<Gun>,
    /// Copy into this folder, for any web server: all versions the source has
    #[arg(long, value_name = "DIR", required_unless_present = "to")]
    pub to_folder: Option<PathBuf>,
    /// Move to this trust server
    #[arg(long, value_name = "URL", conflicts_with = "to_folder", requires = "rotate_server_keys")]
    pub to: Option<String>,
    /// Sign a root that names the new server's keys; the root key must be here
    #[arg(long, requires = "to")]
    pub rotate_server_keys: bool,
}

#[derive(Serialize)]
struct Mirrored {
    dry_run: bool,
    source: String,
    collections: Vec<MirroredCollection>,
}

#[derive(Serialize)]
struct MirroredCollection {
    name: String,
    /// The folder or server.
    to: String,
    /// How many files were written.
    files: usize,
    /// Roles with older versions that the source does not have.
    incomplete: Vec<String>,
    /// Until when readers take a copy in files; a server goes on signing.
    good_until: Option<DateTime<Utc>>,
    published: Vec<FileVersion>,
}

impl Document for Mirrored {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        let did = if self.dry_run { "would copy" } else { "copied" };
        for collection in &self.collections {
            let (name, place) = (escape::line(&collection.name), escape::line(&collection.to));
            writeln!(to, "{did} {name} to {place}")?;
            if let Some(time) = collection.good_until {
                writeln!(to, "  {} new files; good until {}", collection.files, time.format("%F %T UTC"))?;
            }
            if !collection.incomplete.is_empty() {
                writeln!(to, "  older versions the source does not have: {}", collection.incomplete.join(", "))?;
            }
        }
        Ok(())
    }
}

/// Runs it.
///
/// # Errors
/// The first collection that is not trusted, or cannot be copied. Those before it are.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let dry_run = session.settings().changes == Changes::Told;
    let source = session.transport(&options.source)?;
    let cache: Arc<dyn Cache> =
        if dry_run { Arc::new(ReadOnlyCache(session.cache())) } else { Arc::new(session.cache()) };
    let client = session.client_over(source, cache)?;
    let collections = options.guns.iter().map(|gun| {
        let copied = match (&options.to_folder, &options.to) {
            (Some(folder), _) => to_folder(&session, &client, gun, folder, dry_run),
            (None, Some(server)) => to_server(&session, &client, gun, server, dry_run),
            (None, None) => Err(Failure::usage("no place to copy to").hint("--to-folder DIR")),
        };
        copied.map_err(|failure| failure.while_doing(format!("cannot copy {gun}")))
    });
    let collections = collections.collect::<Result<Vec<_>, _>>()?;
    output::print(&Mirrored { dry_run, source: options.source.clone(), collections }, session.settings().format)
}

fn to_server(
    session: &Session,
    client: &Client,
    gun: &Gun,
    server: &str,
    dry_run: bool,
) -> Result<MirroredCollection, Failure> {
    let to = session.transport(server)?;
    let mut mirrored = MirroredCollection {
        name: gun.to_string(),
        to: server.to_owned(),
        files: 0,
        incomplete: Vec::new(),
        good_until: None,
        published: Vec::new(),
    };
    if dry_run {
        let collection = session.wait(client.update(gun, Offline::Never))?;
        shown::warnings(session, &collection);
        return Ok(mirrored);
    }
    let publisher = Publisher::new(client.clone(), session.key_store()?);
    let publication = session.wait(publisher.relocate(gun, to))?;
    session.warn(&format!(
        "clients of Notary and Docker that know {gun} from the old server must forget it once: remove trust/tuf/{gun}"
    ));
    mirrored.files = publication.roles.len();
    mirrored.published = publication.roles.iter().map(|(role, version)| FileVersion::of(role, *version)).collect();
    Ok(mirrored)
}

fn to_folder(
    session: &Session,
    client: &Client,
    gun: &Gun,
    folder: &Path,
    dry_run: bool,
) -> Result<MirroredCollection, Failure> {
    let place = place(folder, gun)?;
    let collection = session.wait(client.update(gun, Offline::Never))?;
    shown::warnings(session, &collection);
    let expiries = collection.expiries();
    let mut mirrored = MirroredCollection {
        name: gun.to_string(),
        to: place.display().to_string(),
        files: 0,
        incomplete: Vec::new(),
        good_until: expiries.first().map(|(_, expires)| *expires),
        published: Vec::new(),
    };
    if dry_run {
        return Ok(mirrored);
    }
    fs::create_dir_all(&place)?;
    let copy = Copy { session, client, gun, place: &place };
    let current = current(&collection);
    for (role, version) in &current {
        let (written, is_complete) = copy.older(role, *version)?;
        mirrored.files += written;
        if !is_complete {
            mirrored.incomplete.push(role.to_string());
        }
    }
    // Notary's clients ask for this first; a web server gives it for the folder.
    files::replace(&folder.join("v2").join("index.html"), b"{}\n")?;
    // Readers may come meanwhile: what is named is there before the file that names it, the timestamp last.
    for (role, version) in &current {
        let set_aside = collection.set_aside().iter().find(|one| one.role == *role);
        let bytes = match set_aside {
            Some(set_aside) => Some(set_aside.bytes().to_vec()),
            None => client.cache().load(gun, role)?,
        };
        let bytes = bytes.ok_or_else(|| Failure::new(Exit::Failure, format!("the cache lost {role} meanwhile")))?;
        mirrored.files += copy.immutable(role, *version, &bytes)?;
        mirrored.files += copy.write(&RemoteFile::Current(role.clone()), &bytes)?;
    }
    Ok(mirrored)
}

/// The roles and their versions; each before those that name it.
fn current(collection: &Collection) -> Vec<(RoleName, Version)> {
    let mut roles = vec![(RoleName::Root, collection.root().version())];
    let set_aside = collection.set_aside().iter();
    roles.extend(set_aside.filter_map(|one| Some((one.role.clone(), one.content()?.version))));
    let files = collection.targets().roles().map(|file| (file.role().clone(), file.version()));
    roles.extend(files.collect::<Vec<_>>().into_iter().rev());
    roles.push((RoleName::Snapshot, collection.snapshot().version()));
    roles.push((RoleName::Timestamp, collection.timestamp().version()));
    roles
}

/// Where a collection's files are below a web server's root.
fn place(folder: &Path, gun: &Gun) -> Result<PathBuf, Failure> {
    let mut place = folder.join("v2");
    for part in gun.as_str().split('/') {
        if matches!(part, "" | "." | "..") || part.contains(['\\', '\0']) {
            return Err(Failure::usage(format!("{gun} cannot be the name of a folder")));
        }
        place.push(part);
    }
    Ok(place.join("_trust").join("tuf"))
}

struct Copy<'a> {
    session: &'a Session,
    client: &'a Client,
    gun: &'a Gun,
    place: &'a Path,
}

impl Copy<'_> {
    /// Fetches what is older than `newest` and not there yet; gives how many files were written, and whether the source had
    /// all of it.
    fn older(&self, role: &RoleName, newest: Version) -> Result<(usize, bool), Failure> {
        let mut written = 0;
        for number in (1..newest.get()).rev() {
            let Ok(version) = Version::try_from(number) else { break };
            let file = RemoteFile::ByVersion(role.clone(), version);
            if self.path(&file).exists() {
                continue;
            }
            match self.session.wait(self.client.transport().fetch(self.gun, &file, MAX_FILE)) {
                Ok(bytes) => {
                    self.session.note(Verbosity::Steps, &format!("fetched {}", file.file_name()));
                    written += self.immutable(role, version, &bytes)?;
                }
                // Older servers keep those of the root alone.
                Err(TransportError::NotFound { .. } | TransportError::Rejected { .. }) => return Ok((written, false)),
                Err(error) => return Err(error.into()),
            }
        }
        Ok((written, true))
    }

    /// Writes a version under its number and its checksum.
    fn immutable(&self, role: &RoleName, version: Version, bytes: &[u8]) -> Result<usize, Failure> {
        let digest = FileMeta::of(bytes).digests.sha256;
        let by_digest = digest.map(|digest| RemoteFile::ByDigest(role.clone(), digest));
        let names = by_digest.into_iter().chain([RemoteFile::ByVersion(role.clone(), version)]);
        names.map(|name| self.write(&name, bytes)).sum()
    }

    /// Writes a file unless it is there as it is to be.
    fn write(&self, file: &RemoteFile, bytes: &[u8]) -> Result<usize, Failure> {
        let path = self.path(file);
        if fs::read(&path).is_ok_and(|known| known == bytes) {
            return Ok(0);
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        files::replace(&path, bytes)?;
        Ok(1)
    }

    fn path(&self, file: &RemoteFile) -> PathBuf {
        self.place.join(file.file_name())
    }
}
