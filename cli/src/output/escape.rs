//! Text from elsewhere on a terminal.
//!
//! Names in metadata and words of a server may hold control characters: a terminal would obey them, and a name could
//! pass for another one. They are shown as `\u{1b}`.

use std::borrow::Cow;
use std::fmt::Write;

/// One line: every control character is shown, line ends too.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    escape(text, is_dangerous)
}

/// Several lines: line ends stay.
#[must_use]
pub fn lines(text: &str) -> Cow<'_, str> {
    escape(text, |c| c != '\n' && is_dangerous(c))
}

fn escape(text: &str, dangerous: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&dangerous) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if dangerous(c) {
            // Writing into a string cannot fail.
            let _ = write!(escaped, "\\u{{{:x}}}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// Control characters, and those that change the direction in which text is read.
fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_told_nothing() {
        assert_eq!(line("v1\u{1b}]0;title\u{7}"), "v1\\u{1b}]0;title\\u{7}");
        assert_eq!(line("a\nb\u{202e}c"), "a\\u{a}b\\u{202e}c");
        assert_eq!(lines("a\nb\r"), "a\nb\\u{d}");
        assert!(matches!(line("plain – é 中"), Cow::Borrowed(_)));
    }
}
