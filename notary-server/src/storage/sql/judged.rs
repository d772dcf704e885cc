//! Judging many publications that share a transaction.

use std::collections::{BTreeSet, HashMap};

use libtrust::metadata::Version;
use libtrust::names::{Gun, RoleName};
use ring::digest;

use crate::storage::publication::{self, Publication, Verdict};
use crate::storage::{NewFile, PublishError, Sha256, StorageError};

/// Version and digest of a newest file, or what is wrong with its row.
pub(crate) type Newest = Result<(Version, Sha256), StorageError>;

/// What is stored of the GUNs and roles a group is about.
#[derive(Debug, Default)]
pub(crate) struct Known<'p> {
    /// The newest file of each; none if there is none.
    pub(crate) newest: HashMap<(&'p Gun, &'p RoleName), Newest>,
    /// Stored names that the database cannot keep apart from those of the group.
    pub(crate) taken: HashMap<&'p Gun, String>,
}

/// A file of an accepted publication.
pub(crate) type NewRow<'p> = (&'p Publication, &'p NewFile);

/// What must be looked up to judge a group.
pub(crate) fn wanted<'p>(publications: &[&'p Publication]) -> Vec<(&'p Gun, &'p RoleName)> {
    let roles = |publication: &'p Publication| publication.roles().map(|role| (&publication.gun, role));
    publications.iter().copied().flat_map(roles).collect()
}

/// Judges in order, each as if those accepted before it were stored. Gives the verdicts and the rows to insert.
pub(crate) fn judge<'p>(mut known: Known<'p>, publications: &[&'p Publication]) -> (Vec<Verdict>, Vec<NewRow<'p>>) {
    let mut rows = Vec::new();
    let mut one = |publication: &'p Publication| -> Verdict {
        let gun = &publication.gun;
        if let Some(stored) = known.taken.get(gun) {
            return Err(PublishError::NameTaken { offered: gun.clone(), stored: stored.clone() });
        }
        let stored = |role: &RoleName| known.newest.get(&(gun, role)).cloned().transpose();
        publication::judge(publication.base, &publication.files, stored)?;
        for file in &publication.files {
            known.newest.insert((gun, &file.role), Ok((file.version, file.sha256)));
            rows.push((publication, file));
        }
        Ok(())
    };
    let verdicts = publications.iter().map(|publication| one(publication)).collect();
    (verdicts, rows)
}

/// Keys of the guard rows of these GUNs, in the one order everybody writes them in.
pub(crate) fn guards<'g>(guns: impl Iterator<Item = &'g Gun>) -> Vec<Vec<u8>> {
    let key = |gun: &Gun| digest::digest(&digest::SHA256, gun.as_str().as_bytes()).as_ref().to_vec();
    guns.map(key).collect::<BTreeSet<_>>().into_iter().collect()
}
