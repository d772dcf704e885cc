//! What `docker trust inspect` shows of a collection: tags, and who holds which keys.

use std::collections::BTreeMap;

use libtrust::client::{Collection, RELEASES, released_in};
use libtrust::dialect::Dialect;
use libtrust::names::RoleName;

#[derive(Debug)]
pub(crate) struct Tag {
    pub tag: String,
    pub digest: String,
    /// Nobody if only the holder of the repository key signed it.
    pub signers: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Holder {
    pub name: String,
    pub keys: Vec<String>,
}

/// Released tags, and who else signed the same digest under the same tag.
pub(crate) fn tags(collection: &Collection, only: Option<&str>) -> Vec<Tag> {
    let mut signed: BTreeMap<(&str, [u8; 32]), Vec<String>> = BTreeMap::new();
    let everywhere = collection.targets().everywhere(only);
    for found in everywhere.iter().filter(|found| !released_in().contains(found.role())) {
        if let Some(digest) = found.target.digests.sha256 {
            signed.entry((found.name, digest)).or_default().push(signer(found.role()));
        }
    }
    let released = collection.released().filter(|found| only.is_none_or(|tag| tag == found.name));
    let tags = released.filter_map(|found| {
        let digest = found.target.digests.sha256?;
        Some(Tag {
            tag: found.name.to_owned(),
            digest: format!("sha256:{}", hex::encode(digest)),
            signers: signed.remove(&(found.name, digest)).unwrap_or_default(),
        })
    });
    tags.collect()
}

/// Every delegation but the one for releases, with its canonical keys.
pub(crate) fn signers(collection: &Collection) -> Vec<Holder> {
    let mut signers: Vec<Holder> = Vec::new();
    for file in collection.targets().roles() {
        for role in file.delegations.roles.iter().filter(|role| role.name.as_str() != RELEASES) {
            let keys = role.keys.key_ids.iter().filter_map(|id| file.delegations.keys.get(id));
            let keys = keys.map(|key| Dialect::Notary.canonical_key_id(key).to_string()).collect();
            let name = role.name.as_str().trim_start_matches("targets/").to_owned();
            signers.push(Holder { name, keys });
        }
    }
    signers.sort_by(|a, b| a.name.cmp(&b.name));
    signers
}

pub(crate) fn administrators(collection: &Collection) -> Vec<Holder> {
    let roles = [RoleName::Root, RoleName::Targets].into_iter();
    let holders = roles.filter_map(|role| {
        let listed = collection.root().roles.get(&role)?;
        let keys = listed.key_ids.iter().map(ToString::to_string).collect();
        Some(Holder { name: role.to_string(), keys })
    });
    holders.collect()
}

fn signer(role: &RoleName) -> String {
    role.to_string().trim_start_matches("targets/").to_owned()
}
