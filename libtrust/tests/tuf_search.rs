//! The search for a target, against the specification's words written down as a recursion.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::disallowed_methods, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use chrono::DateTime;
use libtrust::dialect::{Dialect, Envelope, tuf};
use libtrust::keys::{KeyAlgorithm, SigningKey};
use libtrust::limits::Limits;
use libtrust::metadata::{
    Delegation, Delegations, Digests, RoleKeys, SuccinctRoles, Target, Targets, Threshold, Version,
};
use libtrust::names::{DelegationName, RoleName};
use libtrust::verify::{Expiration, Search, SigningKeys, Step, Verified, verify};
use proptest::collection::vec;
use proptest::prelude::*;
use ring::rand::SystemRandom;

static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(KeyAlgorithm::Ed25519, &SystemRandom::new()).unwrap());

/// A role of the graph: what it lists, and whom it delegates to.
#[derive(Debug, Clone)]
struct Node {
    targets: BTreeSet<String>,
    /// To which role, what matches, whether it is terminating.
    delegations: Vec<(usize, String, bool)>,
    /// Whether it can be had at all.
    is_broken: bool,
}

const PATHS: [&str; 5] = ["a", "b", "x/a", "x/b", "y/a"];
const PATTERNS: [&str; 7] = ["*", "a", "x/*", "*/a", "?", "x/[!a]", "z"];

fn name(number: usize) -> DelegationName {
    DelegationName::in_tuf(&format!("role {number}")).unwrap()
}

fn nodes() -> impl Strategy<Value = Vec<Node>> {
    let node = (
        vec(prop::sample::select(&PATHS[..]), 0..2),
        vec((0..7usize, prop::sample::select(&PATTERNS[..]), prop::bool::weighted(0.2)), 0..4),
        prop::bool::weighted(0.1),
    );
    let node = node.prop_map(|(targets, delegations, is_broken)| {
        let mut seen = BTreeSet::new();
        let delegations = delegations.into_iter().filter(|(to, ..)| seen.insert(*to));
        Node {
            targets: targets.into_iter().map(str::to_owned).collect(),
            delegations: delegations.map(|(to, pattern, ends)| (to, pattern.to_owned(), ends)).collect(),
            is_broken,
        }
    });
    vec(node, 8)
}

fn verified(role: RoleName, node: &Node) -> Arc<Verified<Targets>> {
    let key = tuf::key_of(KEY.public_key());
    let id = Dialect::Tuf.key_id(&key);
    let listed = RoleKeys { key_ids: vec![id.clone()], threshold: Threshold::ONE };
    let keys = BTreeMap::from([(id.clone(), key)]);
    let target = |path: &String| {
        let digests = Digests { sha256: Some([0; 32]), ..Digests::default() };
        (path.clone(), Target { length: 1, digests, custom: None })
    };
    let roles = node.delegations.iter().map(|(to, pattern, terminating)| Delegation {
        terminating: *terminating,
        ..Delegation::of_paths(name(*to), listed.clone(), vec![pattern.clone()])
    });
    let targets = Targets {
        version: Version::FIRST,
        expires: DateTime::from_timestamp(4_000_000_000, 0).unwrap(),
        targets: node.targets.iter().map(target).collect(),
        delegations: Delegations { keys: keys.clone(), roles: roles.collect(), succinct: None },
    };
    let unsigned = Dialect::Tuf.encode(&targets).unwrap();
    let signature = KEY.sign(&id, &unsigned.canonical, &SystemRandom::new()).unwrap();
    let file = unsigned.with_signatures(Dialect::Tuf, &[signature]);
    let envelope = Envelope::parse(Dialect::Tuf, role, &file, &Limits::TUF).unwrap();
    Arc::new(verify(&envelope, &SigningKeys::listed(&listed, &keys), Expiration::Ignored).unwrap())
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    In(String),
    Nowhere,
    Broken(String),
}

/// What the search says, and the roles it asked for.
fn searched(nodes: &[Node], path: &str) -> (Outcome, Vec<String>) {
    let files: BTreeMap<DelegationName, Arc<Verified<Targets>>> =
        (0..7).map(|n| (name(n), verified(RoleName::Delegation(name(n)), &nodes[n]))).collect();
    let mut search = Search::new(path, verified(RoleName::Targets, &nodes[7]), 32);
    let mut asked = Vec::new();
    loop {
        match search.step() {
            Step::Load { role, delegator } => {
                assert!(delegator.delegations.roles.iter().any(|listed| listed.name == role));
                asked.push(role.to_string());
                if (0..7).any(|n| name(n) == role && nodes[n].is_broken) {
                    return (Outcome::Broken(role.to_string()), asked);
                }
                search.visit(files[&role].clone());
            }
            Step::Found { file, .. } => return (Outcome::In(file.role().to_string()), asked),
            Step::NotFound => return (Outcome::Nowhere, asked),
            Step::OverBudget => panic!("eight roles are fewer than 32"),
        }
    }
}

/// How a search below a role ended without an answer.
enum End {
    Exhausted,
    /// Nothing else may be asked, anywhere.
    Terminated,
}

struct Specification<'a> {
    nodes: &'a [Node],
    path: &'a str,
    asked: Vec<String>,
}

impl Specification<'_> {
    fn search(&mut self, number: usize, name_of: &str) -> Result<End, Outcome> {
        let node = &self.nodes[number];
        if node.targets.contains(self.path) {
            return Err(Outcome::In(name_of.to_owned()));
        }
        for (to, pattern, terminating) in &node.delegations {
            if !matches(pattern, self.path) {
                continue;
            }
            let child = name(*to).to_string();
            if !self.asked.contains(&child) {
                self.asked.push(child.clone());
                if self.nodes[*to].is_broken {
                    return Err(Outcome::Broken(child));
                }
                if matches!(self.search(*to, &child)?, End::Terminated) {
                    return Ok(End::Terminated);
                }
            }
            if *terminating {
                return Ok(End::Terminated);
            }
        }
        Ok(End::Exhausted)
    }
}

/// The few patterns of this test, each by its meaning.
fn matches(pattern: &str, path: &str) -> bool {
    match pattern {
        "*" | "?" => !path.contains('/'),
        "a" => path == "a",
        "x/*" => path.starts_with("x/"),
        "*/a" => path.ends_with("/a"),
        "x/[!a]" => path == "x/b",
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn finds_what_the_specification_finds_and_asks_no_more(nodes in nodes()) {
        for path in PATHS {
            let mut specification = Specification { nodes: &nodes, path, asked: Vec::new() };
            let expected = specification.search(7, "targets").err().unwrap_or(Outcome::Nowhere);
            let (found, asked) = searched(&nodes, path);
            prop_assert_eq!(found, expected, "{}", path);
            prop_assert_eq!(asked, specification.asked, "{}", path);
        }
    }
}

#[test]
fn a_search_ends() {
    let nothing = Node { targets: BTreeSet::new(), delegations: Vec::new(), is_broken: false };
    let delegations = vec![(0, "*".to_owned(), false), (1, "*".to_owned(), false), (2, "*".to_owned(), false)];
    let top = verified(RoleName::Targets, &Node { delegations, ..nothing.clone() });
    let mut search = Search::new("a", top, 2);
    for _ in 0..2 {
        let Step::Load { role, .. } = search.step() else { panic!("a role was expected") };
        search.visit(verified(RoleName::Delegation(role), &nothing));
    }
    assert!(matches!(search.step(), Step::OverBudget));
}

#[test]
fn of_hash_bins_one_is_asked() {
    let keys = RoleKeys { key_ids: Vec::new(), threshold: Threshold::ONE };
    let bins = SuccinctRoles::new(keys, 14, "bin".to_owned()).unwrap();
    let wanted = bins.role_for("some/path").unwrap();
    let path = libtrust::verify::TargetName::new("some/path");
    let delegations = Delegations { succinct: Some(bins), ..Delegations::default() };
    let asked: Vec<_> = path.delegates(Dialect::Tuf, &delegations).collect();
    assert_eq!(asked, [(wanted, true)]);
}
