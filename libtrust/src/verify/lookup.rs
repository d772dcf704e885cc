//! Which role speaks for a name.
//!
//! Notary's order: breadth-first from `targets`, children in the order their parent lists them, the first role that holds
//! the name wins. A role speaks only for names under its own paths *and* under those of every role above it.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;

use super::{TrustedTargets, Verified};
use crate::metadata::{Target, Targets};
use crate::names::RoleName;

/// A trusted thing, and the file that lists it.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// Its name; for images the tag.
    pub name: &'a str,
    /// What is trusted.
    pub target: &'a Target,
    /// The file of the role that lists it.
    pub file: &'a Verified<Targets>,
}

impl Found<'_> {
    /// The role that lists it.
    #[must_use]
    pub const fn role(&self) -> &RoleName {
        self.file.role()
    }
}

impl TrustedTargets {
    /// The target of this name, in the first of `roles` (each with the roles below it) that has it. Another role of
    /// `roles` is never searched as part of an earlier one.
    #[must_use]
    pub fn find(&self, name: &str, roles: &[RoleName]) -> Option<Found<'_>> {
        roles.iter().find_map(|role| {
            let mut found = None;
            self.walk(role, Some(name), &others(roles, role), |file, _| match file.targets.get_key_value(name) {
                Some((name, target)) => {
                    found = Some(Found { name, target, file });
                    ControlFlow::Break(())
                }
                None => ControlFlow::Continue(()),
            });
            found
        })
    }

    /// Every target of `roles` by name; the first role to have a name keeps it.
    #[must_use]
    pub fn list(&self, roles: &[RoleName]) -> BTreeMap<&str, Found<'_>> {
        let mut listed = BTreeMap::new();
        for role in roles {
            self.walk(role, None, &others(roles, role), |file, paths| {
                for (name, target) in admitted(file, paths) {
                    listed.entry(name).or_insert(Found { name, target, file });
                }
                ControlFlow::Continue(())
            });
        }
        listed
    }

    /// Every role that lists this name (or every target of every role, without one), in the order of a search.
    #[must_use]
    pub fn everywhere(&self, name: Option<&str>) -> Vec<Found<'_>> {
        let mut listed = Vec::new();
        self.walk(&RoleName::Targets, name, &[], |file, paths| {
            match name {
                Some(name) => {
                    let found = file.targets.get_key_value(name);
                    listed.extend(found.map(|(name, target)| Found { name, target, file }));
                }
                None => listed.extend(admitted(file, paths).map(|(name, target)| Found { name, target, file })),
            }
            ControlFlow::Continue(())
        });
        listed
    }

    /// Visits `start` and the roles below it, but none of `skip` nor what is below those. With a name, only roles that
    /// may speak for it.
    fn walk<'a>(
        &'a self,
        start: &RoleName,
        name: Option<&str>,
        skip: &[&RoleName],
        mut visit: impl FnMut(&'a Verified<Targets>, &[&'a str]) -> ControlFlow<()>,
    ) {
        let mut queue: VecDeque<(RoleName, Vec<&'a str>)> = VecDeque::from([(RoleName::Targets, vec![""])]);
        while let Some((role, paths)) = queue.pop_front() {
            let speaks = name.is_none_or(|name| paths.iter().any(|path| name.starts_with(path)));
            let Some(file) = self.role(&role).filter(|_| speaks) else { continue };
            // Roles above the asked one are passed through, also if they are to be skipped.
            if is_within(&role, start) {
                if skip.contains(&&role) {
                    continue;
                }
                if visit(file, &paths).is_break() {
                    return;
                }
            }
            for child in &file.delegations.roles {
                let admits = |path: &str| paths.iter().any(|parent| path.starts_with(parent));
                let paths = child.paths.iter().map(String::as_str).filter(|path| admits(path)).collect();
                let child = RoleName::Delegation(child.name.clone());
                if is_within(&child, start) || is_within(start, &child) {
                    queue.push_back((child, paths));
                }
            }
        }
    }
}

fn admitted<'a>(file: &'a Verified<Targets>, paths: &[&str]) -> impl Iterator<Item = (&'a str, &'a Target)> {
    let admits_all = paths.iter().any(|path| path.is_empty());
    let admits = move |name: &str| admits_all || paths.iter().any(|path| name.starts_with(path));
    file.targets.iter().map(|(name, target)| (name.as_str(), target)).filter(move |(name, _)| admits(name))
}

fn others<'r>(roles: &'r [RoleName], role: &RoleName) -> Vec<&'r RoleName> {
    roles.iter().filter(|other| *other != role).collect()
}

/// Whether `role` is `top` or below it.
fn is_within(role: &RoleName, top: &RoleName) -> bool {
    let rest = role.as_str().strip_prefix(top.as_str());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
