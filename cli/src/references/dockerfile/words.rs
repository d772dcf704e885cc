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
    let escape = directives(&lines, &mut found)?;
    lines.reverse();
    while let Some(line) = lines.pop() {
        let words = instruction(line, &mut lines, escape)?;
        for document in here_documents(&words)? {
            document.skip(&mut lines)?;
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

/// Reads the directives above everything else; gives the escape character. Builders disagree about which comments end
/// them, so another character must be the first thing said.
fn directives(lines: &[Line<'_>], found: &mut Instructions) -> Result<char, Unclear> {
    let mut escape = '\\';
    for (n, line) in lines.iter().enumerate() {
        // Builders take a directive also behind spaces, some of them.
        let indented = line.text.trim_start();
        if indented.len() < line.text.len() && KNOWN.contains(&directive_name(indented).as_str()) {
            return Err(Unclear::new(line.number, "a directive must begin its line"));
        }
        let Some((name, value)) = directive(line) else { break };
        match name.as_str() {
            "escape" if value.text == "`" && n == 0 => escape = '`',
            "escape" if value.text == "\\" && escape == '\\' => {}
            "escape" => {
                return Err(Unclear::new(line.number, "the escape character must be ` in the first line, or \\"));
            }
            "syntax" if found.syntax.is_some() => return Err(Unclear::new(line.number, "a second syntax")),
            "syntax" => found.syntax = Some(value),
            "check" => {}
            _ => break,
        }
    }
    Ok(escape)
}

/// What builders know as directives.
const KNOWN: [&str; 3] = ["escape", "syntax", "check"];

/// The name in `# name=value`; empty if it is none.
fn directive_name(text: &str) -> String {
    let name = text.strip_prefix('#').and_then(|rest| rest.split_once('=')).map_or("", |(name, _)| name.trim());
    name.to_ascii_lowercase()
}

/// `# name=value`.
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
fn instruction(first: Line<'_>, lines: &mut Vec<Line<'_>>, escape: char) -> Result<Vec<Word>, Unclear> {
    let mut words: Vec<Word> = Vec::new();
    let mut open: Option<Word> = None;
    let mut next = Some(first);
    while let Some(line) = next.take() {
        // Comments and empty lines inside an instruction do not end it.
        let skipped = is_comment(&line) || line.text.trim().is_empty();
        let trimmed = line.text.trim_end_matches([' ', '\t']);
        let goes_on = if skipped { !words.is_empty() || open.is_some() } else { trimmed.ends_with(escape) };
        if !skipped && trimmed.strip_suffix(escape).is_some_and(|rest| rest.ends_with(escape)) {
            let why = format!("builders disagree whether a line that ends in {escape}{escape} goes on");
            return Err(Unclear::new(line.number, why));
        }
        if !skipped {
            let content = if goes_on { trimmed.strip_suffix(escape).unwrap_or(trimmed) } else { line.text };
            for (at, c) in content.char_indices() {
                let place = line.start + at;
                if c.is_whitespace() {
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
    Ok(words)
}

/// A here-document that follows an instruction.
#[derive(Debug, PartialEq, Eq)]
struct HereDocument {
    delimiter: String,
    /// Whether tabs before the lines are ignored.
    tabs: bool,
    /// The line it was announced in.
    line: usize,
}

/// The here-documents that follow an instruction, as the builder finds them: words that begin with `<<` outside quotes.
/// One that is missed, or seen where there is none, would hide instructions, so what is not plain is an error.
fn here_documents(words: &[Word]) -> Result<Vec<HereDocument>, Unclear> {
    let name = |at: usize| words.get(at).map(|word| word.text.to_ascii_uppercase()).unwrap_or_default();
    let instruction = if name(0) == "ONBUILD" { name(1) } else { name(0) };
    let mut found = Vec::new();
    if !matches!(instruction.as_str(), "RUN" | "COPY" | "ADD") {
        return Ok(found);
    }
    let mut quote: Option<char> = None;
    let mut has_escaped_quote = false;
    for word in words {
        if quote.is_none() {
            found.extend(here_document(word)?);
        }
        let mut before = ' ';
        for c in word.text.chars() {
            match quote {
                _ if !matches!(c, '"' | '\'') => {}
                _ if matches!(before, '\\' | '`') => has_escaped_quote = true,
                None => quote = Some(c),
                Some(open) if open == c => quote = None,
                Some(_) => {}
            }
            before = c;
        }
    }
    let announces = |word: &&Word| word.text.contains("<<");
    // The builder takes an escaped space for a part of the word, so what looks like a word here may be none.
    let has_escape = words.iter().any(|word| word.text.contains(['\\', '`']));
    if let Some(word) = words.iter().find(announces).filter(|_| has_escape) {
        return Err(Unclear::new(word.line, "escapes beside a here-document are not understood"));
    }
    match words.iter().find(announces).filter(|_| has_escaped_quote) {
        Some(word) => Err(Unclear::new(word.line, "escaped quotes beside a here-document are not understood")),
        None => Ok(found),
    }
}

fn here_document(word: &Word) -> Result<Option<HereDocument>, Unclear> {
    let Some((before, rest)) = word.text.split_once("<<") else { return Ok(None) };
    if !before.chars().all(|c| c.is_ascii_digit()) || rest.contains('<') || rest.is_empty() || rest == "-" {
        return Ok(None);
    }
    let (rest, tabs) = rest.strip_prefix('-').map_or((rest, false), |rest| (rest, true));
    let quoted = |quote: char| rest.strip_prefix(quote)?.strip_suffix(quote);
    let delimiter = quoted('"').or_else(|| quoted('\'')).unwrap_or(rest);
    if delimiter.is_empty() || !delimiter.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.')) {
        return Err(Unclear::new(word.line, format!("the here-document {} is not understood", word.text)));
    }
    Ok(Some(HereDocument { delimiter: delimiter.to_owned(), tabs, line: word.line }))
}

impl HereDocument {
    /// Takes its lines. Builders without BuildKit know no here-documents and take the lines for instructions, so none may be
    /// a `FROM`.
    fn skip(&self, lines: &mut Vec<Line<'_>>) -> Result<(), Unclear> {
        while let Some(line) = lines.pop() {
            let text = if self.tabs { line.text.trim_start_matches('\t') } else { line.text };
            if text == self.delimiter {
                return Ok(());
            }
            let words: Vec<String> = line.text.split_whitespace().map(str::to_ascii_uppercase).collect();
            let is_instruction = matches!(words.first().map(String::as_str), Some("COPY" | "ADD" | "RUN"));
            if is_instruction && words.iter().any(|word| word.contains("FROM=")) {
                let why = "old builders take this line of a here-document for an instruction";
                return Err(Unclear::new(line.number, why));
            }
            let words: Vec<&str> = words.iter().map(String::as_str).filter(|word| !word.starts_with("--")).collect();
            if matches!(words.as_slice(), ["FROM", _] | ["FROM", _, "AS", _]) {
                return Err(Unclear::new(
                    line.number,
                    "old builders take this line of a here-document for an instruction",
                ));
            }
        }
        Err(Unclear::new(self.line, format!("the here-document {} does not end", self.delimiter)))
    }
}
