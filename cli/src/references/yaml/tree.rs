//! YAML as a tree whose scalars know their place. The one place that knows the parser.

use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Span};

use super::super::Unclear;

/// How deep collections may nest.
const MAX_DEPTH: usize = 128;

/// A node.
#[derive(Debug)]
pub enum Node {
    /// A scalar.
    Scalar(Scalar),
    /// Keys and values, in order.
    Map(Vec<(Node, Node)>),
    /// Items.
    List(Vec<Node>),
    /// What an anchor elsewhere stands for.
    Alias(usize),
}

/// A scalar.
#[derive(Debug)]
pub struct Scalar {
    /// Its value.
    pub value: String,
    /// Its line, from one.
    pub line: usize,
    /// Where it stands, quotes included, in bytes.
    pub place: Range<usize>,
    /// How it is written; nothing if it is a block, tagged, or spans lines.
    pub quote: Option<&'static str>,
}

impl Node {
    /// The value of a key of a map.
    pub fn get(&self, wanted: &str) -> Option<&Self> {
        let Self::Map(entries) = self else { return None };
        entries.iter().find(|(key, _)| key.is(wanted)).map(|(_, value)| value)
    }

    /// Whether it is this scalar.
    pub fn is(&self, value: &str) -> bool {
        matches!(self, Self::Scalar(scalar) if scalar.value == value)
    }

    /// Its keys and values, if it is a map.
    pub fn entries(&self) -> &[(Self, Self)] {
        if let Self::Map(entries) = self { entries } else { &[] }
    }
}

/// The documents of a text.
///
/// # Errors
/// If it is no YAML, or nests too deep.
pub fn documents(text: &str) -> Result<Vec<Node>, Unclear> {
    let mut reader = Reader { parser: Parser::new_from_str(text), text };
    let mut documents = Vec::new();
    while let Some((event, span)) = reader.next()? {
        match event {
            Event::StreamStart | Event::StreamEnd | Event::DocumentStart(..) | Event::DocumentEnd => {}
            event => documents.push(reader.node(event, span, 0)?),
        }
    }
    Ok(documents)
}

struct Reader<'a> {
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    text: &'a str,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, Unclear> {
        loop {
            match self.parser.next() {
                None => return Ok(None),
                Some(Err(error)) => return Err(Unclear::new(error.marker().line(), format!("not YAML: {error}"))),
                Some(Ok((Event::Anchor(..), _))) => {}
                Some(Ok(found)) => return Ok(Some(found)),
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Unclear> {
        let line = span.start.line();
        if depth > MAX_DEPTH {
            return Err(Unclear::new(line, format!("nested more than {MAX_DEPTH} deep")));
        }
        match event {
            Event::Scalar(value, style, _, tag) => {
                let place = span.byte_range().ok_or_else(|| Unclear::new(line, "no place"))?;
                let source = self.text.get(place.clone()).unwrap_or_default();
                let quote = match style {
                    ScalarStyle::Plain => Some(""),
                    ScalarStyle::SingleQuoted => Some("'"),
                    ScalarStyle::DoubleQuoted => Some("\""),
                    _ => None,
                };
                // What is written is exactly the value, so that it can be replaced as text.
                let plain = |quote: &&str| tag.is_none() && source == format!("{quote}{value}{quote}");
                let quote = quote.filter(plain);
                Ok(Node::Scalar(Scalar { value: value.into_owned(), line, place, quote }))
            }
            Event::Alias(_) => Ok(Node::Alias(line)),
            Event::SequenceStart(..) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        Some((Event::SequenceEnd, _)) => return Ok(Node::List(items)),
                        Some((event, span)) => items.push(self.node(event, span, depth + 1)?),
                        None => return Err(Unclear::new(line, "this list does not end")),
                    }
                }
            }
            Event::MappingStart(..) => {
                let mut entries = Vec::new();
                loop {
                    let unfinished = || Unclear::new(line, "this map does not end");
                    let (event, span) = self.next()?.ok_or_else(unfinished)?;
                    if event == Event::MappingEnd {
                        return Ok(Node::Map(entries));
                    }
                    let key = self.node(event, span, depth + 1)?;
                    let (event, span) = self.next()?.ok_or_else(unfinished)?;
                    entries.push((key, self.node(event, span, depth + 1)?));
                }
            }
            _ => Err(Unclear::new(line, "not understood")),
        }
    }
}
