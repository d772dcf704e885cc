//! Deletes the keys of collections that are stored no more.
//!
//! The signer does not know what is stored; whoever does gives it a list of names. Every name that is not on it loses its
//! keys, so a list that was cut off must not be taken for a whole one: its last line says how many there are. A key that
//! was made, changed or first used lately stays in any case, because its collection may not be on the list yet. Keys are
//! deleted as everywhere: marked, with their rows kept.

use std::collections::HashSet;
use std::io::BufRead;
use std::time::Duration;

use chrono::{DateTime, Utc};
use libtrust::names::{Gun, InvalidGun};

use crate::keystore::{KeyRecord, KeyStoreError, SealedRows};

/// Rows read at a time, about 1 KiB each.
const ROWS_AT_A_TIME: u32 = 200;
/// Notary's signer writes local times, so what is younger than a day by one clock may be older by another.
pub const LEAST_AGE: Duration = Duration::from_secs(24 * 3600);

/// The collections that are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored(HashSet<Gun>);

impl Stored {
    /// Reads a list: a name a line, and `# COUNT collections at TIME` as its last line.
    ///
    /// # Errors
    /// If it cannot be read, is not whole, is empty, is older than [`LEAST_AGE`] at `now` (collections that came since
    /// would lose their keys), or holds what is no name.
    pub fn read(list: impl BufRead, now: DateTime<Utc>) -> Result<Self, InvalidList> {
        let mut guns = HashSet::new();
        let mut end: Option<(usize, String)> = None;
        for (index, line) in list.lines().enumerate() {
            let line = line.map_err(|error| InvalidList::Unreadable { reason: error.to_string() })?;
            if let Some((number, before)) = end.replace((index + 1, line)) {
                let gun = before.parse().map_err(|cause| InvalidList::Name { number, cause })?;
                guns.insert(gun);
            }
        }
        let (said, time) = end.and_then(|(_, line)| last_line(&line)).ok_or(InvalidList::NotWhole)?;
        let age = now.signed_duration_since(time).abs().to_std().unwrap_or(Duration::MAX);
        match said {
            said if said != guns.len() => Err(InvalidList::Count { said, found: guns.len() }),
            0 => Err(InvalidList::Empty),
            _ if age > LEAST_AGE => Err(InvalidList::Old { time }),
            _ => Ok(Self(guns)),
        }
    }
}

/// How many collections there were, and when.
fn last_line(line: &str) -> Option<(usize, DateTime<Utc>)> {
    let (count, time) = line.strip_prefix("# ")?.split_once(" collections at ")?;
    Some((count.parse().ok()?, time.parse().ok()?))
}

/// What happened to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It was deleted, or would be.
    Deleted(KeyRecord),
    /// It was left as it is because its row cannot be understood.
    Left(KeyStoreError),
}

/// How many keys there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Collected {
    /// Of collections on the list.
    pub kept: u64,
    /// Of others, and deleted.
    pub deleted: u64,
    /// Of others, but too young, or gone meanwhile.
    pub young: u64,
    /// Left because their rows cannot be understood.
    pub left: u64,
}

/// Deletes the keys of all collections that are not in `stored` and whose rows have not changed for `age`, at least
/// [`LEAST_AGE`]. `report` hears of each key that was deleted or not understood.
///
/// # Errors
/// If the rows cannot be read on, or a deletion fails. What was deleted stays deleted.
pub async fn collect(
    rows: &dyn SealedRows,
    stored: &Stored,
    age: Duration,
    is_dry_run: bool,
    mut report: impl FnMut(Fate),
) -> Result<Collected, KeyStoreError> {
    let age = age.max(LEAST_AGE);
    let mut collected = Collected::default();
    let mut after = None;
    loop {
        let batch = rows.rows(after, ROWS_AT_A_TIME).await?;
        let Some(last) = batch.last() else { return Ok(collected) };
        after = Some(last.position);
        for found in batch {
            let record = match found.row {
                Ok(row) => row.record,
                Err(error) => {
                    collected.left += 1;
                    report(Fate::Left(error));
                    continue;
                }
            };
            if stored.0.contains(&record.gun) {
                collected.kept += 1;
                continue;
            }
            let done = match is_dry_run {
                true => rows.is_unchanged_for(&record.id, age).await?,
                false => rows.delete_unchanged_for(&record.id, age).await?,
            };
            if done {
                collected.deleted += 1;
                report(Fate::Deleted(record));
            } else {
                collected.young += 1;
            }
        }
    }
}

/// Why a list of stored collections is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidList {
    /// It cannot be read.
    #[error("it cannot be read: {reason}")]
    Unreadable {
        /// What the system says.
        reason: String,
    },
    /// Its end is not there.
    #[error("its last line is not `# COUNT collections at TIME`, so it may be cut off; make it anew")]
    NotWhole,
    /// It has more or fewer names than it says.
    #[error("it says {said} collections and names {found}; make it anew")]
    Count {
        /// The number in its last line.
        said: usize,
        /// Different names found.
        found: usize,
    },
    /// It was made long ago.
    #[error("it is from {time}; collections that came since would lose their keys; make it anew")]
    Old {
        /// When it says it was made.
        time: DateTime<Utc>,
    },
    /// It names nothing, so every key would be deleted.
    #[error("it names no collection, so every key would be deleted; delete the key database if that is what is wanted")]
    Empty,
    /// A line is not a name.
    #[error("line {number}: {cause}")]
    Name {
        /// The line, from 1 on.
        number: usize,
        /// What is wrong with it.
        cause: InvalidGun,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_list_is_taken() {
        let now: DateTime<Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
        let read = |text: &str| Stored::read(text.replace("AT", "at 2026-03-01T11:00:00Z").as_bytes(), now);
        assert_eq!(read("a\nb\n# 2 collections AT\n").unwrap().0.len(), 2);
        assert_eq!(read("# 1 collections\n# 1 collections AT").unwrap().0.len(), 1, "an odd name, but a name");
        for cut in ["", "a\nb\n", "a\nb\n# 2", "a\nb\n# 2 collections", "a\nb\n# 2 collections AT\n\n"] {
            assert!(read(cut).is_err(), "{cut:?}");
        }
        assert_eq!(read("a\n# 2 collections AT\n"), Err(InvalidList::Count { said: 2, found: 1 }));
        assert_eq!(read("# 0 collections AT\n"), Err(InvalidList::Empty));
        assert!(matches!(read("a\n*\n# 2 collections AT"), Err(InvalidList::Name { number: 2, .. })));
        let old = read("a\n# 1 collections at 2026-02-28T11:00:00Z");
        assert!(matches!(old, Err(InvalidList::Old { .. })), "{old:?}");
    }
}
