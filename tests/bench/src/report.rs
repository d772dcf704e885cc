//! The table: for people as text and Markdown, for programs as JSON.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use crate::stats::Sample;

/// What the figures of a row are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    PerSecond,
    Mebibytes,
    Milliseconds,
    Errors,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::PerSecond => "/s",
            Self::Mebibytes => "MiB",
            Self::Milliseconds => "ms",
            Self::Errors => "errors",
        }
    }
}

/// One figure, or why there is none.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    pub value: Option<f64>,
    /// Latencies in milliseconds: the median and the 99th percentile.
    pub latency: Option<(f64, f64)>,
    pub note: String,
}

impl Cell {
    pub fn value(value: f64) -> Self {
        Self { value: Some(value), ..Self::default() }
    }

    pub fn failed(note: impl Into<String>) -> Self {
        Self { note: note.into(), ..Self::default() }
    }

    /// The medians of several runs.
    pub fn median(samples: &[Sample]) -> Self {
        Sample::median(samples).map_or_else(Self::default, |sample| Self {
            value: Some(sample.rate),
            latency: Some((sample.p50_ms, sample.p99_ms)),
            note: String::new(),
        })
    }

    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    fn text(&self, unit: Unit) -> String {
        let mut text = self.value.map_or_else(|| "-".to_owned(), |value| format!("{} {}", number(value), unit.name()));
        if let Some((p50, p99)) = self.latency {
            let _ = write!(text, ", p50 {} p99 {} ms", number(p50), number(p99));
        }
        if !self.note.is_empty() {
            let _ = write!(text, " ({})", self.note);
        }
        text
    }

    fn json(&self) -> Value {
        let (p50, p99) = self.latency.unzip();
        json!({ "value": self.value, "p50_ms": p50, "p99_ms": p99, "note": self.note })
    }
}

/// What a row must reach, and what it reached.
#[derive(Debug, Clone)]
pub struct Bar {
    text: String,
    reached: bool,
}

impl Bar {
    /// `found` must be at least `bar`; nothing if there is no figure to judge.
    pub fn at_least(what: &str, found: Option<f64>, bar: f64) -> Option<Self> {
        found.map(|found| Self { text: format!("{what} >= {bar}: {}", number(found)), reached: found >= bar })
    }

    /// `found` must be at most `bar`.
    pub fn at_most(what: &str, found: Option<f64>, bar: f64) -> Option<Self> {
        found.map(|found| Self { text: format!("{what} <= {bar}: {}", number(found)), reached: found <= bar })
    }

    fn text(&self) -> String {
        format!("{} {}", self.text, if self.reached { "reached" } else { "MISSED" })
    }
}

/// One kind of work.
#[derive(Debug, Clone)]
pub struct Row {
    pub work: String,
    pub unit: Unit,
    pub ours: Option<Cell>,
    pub go: Option<Cell>,
    pub limit: Option<Cell>,
    pub bars: Vec<Bar>,
}

impl Row {
    pub fn new(work: impl Into<String>, unit: Unit) -> Self {
        Self { work: work.into(), unit, ours: None, go: None, limit: None, bars: Vec::new() }
    }

    pub fn to_go(&self) -> Option<f64> {
        ratio(self.ours.as_ref(), self.go.as_ref())
    }

    pub fn to_limit(&self) -> Option<f64> {
        ratio(self.ours.as_ref(), self.limit.as_ref())
    }

    fn columns(&self) -> [String; 7] {
        let cell = |cell: &Option<Cell>| cell.as_ref().map_or_else(|| "-".to_owned(), |cell| cell.text(self.unit));
        let times = |ratio: Option<f64>| ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{}x", number(ratio)));
        let bars = self.bars.iter().map(Bar::text).collect::<Vec<_>>().join("; ");
        let (to_go, to_limit) = (times(self.to_go()), times(self.to_limit()));
        [self.work.clone(), cell(&self.ours), cell(&self.go), cell(&self.limit), to_go, to_limit, bars]
    }

    fn json(&self) -> Value {
        let cell = |cell: &Option<Cell>| cell.as_ref().map(Cell::json);
        let bars: Vec<Value> = self.bars.iter().map(|b| json!({ "bar": b.text, "reached": b.reached })).collect();
        json!({
            "work": self.work, "unit": self.unit.name(), "ours": cell(&self.ours), "go": cell(&self.go),
            "limit": cell(&self.limit), "ours_to_go": self.to_go(), "ours_to_limit": self.to_limit(), "bars": bars,
        })
    }
}

fn ratio(ours: Option<&Cell>, other: Option<&Cell>) -> Option<f64> {
    let other = other?.value.filter(|value| *value > 0.0)?;
    Some(ours?.value? / other)
}

/// A whole run.
#[derive(Debug, Default)]
pub struct Report {
    pub header: Vec<(String, String)>,
    pub rows: Vec<Row>,
}

const HEAD: [&str; 7] = ["work", "ours", "Go", "limit", "ours/Go", "ours/limit", "bar"];

impl Report {
    /// The table for a terminal.
    pub fn text(&self) -> String {
        let lines: Vec<[String; 7]> =
            std::iter::once(HEAD.map(str::to_owned)).chain(self.rows.iter().map(Row::columns)).collect();
        let mut widths = [0; 7];
        for line in &lines {
            for (width, text) in widths.iter_mut().zip(line) {
                *width = text.chars().count().max(*width);
            }
        }
        let mut out = String::new();
        for (name, value) in &self.header {
            let _ = writeln!(out, "{name}: {value}");
        }
        for line in &lines {
            let padded: Vec<String> = line.iter().zip(widths).map(|(text, width)| format!("{text:<width$}")).collect();
            let _ = writeln!(out, "{}", padded.join("  ").trim_end());
        }
        out
    }

    /// Requests to our server that failed.
    pub fn errors(&self) -> f64 {
        let ours = self.rows.iter().filter(|row| row.unit == Unit::Errors).filter_map(|row| row.ours.as_ref());
        ours.filter_map(|cell| cell.value).sum()
    }

    fn markdown(&self) -> String {
        let mut out = String::new();
        for (name, value) in &self.header {
            let _ = writeln!(out, "* {name}: {value}");
        }
        let _ = writeln!(out, "\n| {} |\n|{}", HEAD.join(" | "), "---|".repeat(HEAD.len()));
        for row in &self.rows {
            let _ = writeln!(out, "| {} |", row.columns().map(|text| text.replace('|', "/")).join(" | "));
        }
        out
    }

    fn json(&self) -> Value {
        let header: serde_json::Map<String, Value> =
            self.header.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        json!({ "run": header, "rows": self.rows.iter().map(Row::json).collect::<Vec<_>>() })
    }

    /// Writes `result.json` and `result.md` there.
    pub fn write(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("result.json"), serde_json::to_vec_pretty(&self.json())?)?;
        Ok(fs::write(folder.join("result.md"), self.markdown())?)
    }
}

/// About three significant digits.
fn number(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 || value == 0.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_need_both_figures() {
        let mut row = Row::new("work", Unit::PerSecond);
        row.ours = Some(Cell::value(10.0));
        assert_eq!(row.to_go(), None);
        row.go = Some(Cell::failed("crashed"));
        assert_eq!(row.to_go(), None);
        row.go = Some(Cell::value(4.0));
        assert_eq!(row.to_go(), Some(2.5));
    }

    #[test]
    fn a_bar_says_whether_it_was_reached() {
        let text = |bar: Option<Bar>| bar.map(|bar| bar.text());
        assert_eq!(text(Bar::at_least("of nginx", Some(0.5), 0.8)).as_deref(), Some("of nginx >= 0.8: 0.50 MISSED"));
        assert_eq!(text(Bar::at_most("MiB", Some(12.0), 40.0)).as_deref(), Some("MiB <= 40: 12.0 reached"));
        assert_eq!(text(Bar::at_most("MiB", None, 40.0)), None);
    }
}
