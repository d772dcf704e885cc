//! `trust inspect`: everything that is trusted about an image, and by whose word.

use std::io::{self, Write};

use chrono::{DateTime, Utc};
use clap::Args;
use libtrust::client::{Collection, RELEASES};
use libtrust::dialect::Dialect;
use libtrust::keys::{CertificateBundle, PublicKey};
use libtrust::metadata::{Metadata, RoleKeys};
use libtrust::names::{ImageReference, KeyId, RoleName};
use libtrust::policy::NameRules;
use libtrust::verify::Verified;
use serde::Serialize;
use std::collections::BTreeMap;

use super::Context;
use super::reading::Reading;
use super::shown::{confirmation, root_trust};
use super::tags::{self, Tag};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Document, Table, escape};
use crate::session::Session;
use crate::terminal::Wording;

/// Options of `trust inspect`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust inspect registry.example/team/app
  trust inspect registry.example/team/app:1.4 registry.example/team/base")]
pub struct Options {
    /// Images, with or without a tag
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<ImageReference>,
    /// Whether a server must confirm it.
    #[command(flatten)]
    pub reading: Reading,
}

#[derive(Serialize)]
struct Inspected {
    collections: Vec<Inspection>,
}

#[derive(Serialize)]
struct Inspection {
    name: String,
    root_trust: &'static str,
    confirmed_by: String,
    confirmed: Option<DateTime<Utc>>,
    tags: Vec<Tag>,
    signers: Vec<SignerKeys>,
    root_keys: Vec<RootKey>,
    roles: Vec<Role>,
    set_aside: Vec<SetAside>,
}

/// Somebody who may sign, with all keys that count.
#[derive(Serialize)]
struct SignerKeys {
    name: String,
    keys: Vec<String>,
    threshold: u32,
}

#[derive(Serialize)]
struct RootKey {
    /// What a pin names: the id in the metadata.
    id: String,
    /// The id of the plain key, by which key folders know it.
    key: String,
    certificate_expires: Option<DateTime<Utc>>,
}

#[derive(Serialize)]
struct Role {
    role: String,
    version: u64,
    expires: DateTime<Utc>,
    threshold: u32,
    /// The keys that may sign it, by the id key folders know.
    keys: Vec<String>,
    /// Those of them that did.
    signed_by: Vec<String>,
    /// Prefixes of the tags a delegation may list.
    paths: Option<Vec<String>>,
}

#[derive(Serialize)]
struct SetAside {
    role: String,
    why: String,
}

impl Document for Inspected {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        self.collections.iter().enumerate().try_for_each(|(n, collection)| {
            if n > 0 {
                writeln!(to)?;
            }
            collection.text(to)
        })
    }
}

impl Inspection {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        writeln!(to, "{}", escape::line(&self.name))?;
        let when = self.confirmed.map_or_else(|| "never".to_owned(), |time| time.format("%F %T UTC").to_string());
        writeln!(to, "  confirmed by {}, {when}; root {}\n", escape::line(&self.confirmed_by), self.root_trust)?;
        tags::write(&self.tags, to)?;
        if !self.signers.is_empty() {
            writeln!(to)?;
            let mut table = Table::new(["SIGNER", "KEYS", "NEEDED"]);
            for signer in &self.signers {
                table.row([signer.name.clone(), signer.keys.join(", "), signer.threshold.to_string()]);
            }
            table.write(to)?;
        }
        writeln!(to)?;
        let mut table = Table::new(["ROLE", "VERSION", "EXPIRES", "NEEDED", "KEYS"]);
        for role in &self.roles {
            let cells = [role.version.to_string(), role.expires.format("%F").to_string(), role.threshold.to_string()];
            table.row(std::iter::once(role.role.clone()).chain(cells).chain([role.keys.join(", ")]));
        }
        table.write(to)?;
        writeln!(to)?;
        let mut table = Table::new(["ROOT KEY (FOR A PIN)", "KEY", "CERTIFICATE EXPIRES"]);
        for key in &self.root_keys {
            let expires = key.certificate_expires.map(|time| time.format("%F").to_string()).unwrap_or_default();
            table.row([key.id.clone(), key.key.clone(), expires]);
        }
        table.write(to)
    }
}

/// Runs it.
///
/// # Errors
/// The first collection that is not trusted.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let collections = options.images.iter().map(|image| {
        let (client, collection) = options
            .reading
            .collection(&session, image.gun())
            .map_err(|failure| failure.while_doing(format!("cannot inspect {}", image.familiar())))?;
        let mut inspection = inspect(&collection, client.policy().rules(image.gun()));
        if let Some(wanted) = image.tag() {
            inspection.tags.retain(|tag| tag.tag == wanted);
            if inspection.tags.is_empty() {
                let failure =
                    Failure::new(Exit::NoTrustData, format!("no tag {wanted} is signed under {}", image.gun()));
                return Err(failure.hint(format!("signed tags are listed by: trust inspect {}", image.gun())));
            }
        }
        Ok(inspection)
    });
    let collections = collections.collect::<Result<Vec<_>, Failure>>()?;
    output::print(&Inspected { collections }, session.settings().format)
}

fn inspect(collection: &Collection, rules: &NameRules) -> Inspection {
    let (confirmed_by, confirmed) = confirmation(collection);
    let root = collection.root();
    let root_keys = root.roles.get(&RoleName::Root).map(|keys| keys.key_ids.as_slice()).unwrap_or_default();
    let root_keys = root_keys.iter().map(|id| RootKey {
        id: id.to_string(),
        key: plain(id, &root.keys),
        certificate_expires: root.keys.get(id).and_then(certificate_expires),
    });
    let mut roles: Vec<Role> = Vec::new();
    roles.extend(one_of_four(collection, root));
    roles.extend(one_of_four(collection, collection.timestamp()));
    roles.extend(one_of_four(collection, collection.snapshot()));
    let mut signers = Vec::new();
    for file in collection.targets().roles() {
        match file.role() {
            RoleName::Delegation(name) => {
                let parent = collection.role(&name.parent());
                let delegations = parent.map(|parent| &parent.delegations);
                let listed = delegations.and_then(|all| Some((all.roles.iter().find(|one| one.name == *name)?, all)));
                roles.extend(
                    listed
                        .map(|(one, all)| Role { paths: Some(one.paths.clone()), ..role(file, &one.keys, &all.keys) }),
                );
            }
            _ => roles.extend(one_of_four(collection, file)),
        }
        let others = file.delegations.roles.iter().filter(|one| one.name.as_str() != RELEASES);
        signers.extend(others.map(|one| SignerKeys {
            name: one.name.as_str().trim_start_matches("targets/").to_owned(),
            keys: one.keys.key_ids.iter().map(|id| plain(id, &file.delegations.keys)).collect(),
            threshold: one.keys.threshold.get(),
        }));
    }
    let set_aside = collection.set_aside().iter();
    Inspection {
        name: collection.gun().to_string(),
        root_trust: root_trust(collection.root_trust()),
        confirmed_by,
        confirmed,
        tags: tags::of(collection, rules),
        signers,
        root_keys: root_keys.collect(),
        roles,
        set_aside: set_aside.map(|one| SetAside { role: one.role.to_string(), why: one.cause.to_string() }).collect(),
    }
}

/// A role whose keys the root lists.
fn one_of_four<T: Metadata>(collection: &Collection, file: &Verified<T>) -> Option<Role> {
    let root = collection.root();
    root.roles.get(file.role()).map(|keys| role(file, keys, &root.keys))
}

fn role<T: Metadata>(file: &Verified<T>, listed: &RoleKeys, keys: &BTreeMap<KeyId, PublicKey>) -> Role {
    Role {
        role: file.role().to_string(),
        version: file.version().get(),
        expires: file.expires(),
        threshold: listed.threshold.get(),
        keys: listed.key_ids.iter().map(|id| plain(id, keys)).collect(),
        signed_by: file.signers().iter().map(|id| plain(id, keys)).collect(),
        paths: None,
    }
}

/// The id by which key folders know a key.
fn plain(id: &KeyId, keys: &BTreeMap<KeyId, PublicKey>) -> String {
    keys.get(id).map_or_else(|| id.clone(), |key| Dialect::Notary.canonical_key_id(key)).to_string()
}

fn certificate_expires(key: &PublicKey) -> Option<DateTime<Utc>> {
    CertificateBundle::parse(&key.public).ok().map(|bundle| bundle.not_after())
}
