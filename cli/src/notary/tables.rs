//! The tables of `notary`, byte for byte: every cell but the last of a row is padded to its column's widest and four
//! blanks, and each heading has dashes under it.

use std::fmt::Write;

use crate::output::escape;

const GAP: usize = 4;
/// The most columns of a GUN and of a location in a list of keys. What is more is cut on the left.
const GUN_COLUMNS: usize = 25;
const LOCATION_COLUMNS: usize = 40;

/// A signed name, for [`targets`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TargetRow {
    /// The name: a tag.
    pub name: String,
    /// SHA-256, in hex.
    pub digest: String,
    /// Length in bytes.
    pub size: u64,
    /// The role that signed it.
    pub role: String,
}

/// A staged change, for [`changes`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRow {
    /// `create`, `update`, `delete`.
    pub action: String,
    /// The role that changes.
    pub scope: String,
    /// `target`, `delegation`, `witness`.
    pub kind: String,
    /// The target's name; empty for other kinds.
    pub path: String,
}

/// A private key, for [`keys`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// What it is for.
    pub role: String,
    /// The collection; empty if it is for none in particular.
    pub gun: String,
    /// Its id.
    pub id: String,
    /// The folder or token.
    pub location: String,
}

/// A delegation, for [`delegations`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelegationRow {
    /// Its name.
    pub role: String,
    /// What it may sign; an empty one means everything.
    pub paths: Vec<String>,
    /// Its keys' ids.
    pub key_ids: Vec<String>,
    /// How many must sign.
    pub threshold: u32,
}

/// What `notary list` prints, sorted by name.
#[must_use]
pub fn targets(mut rows: Vec<TargetRow>) -> String {
    if rows.is_empty() {
        return "\nNo targets present in this repository.\n\n".to_owned();
    }
    rows.sort();
    let rows = rows.into_iter().map(|row| vec![row.name, row.digest, row.size.to_string(), row.role]).collect();
    table(&["NAME", "DIGEST", "SIZE (BYTES)", "ROLE"], rows)
}

/// What `notary status` prints, in the order in which the changes will be applied.
#[must_use]
pub fn changes(gun: &str, rows: Vec<ChangeRow>) -> String {
    let gun = escape::line(gun);
    if rows.is_empty() {
        return format!("No unpublished changes for {gun}\n");
    }
    let rows = rows.into_iter().enumerate();
    let rows = rows.map(|(n, row)| vec![n.to_string(), row.action, row.scope, row.kind, row.path]).collect();
    format!("Unpublished changes for {gun}:\n\n{}", table(&["#", "ACTION", "SCOPE", "TYPE", "PATH"], rows))
}

/// What `notary key list` prints: root keys first, then by GUN, role and id.
#[must_use]
pub fn keys(mut rows: Vec<KeyRow>) -> String {
    if rows.is_empty() {
        return "\nNo signing keys found.\n\n".to_owned();
    }
    rows.sort_by(|a, b| {
        let key = |row: &KeyRow| (row.role != "root", row.gun.clone(), row.role.clone(), row.id.clone());
        key(a).cmp(&key(b))
    });
    let rows = rows
        .into_iter()
        .map(|row| vec![row.role, cut_left(row.gun, GUN_COLUMNS), row.id, cut_left(row.location, LOCATION_COLUMNS)]);
    format!("\n{}\n", table(&["ROLE", "GUN", "KEY ID", "LOCATION"], rows.collect()))
}

/// What `notary delegation list` prints, sorted by role, its paths too; further paths and keys are on
/// lines of their own, keys as the metadata lists them.
#[must_use]
pub fn delegations(mut rows: Vec<DelegationRow>) -> String {
    if rows.is_empty() {
        return "\n\nNo delegations present in this repository.\n\n\n".to_owned();
    }
    rows.sort_by(|a, b| a.role.cmp(&b.role));
    let mut lines = Vec::new();
    for mut row in rows {
        row.paths.sort();
        for n in 0..row.paths.len().max(row.key_ids.len()).max(1) {
            let path = row.paths.get(n).map(|path| if path.is_empty() { "\"\" <all paths>" } else { path });
            let (role, threshold) =
                if n == 0 { (row.role.clone(), row.threshold.to_string()) } else { Default::default() };
            let key = row.key_ids.get(n).cloned().unwrap_or_default();
            lines.push(vec![role, path.unwrap_or_default().to_owned(), key, threshold]);
        }
    }
    format!("\n{}\n", table(&["ROLE", "PATHS", "KEY IDS", "THRESHOLD"], lines))
}

fn table(headings: &[&str], rows: Vec<Vec<String>>) -> String {
    let dashes = headings.iter().map(|heading| "-".repeat(heading.len())).collect();
    let mut lines = vec![headings.iter().map(|&heading| heading.to_owned()).collect(), dashes];
    lines
        .extend(rows.into_iter().map(|row| row.iter().map(|cell| escape::line(cell).into_owned()).collect::<Vec<_>>()));
    let width = |column: usize| lines.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..headings.len()).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &lines {
        let last = row.len().saturating_sub(1);
        for (n, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let width = if n == last { 0 } else { width + GAP };
            // Writing into a string cannot fail.
            let _ = write!(text, "{cell:width$}");
        }
        text.push('\n');
    }
    text
}

fn cut_left(text: String, columns: usize) -> String {
    let length = text.chars().count();
    if length <= columns {
        return text;
    }
    let kept: String = text.chars().skip(length - (columns - 3)).collect();
    format!("...{kept}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cells of a real table; none of them has two blanks in it.
    fn cells(table: &str) -> Vec<Vec<String>> {
        let rows = table.lines().skip_while(|line| !line.starts_with('-')).skip(1).filter(|line| !line.is_empty());
        rows.map(|row| row.split("    ").map(|cell| cell.trim().to_owned()).filter(|cell| !cell.is_empty()).collect())
            .collect()
    }

    #[test]
    fn targets_are_listed_as_notary_lists_them() {
        for real in [
            include_str!("../../../fixtures/spoken/notary-0.7.0/list.out"),
            include_str!("../../../fixtures/spoken/notary-0.7.0/list-role.out"),
            include_str!("../../../fixtures/spoken/notary-0.7.0/list-none.out"),
        ] {
            let row = |cells: Vec<String>| TargetRow {
                name: cells[0].clone(),
                digest: cells[1].clone(),
                size: cells[2].parse().unwrap(),
                role: cells[3].clone(),
            };
            assert_eq!(targets(cells(real).into_iter().rev().map(row).collect()), real);
        }
    }

    #[test]
    fn changes_are_listed_as_notary_lists_them() {
        for real in [
            include_str!("../../../fixtures/spoken/notary-0.7.0/status.out"),
            include_str!("../../../fixtures/spoken/notary-0.7.0/status-witness.out"),
            include_str!("../../../fixtures/spoken/notary-0.7.0/status-none.out"),
        ] {
            let row = |cells: Vec<String>| ChangeRow {
                action: cells[1].clone(),
                scope: cells[2].clone(),
                kind: cells[3].clone(),
                path: cells.get(4).cloned().unwrap_or_default(),
            };
            assert_eq!(changes("registry.example/team/app", cells(real).into_iter().map(row).collect()), real);
        }
    }

    #[test]
    fn keys_are_listed_as_notary_lists_them() {
        let real = include_str!("../../../fixtures/spoken/notary-0.7.0/key-list.out");
        let row = |mut cells: Vec<String>| {
            if cells.len() == 3 {
                cells.insert(1, String::new());
            }
            let whole =
                |cut: &str, start: &str| cut.strip_prefix("...").map_or(cut.to_owned(), |end| format!("{start}{end}"));
            KeyRow {
                role: cells[0].clone(),
                gun: whole(&cells[1], "regis"),
                id: cells[2].clone(),
                location: whole(&cells[3], "/tmp/somewhere"),
            }
        };
        assert_eq!(keys(cells(real).into_iter().rev().map(row).collect()), real);
        assert_eq!(keys(vec![]), include_str!("../../../fixtures/spoken/notary-0.7.0/key-list-none.out"));
    }

    #[test]
    fn delegations_are_listed_as_notary_lists_them() {
        let real = include_str!("../../../fixtures/spoken/notary-0.7.0/delegation-list.out");
        let cells = cells(real);
        let rows = vec![
            DelegationRow {
                role: "targets/releases".to_owned(),
                paths: vec![String::new()],
                key_ids: vec![cells[2][2].clone()],
                threshold: 1,
            },
            DelegationRow {
                role: "targets/alice".to_owned(),
                paths: vec!["v".to_owned(), "latest".to_owned()],
                key_ids: vec![cells[0][2].clone(), cells[1][1].clone()],
                threshold: 1,
            },
        ];
        assert_eq!(delegations(rows), real);
        assert_eq!(delegations(vec![]), include_str!("../../../fixtures/spoken/notary-0.7.0/delegation-list-none.out"));
    }
}
