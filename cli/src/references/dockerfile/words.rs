//! The instructions of a Dockerfile, in words that know their place.

use std::ops::Range;

use super::super::Unclear;

/// A word of an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// As the builder reads it: where a line goes on in the next one, without the break.
    pub text: String,
    /// Where it stands, in bytes.
    pub place: Range<usize>,
    /// Its line, from one.
    pub line: usize,
}

/// A line of the file.
struct Line<'a> {
    number: usize,
    start: usize,
    text: &'a str,
}

/// What a Dockerfile says.
#[derive(Debug)]
pub struct Instructions {
    /// The words of each instruction; the first is its name.
    pub instructions: Vec<Vec<Word>>,
    /// The image of the frontend, from `# syntax=`.
    pub syntax: Option<Word>,
}

/// Splits a text.
///
/// # Errors
/// If it is no Dockerfile, or a here-document does not end.
pub fn instructions(text: &str) -> Result<Instructions, Unclear> {
    let mut lines = lines(text);
    let mut found = Instructions { instructions: Vec::new(), syntax: None };
    if let Some(first) = lines.first()
        && (first.text.starts_with("//") || first.text.starts_with("#!") || first.text.starts_with('{'))
    {
        return Err(Unclear::new(1, "this does not begin like a Dockerfile"));
    }
    let mut escape = '\\';
    for line in &lines {
        let Some((name, value)) = directive(line) else { break };
        match name.as_str() {
            "escape" if value.text == "`" => escape = '`',
            "syntax" => found.syntax = Some(value),
            _ => {}
        }
    }
    lines.reverse();
    while let Some(line) = lines.pop() {
        let words = instruction(line, &mut lines, escape);
        for delimiter in here_documents(&words) {
            skip_document(&delimiter, &mut lines)?;
        }
        if !words.is_empty() {
            found.instructions.push(words);
        }
    }
    Ok(found)
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let mut start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut lines = Vec::new();
    for (n, whole) in text.get(start..).unwrap_or_default().split_inclusive('\n').enumerate() {
        let line = whole.strip_suffix('\n').unwrap_or(whole);
        lines.push(Line { number: n + 1, start, text: line.strip_suffix('\r').unwrap_or(line) });
        start += whole.len();
    }
    lines
}

/// `# name=value` above everything else.
fn directive(line: &Line<'_>) -> Option<(String, Word)> {
    let rest = line.text.strip_prefix('#')?;
    let (name, value) = rest.split_once('=')?;
    let name = name.trim();
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    let text = value.trim();
    let start = line.start + (line.text.len() - value.trim_start().len());
    let place = start..start + text.len();
    Some((name.to_ascii_lowercase(), Word { text: text.to_owned(), place, line: line.number }))
}

fn is_comment(line: &Line<'_>) -> bool {
    line.text.trim_start().starts_with('#')
}

/// The words from `first` on to the end of the instruction; takes further lines where it goes on in them.
fn instruction(first: Line<'_>, lines: &mut Vec<Line<'_>>, escape: char) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut open: Option<Word> = None;
    let mut next = Some(first);
    while let Some(line) = next.take() {
        // Comments and empty lines inside an instruction do not end it.
        let skipped = is_comment(&line) || line.text.trim().is_empty();
        let trimmed = line.text.trim_end_matches([' ', '\t']);
        let goes_on = if skipped { !words.is_empty() || open.is_some() } else { trimmed.ends_with(escape) };
        if !skipped {
            let content = if goes_on { trimmed.strip_suffix(escape).unwrap_or(trimmed) } else { line.text };
            for (at, c) in content.char_indices() {
                let place = line.start + at;
                if c == ' ' || c == '\t' {
                    words.extend(open.take());
                    continue;
                }
                let word =
                    open.get_or_insert_with(|| Word { text: String::new(), place: place..place, line: line.number });
                word.text.push(c);
                word.place.end = place + c.len_utf8();
            }
        }
        if goes_on {
            next = lines.pop();
        }
    }
    words.extend(open);
    words
}

/// The delimiters of the here-documents that follow an instruction, and whether tabs before them are ignored.
fn here_documents(words: &[Word]) -> Vec<(String, bool, usize)> {
    let name = words.first().map(|word| word.text.to_ascii_uppercase()).unwrap_or_default();
    let start = usize::from(name == "ONBUILD");
    let name = words.get(start).map(|word| word.text.to_ascii_uppercase()).unwrap_or_default();
    if !matches!(name.as_str(), "RUN" | "COPY" | "ADD") {
        return Vec::new();
    }
    let delimiter = |word: &Word| {
        let (before, rest) = word.text.split_once("<<")?;
        if !before.chars().all(|c| c.is_ascii_digit()) || rest.starts_with('<') {
            return None;
        }
        let (rest, tabs) = rest.strip_prefix('-').map_or((rest, false), |rest| (rest, true));
        let quoted = |quote: char| rest.strip_prefix(quote)?.split_once(quote).map(|(name, _)| name);
        let plain: &str = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        let name = quoted('"').or_else(|| quoted('\'')).unwrap_or(plain);
        (!name.is_empty()).then(|| (name.to_owned(), tabs, word.line))
    };
    words.iter().filter_map(delimiter).collect()
}

fn skip_document((name, tabs, began): &(String, bool, usize), lines: &mut Vec<Line<'_>>) -> Result<(), Unclear> {
    while let Some(line) = lines.pop() {
        let text = if *tabs { line.text.trim_start_matches('\t') } else { line.text };
        if text == name {
            return Ok(());
        }
    }
    Err(Unclear::new(*began, format!("the here-document {name} does not end")))
}
