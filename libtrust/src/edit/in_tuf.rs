//! What a Notary collection says, said in TUF 1.0: the same keys, the same images, for readers of any language.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::dialect::{Dialect, tuf};
use crate::keys::PublicKey;
use crate::metadata::{Delegation, Delegations, Digests, RoleKeys, Root, Target, Targets};
use crate::names::{KeyId, RoleName};

/// The root: the plain keys of Notary's, under their TUF 1.0 ids, for the same roles with the same thresholds; files are
/// named by version. Its own version is for whoever publishes it.
#[must_use]
pub fn root_in_tuf(root: &Root) -> Root {
    let mut keys = BTreeMap::new();
    let roles = root.roles.iter().map(|(role, listed)| (role.clone(), listed_in_tuf(listed, &root.keys, &mut keys)));
    let roles = roles.collect();
    let expires = whole_seconds(root.expires);
    Root { version: root.version, expires, consistent_snapshot: true, keys, roles }
}

/// A targets file: a target for each tag, and one called `sha256:HEX` for each image, which readers may look for by
/// digest; delegations that `keep` lets through, their path prefixes as patterns. Its version is for whoever publishes it.
///
/// `may_name_digests` says whether the role may list names that its paths might not admit.
#[must_use]
pub fn targets_in_tuf(targets: &Targets, may_name_digests: bool, keep: impl Fn(&RoleName) -> bool) -> Targets {
    let tags = targets.targets.iter().map(|(tag, target)| (tag.clone(), target.clone()));
    let images = targets.targets.values().filter(|_| may_name_digests).filter_map(|target| {
        let name = format!("sha256:{}", hex::encode(target.digests.sha256?));
        let digests = Digests { sha256: target.digests.sha256, ..Digests::default() };
        Some((name, Target { length: target.length, digests, custom: None }))
    });
    let mut keys = BTreeMap::new();
    let roles = targets.delegations.roles.iter().filter(|role| keep(&RoleName::Delegation(role.name.clone())));
    let roles = roles
        .map(|role| {
            let listed = listed_in_tuf(&role.keys, &targets.delegations.keys, &mut keys);
            Delegation::of_paths(role.name.clone(), listed, role.paths.iter().map(|path| pattern(path)).collect())
        })
        .collect();
    Targets {
        version: targets.version,
        expires: whole_seconds(targets.expires),
        // A tag that is spelled like a digest is what its signer says it is.
        targets: images.chain(tags).collect(),
        delegations: Delegations { keys, roles, succinct: None },
    }
}

/// TUF 1.0 writes no fractions.
fn whole_seconds(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(time.timestamp(), 0).unwrap_or(time)
}

/// The keys of a role under their TUF 1.0 ids; adds them to `keys`.
fn listed_in_tuf(
    listed: &RoleKeys,
    known: &BTreeMap<KeyId, PublicKey>,
    keys: &mut BTreeMap<KeyId, PublicKey>,
) -> RoleKeys {
    let mut key_ids: Vec<KeyId> = Vec::with_capacity(listed.key_ids.len());
    for key in listed.key_ids.iter().filter_map(|id| known.get(id)) {
        let key = tuf::key_of(key);
        let id = Dialect::Tuf.key_id(&key);
        keys.insert(id.clone(), key);
        if !key_ids.contains(&id) {
            key_ids.push(id);
        }
    }
    RoleKeys { key_ids, threshold: listed.threshold }
}

/// A pattern that matches the names a prefix admits. Nothing matches a slash: of names with more slashes than the prefix
/// it admits none.
fn pattern(prefix: &str) -> String {
    let mut pattern = String::with_capacity(prefix.len() + 1);
    for character in prefix.chars() {
        match character {
            '*' | '?' | '[' => pattern.extend(['[', character, ']']),
            other => pattern.push(other),
        }
    }
    pattern.push('*');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeyAlgorithm;
    use crate::names::DelegationName;
    use crate::testing::{Key, Publisher};
    use crate::verify::TargetName;

    #[test]
    fn keys_and_thresholds_are_the_same() {
        let (publisher, _) = Publisher::whole("example.com/a");
        let root = root_in_tuf(&publisher.root);
        for (role, listed) in &root.roles {
            let notary = &publisher.root.roles[role];
            assert_eq!((listed.key_ids.len(), listed.threshold), (notary.key_ids.len(), notary.threshold));
            let (key, before) = (&root.keys[&listed.key_ids[0]], &publisher.root.keys[&notary.key_ids[0]]);
            assert_eq!(Dialect::Tuf.canonical_key_id(key), Dialect::Notary.canonical_key_id(before));
            assert_eq!(key.verifying_key().unwrap(), before.verifying_key().unwrap());
        }
    }

    #[test]
    fn an_image_is_found_by_tag_and_by_digest() {
        let (mut publisher, _) = Publisher::whole("example.com/a");
        publisher.tag(2, 1);
        publisher.delegate("targets/a", &[&Key::new(KeyAlgorithm::Ed25519)]);
        publisher.delegate("targets/b", &[&Key::new(KeyAlgorithm::Ed25519)]);
        let said = targets_in_tuf(&publisher.targets, true, |role| role.as_str() == "targets/b");
        assert_eq!(said.targets.len(), 4);
        let tag = &said.targets["tag-000001"];
        let digest = format!("sha256:{}", hex::encode(tag.digests.sha256.unwrap()));
        assert_eq!(said.targets[&digest].digests, tag.digests);
        assert_eq!(said.delegations.roles.len(), 1);
        assert_eq!(said.delegations.keys.len(), 1);
        assert_eq!(targets_in_tuf(&publisher.targets, false, |_| true).targets.len(), 2);
    }

    #[test]
    fn a_pattern_admits_what_its_prefix_does() {
        let name: DelegationName = "targets/a".parse().unwrap();
        let (publisher, _) = Publisher::whole("example.com/a");
        let keys = publisher.root.roles[&RoleName::Targets].clone();
        for prefix in ["", "v1", "[x]*?", "a/"] {
            let notary = Delegation::of_paths(name.clone(), keys.clone(), vec![prefix.to_owned()]);
            let tuf = Delegation::of_paths(name.clone(), keys.clone(), vec![pattern(prefix)]);
            for path in ["v1.2", "v2", "[x]*?y", "xx", "a/b", ""] {
                let path = TargetName::new(path);
                let same = tuf.paths.first().is_some_and(|p| p.contains('/')) || !path.as_str().contains('/');
                let (notary, tuf) = (path.is_in(Dialect::Notary, &notary), path.is_in(Dialect::Tuf, &tuf));
                assert!(notary == tuf || !same, "{prefix} {}", path.as_str());
            }
        }
    }
}
