//! Looking for one target in TUF 1.0's order: pre-order, depth first, roles loaded only when they are reached.
//!
//! The walk is here, without I/O; whoever asks loads and verifies the roles it wants.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{TargetName, Verified};
use crate::metadata::{Target, Targets};
use crate::names::DelegationName;

/// A search for one target.
#[derive(Debug)]
pub struct Search {
    path: TargetName,
    /// Roles to be asked, the next one last, each with the file that delegates to it.
    pending: Vec<(Arc<Verified<Targets>>, DelegationName)>,
    visited: BTreeSet<DelegationName>,
    /// How many more delegated roles are visited.
    budget: usize,
    /// The file that was loaded last, if it was not looked at yet.
    loaded: Option<Arc<Verified<Targets>>>,
}

/// What a search wants next.
#[derive(Debug)]
pub enum Step {
    /// This role, verified for this delegator, given to [`Search::visit`]. If it cannot be had, the search is over: a role
    /// of less priority must not answer in its place.
    Load {
        /// Who delegates to it.
        delegator: Arc<Verified<Targets>>,
        /// The role.
        role: DelegationName,
    },
    /// Nothing: this is the answer.
    Found {
        /// The file that lists the target.
        file: Arc<Verified<Targets>>,
        /// What it says.
        target: Box<Target>,
    },
    /// Nothing: no role that speaks for the name lists it.
    NotFound,
    /// Nothing: as many roles as allowed were visited.
    OverBudget,
}

impl Search {
    /// Looks for `path`, beginning with the top-level targets; visits at most `budget` delegated roles.
    #[must_use]
    pub fn new(path: &str, targets: Arc<Verified<Targets>>, budget: usize) -> Self {
        let path = TargetName::new(path);
        Self { path, pending: Vec::new(), visited: BTreeSet::new(), budget, loaded: Some(targets) }
    }

    /// The role that was asked for.
    pub fn visit(&mut self, file: Arc<Verified<Targets>>) {
        self.loaded = Some(file);
    }

    /// What is needed next.
    pub fn step(&mut self) -> Step {
        if let Some(file) = self.loaded.take() {
            if let Some(target) = file.targets.get(self.path.as_str()) {
                return Step::Found { target: Box::new(target.clone()), file };
            }
            self.descend(&file);
        }
        while let Some((delegator, role)) = self.pending.pop() {
            if self.visited.contains(&role) {
                continue;
            }
            let Some(left) = self.budget.checked_sub(1) else { return Step::OverBudget };
            self.budget = left;
            self.visited.insert(role.clone());
            return Step::Load { delegator, role };
        }
        Step::NotFound
    }

    fn descend(&mut self, file: &Arc<Verified<Targets>>) {
        let mut children = Vec::new();
        for (role, terminating) in self.path.delegates(file.dialect(), &file.delegations) {
            children.push((file.clone(), role));
            if terminating {
                // Nothing behind it is asked, here or further up.
                self.pending.clear();
                break;
            }
        }
        self.pending.extend(children.into_iter().rev());
    }
}
