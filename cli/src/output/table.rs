//! Tables in our own style: headings in bold, three spaces between columns, nothing after the last.

use std::io::{self, Write};

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

use super::escape;

const HEADING: Style = Style::new().bold();
const GAP: usize = 3;

/// Rows under headings. Cells are escaped: they may come from anywhere.
#[derive(Debug, Clone)]
pub struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows yet.
    #[must_use]
    pub fn new<const N: usize>(headings: [&'static str; N]) -> Self {
        Self { headings: headings.into(), rows: Vec::new() }
    }

    /// Adds a row. Cells beyond the headings are written without one; missing cells stay empty.
    pub fn row<I>(&mut self, cells: I)
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.rows.push(cells.into_iter().map(|cell| escape::line(cell.as_ref()).into_owned()).collect());
    }

    /// Writes headings and rows.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        let widths = self.widths();
        let headings: Vec<String> = self.headings.iter().map(|&heading| heading.to_owned()).collect();
        writeln!(to, "{HEADING}{}{HEADING:#}", aligned(&headings, &widths))?;
        self.rows.iter().try_for_each(|row| writeln!(to, "{}", aligned(row, &widths)))
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.headings.iter().map(|heading| heading.width()).collect();
        for row in &self.rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        widths
    }
}

fn aligned(cells: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        line.push_str(cell);
        line.extend(std::iter::repeat_n(' ', (width + GAP).saturating_sub(cell.width())));
    }
    line.truncate(line.trim_end().len());
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(table: &Table) -> String {
        let mut bytes = anstream::StripStream::new(Vec::new());
        table.write(&mut bytes).unwrap();
        String::from_utf8(bytes.into_inner()).unwrap()
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(["TAG", "SIGNERS"]);
        table.row(["v1", "alice, bob"]);
        table.row(["latest", ""]);
        assert_eq!(text(&table), "TAG      SIGNERS\nv1       alice, bob\nlatest\n");
    }

    #[test]
    fn wide_characters_take_two_columns_and_control_characters_are_shown() {
        let mut table = Table::new(["TAG", "ROLE"]);
        table.row(["中文", "targets"]);
        table.row(["a\tb", "targets"]);
        assert_eq!(text(&table), "TAG       ROLE\n中文      targets\na\\u{9}b   targets\n");
    }
}
