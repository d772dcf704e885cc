//! Which of a store's two sets of tables. Each dialect has its own, of one form: Notary's programs never see a TUF file,
//! and no key has to name a dialect.

use std::sync::OnceLock;

use libtrust::dialect::Dialect;
use libtrust::names::RoleName;

use crate::names::role_name;

/// Notary's names of its tables, and what stands for them in the other set.
const NAMES: [(&str, &str); 2] = [("tuf_files", "tuf1_files"), ("changefeed", "tuf1_changes")];

/// One of the two sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tables {
    /// `tuf_files` and `changefeed`: Notary's collections.
    Notary,
    /// `tuf1_files` and `tuf1_changes`: TUF 1.0 repositories.
    Tuf,
}

impl Tables {
    /// Where files are.
    pub(crate) const fn files(self) -> &'static str {
        match self {
            Self::Notary => "tuf_files",
            Self::Tuf => "tuf1_files",
        }
    }

    /// Where the feed is.
    pub(crate) const fn changes(self) -> &'static str {
        match self {
            Self::Notary => "changefeed",
            Self::Tuf => "tuf1_changes",
        }
    }

    /// Reads a stored role.
    pub(crate) fn role(self, text: &str) -> Result<RoleName, String> {
        let dialect = match self {
            Self::Notary => Dialect::Notary,
            Self::Tuf => Dialect::Tuf,
        };
        role_name(dialect, text)
    }

    fn rename(sql: &str) -> String {
        NAMES.iter().fold(sql.to_owned(), |sql, (notary, tuf)| sql.replace(notary, tuf))
    }
}

/// A statement, written for Notary's tables.
pub(crate) struct Statement {
    notary: &'static str,
    tuf: OnceLock<String>,
}

impl Statement {
    pub(crate) const fn new(notary: &'static str) -> Self {
        Self { notary, tuf: OnceLock::new() }
    }

    /// The statement on these tables.
    pub(crate) fn on(&'static self, tables: Tables) -> &'static str {
        match tables {
            Tables::Notary => self.notary,
            Tables::Tuf => self.tuf.get_or_init(|| Tables::rename(self.notary)),
        }
    }
}

/// Statements about one row, two, and so on, each kept prepared; written for Notary's tables.
pub(crate) struct Statements {
    write: fn() -> Vec<String>,
    notary: OnceLock<Vec<String>>,
    tuf: OnceLock<Vec<String>>,
}

impl Statements {
    pub(crate) const fn new(write: fn() -> Vec<String>) -> Self {
        Self { write, notary: OnceLock::new(), tuf: OnceLock::new() }
    }

    /// The statement about so many rows of these tables; empty if there is none.
    pub(crate) fn about(&'static self, tables: Tables, rows: usize) -> &'static str {
        let statements = match tables {
            Tables::Notary => self.notary.get_or_init(self.write),
            Tables::Tuf => self.tuf.get_or_init(|| (self.write)().iter().map(|sql| Tables::rename(sql)).collect()),
        };
        statements.get(rows.saturating_sub(1)).map_or("", String::as_str)
    }
}

/// Statements with one to `most` rows between `before` and `after`; `row` spells the row of that index.
pub(crate) fn with_rows(
    most: usize,
    before: &str,
    row: impl Fn(usize) -> String,
    between: &str,
    after: &str,
) -> Vec<String> {
    let mut rows = String::new();
    let with_one_more = |index| {
        if index > 0 {
            rows.push_str(between);
        }
        rows.push_str(&row(index));
        format!("{before}{rows}{after}")
    };
    (0..most).map(with_one_more).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_on_the_other_tables_names_none_of_notarys() {
        static STATEMENT: Statement = Statement::new("SELECT gun FROM tuf_files JOIN changefeed USING (gun)");
        assert_eq!(STATEMENT.on(Tables::Tuf), "SELECT gun FROM tuf1_files JOIN tuf1_changes USING (gun)");
        assert!(STATEMENT.on(Tables::Notary).contains(Tables::Notary.changes()));
        assert!(STATEMENT.on(Tables::Tuf).contains(Tables::Tuf.files()));
    }

    #[test]
    fn each_number_of_rows_has_its_statement() {
        static ROWS: Statements =
            Statements::new(|| with_rows(3, "INSERT INTO tuf_files VALUES ", |_| "(?)".to_owned(), ", ", ""));
        assert_eq!(ROWS.about(Tables::Tuf, 2), "INSERT INTO tuf1_files VALUES (?), (?)");
        assert_eq!(ROWS.about(Tables::Notary, 1), "INSERT INTO tuf_files VALUES (?)");
        assert_eq!(ROWS.about(Tables::Notary, 4), "");
    }
}
